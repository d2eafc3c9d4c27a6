"""C2PA's Soft Binding Resolution API 1.0.0: from a watermark, a fingerprint or a file to the manifests of our tracks.

Source: C2PA specification 2.2, "C2PA Soft Binding API", section 1.4. It is read-only and asks nobody who they are. What
is uploaded is decoded in a process of its own under limits, looked at, and deleted; no body is logged.
"""

# No postponed annotations: FastAPI reads those of its handlers, and their names are known inside the functions only.

import asyncio
import base64
import binascii
import contextlib
import json
import logging
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import IO, TYPE_CHECKING, Annotated, Any

from api.home import Home
from api.http import problems
from api.workflows.bindings import Manifests, Match
from ledger.credentials import ISCC, WATERMARK
from ledger.errors import Malformed

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI, Request
    from fastapi.responses import Response

    from gen.audio import Decoder

log = logging.getLogger(__name__)

MANIFEST = "application/c2pa"
MOST_RESULTS = 100
LONGEST_VALUE = 4096
"""Characters of a binding's value."""
_LONGEST_QUERY = 1 << 16
_AUDIO = ("audio/", "application/octet-stream", "application/ogg")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one upload may cost, and how many there may be.

    upload: bytes. arriving: seconds until all of it is here. samples: over all channels. seconds: to decode it.
    at_once: files that are listened to at a time. received: files that are here or on their way. patience: seconds that
    one waits until it is listened to.
    """

    upload: int = 256 << 20
    arriving: float = 60.0
    samples: int = 600 * 48_000 * 2
    seconds: float = 60.0
    at_once: int = 2
    received: int = 8
    patience: float = 20.0


class _Answers:
    """What the routes say; each method runs in a thread of its own."""

    def __init__(self, home: Home, limits: Bounds) -> None:
        self.limits = limits
        self.received = threading.BoundedSemaphore(limits.received)
        self._ears = threading.BoundedSemaphore(limits.at_once)
        self._manifests = Manifests(home)

    def bound(self, alg: str, value: str, most: int) -> "Response":
        return self._answered(lambda: _found(self._manifests.by_binding(alg, _decoded(value), _at_most(most))))

    def manifest(self, name: str, *, active_only: bool) -> "Response":
        from fastapi.responses import Response

        return self._answered(
            lambda: Response(self._manifests.manifest(name, active_only=active_only), media_type=MANIFEST)
        )

    def listened(self, place: FilePath, alg: str | None, hint: tuple[str | None, str | None], most: int) -> "Response":
        from gen.errors import AudioError

        def work() -> "Response":
            if not self._ears.acquire(timeout=self.limits.patience):
                return _busy()
            try:
                with _confined(self.limits) as decoder:
                    matches = self._manifests.by_content(place, decoder, alg, _at_most(most))
            except AudioError as error:
                return _problem(415, type(error).__name__, str(error))
            finally:
                self._ears.release()
            if not matches and hint[0] is not None and hint[1] is not None:
                matches = self._manifests.by_binding(hint[0], _decoded(hint[1]), _at_most(most))
            return _found(matches)

        return self._answered(work)

    def _answered(self, work: "Callable[[], Response]") -> "Response":
        from fastapi.responses import JSONResponse

        try:
            return work()
        except Exception as error:
            content = problems.problem(error)
            if content["status"] == 500:
                log.exception("a binding could not be resolved")
            return JSONResponse(content, content["status"], media_type=problems.MEDIA_TYPE)


def create_bindings_router(home: Home, bounds: Bounds | None = None) -> "APIRouter":
    """The routes, for any application to mount, under any prefix."""
    from fastapi import APIRouter, Path, Query, Request
    from fastapi.concurrency import run_in_threadpool
    from fastapi.responses import Response
    from starlette.requests import ClientDisconnect

    answers = _Answers(home, bounds or Bounds())
    router = APIRouter(tags=["bindings"])
    most_results = Annotated[int, Query(alias="maxResults", ge=1)]

    @router.get("/matches/byBinding")
    def by_binding(alg: str, value: str, most: most_results = 10) -> Response:
        """Manifests by a watermark or fingerprint: ``value`` is base64 (RFC 4648) of the binding's bytes."""
        if len(value) > LONGEST_VALUE:
            return _problem(414, "Malformed", f"value: longer than {LONGEST_VALUE} characters; no binding of ours is")
        return answers.bound(alg, value, most)

    @router.post("/matches/byBinding")
    async def by_large_binding(request: Request, most: most_results = 10) -> Response:
        """The same, with ``alg`` and ``value`` as a JSON object in the body."""
        body = bytearray()
        try:
            async for piece in request.stream():
                body += piece
                if len(body) > _LONGEST_QUERY:
                    return _problem(413, "Malformed", f"a query has at most {_LONGEST_QUERY} bytes")
            alg, value = _query(bytes(body))
        except ClientDisconnect:
            return _gone()
        except Malformed as error:
            return _problem(400, "Malformed", str(error))
        return await run_in_threadpool(answers.bound, alg, value, most)

    @router.post("/matches/byContent")
    async def by_content(
        request: Request,
        most: most_results = 10,
        alg: str | None = None,
        hint_alg: Annotated[str | None, Query(alias="hintAlg")] = None,
        hint_value: Annotated[str | None, Query(alias="hintValue")] = None,
    ) -> Response:
        """Manifests of the tracks in an audio file, which is the body; the hint is tried where nothing is found."""
        kind = request.headers.get("content-type", _AUDIO[1]).lower()
        if not kind.startswith(_AUDIO):
            return _problem(415, "NotAudio", f"{kind[:80]}: audio is what can be matched here")
        if not answers.received.acquire(blocking=False):
            return _busy()
        try:
            with tempfile.NamedTemporaryFile() as copy:
                refused = await _receive(request, copy, answers.limits)
                if refused is not None:
                    return refused
                hint = (hint_alg, hint_value)
                return await run_in_threadpool(answers.listened, FilePath(copy.name), alg, hint, most)
        finally:
            answers.received.release()

    # A token's name has slashes in it.
    @router.get("/manifests/{manifest_id:path}")
    def manifest(
        manifest_id: Annotated[str, Path(max_length=300)],
        active: Annotated[bool, Query(alias="returnActiveManifest")] = False,
    ) -> Response:
        """A manifest store, or its active manifest alone, as it lies in the minted file."""
        return answers.manifest(manifest_id, active_only=active)

    @router.get("/services/supportedAlgorithms")
    def supported() -> dict[str, list[dict[str, str]]]:
        """The algorithms that queries may use."""
        return {"watermarks": [{"alg": WATERMARK}], "fingerprints": [{"alg": ISCC}]}

    return router


def create_bindings_app(home: Home, bounds: Bounds | None = None) -> "FastAPI":
    """An application with the resolution of bindings alone, below ``/v1``; pages of any origin may ask it."""
    from fastapi import FastAPI, Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.middleware.cors import CORSMiddleware
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    app = FastAPI(title="Stemmata: soft bindings", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(create_bindings_router(home, bounds), prefix="/v1")
    app.add_middleware(
        CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST"], allow_headers=["Content-Type"]
    )

    @app.exception_handler(RequestValidationError)
    async def unreadable(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        detail = f"{first['loc'][-1]}: {first['msg']}"
        return JSONResponse(problems.of(400, "Malformed", detail), 400, media_type=problems.MEDIA_TYPE)

    @app.exception_handler(Exception)
    async def faulty(request: Request, error: Exception) -> JSONResponse:
        # Such as a full disk. The server logs it.
        content = problems.problem(error)
        return JSONResponse(content, content["status"], media_type=problems.MEDIA_TYPE)

    @app.exception_handler(HTTPException)
    async def elsewhere(request: Request, error: HTTPException) -> JSONResponse:
        name = "NotFound" if error.status_code == 404 else "Refused"
        content = problems.of(error.status_code, name, error.detail)
        return JSONResponse(content, error.status_code, error.headers, problems.MEDIA_TYPE)

    return app


def _busy() -> "Response":
    """The answer to whoever comes while there is no room."""
    said = "as many files as may be are being listened to; try again"
    return _problem(503, "Busy", said, {"Retry-After": "10"})


def _gone() -> "Response":
    """What is said to nobody: whoever asked has left before the question was here."""
    return _problem(400, "Malformed", "not all of the body was sent")


async def _receive(request: "Request", copy: IO[bytes], limits: Bounds) -> "Response | None":
    """Write the body to a file, as far as the limits let it; the refusal where they do not."""
    from starlette.requests import ClientDisconnect

    size = 0
    try:
        async with asyncio.timeout(limits.arriving):
            async for piece in request.stream():
                size += len(piece)
                if size > limits.upload:
                    return _problem(413, "TooLong", f"at most {limits.upload} bytes are taken in")
                copy.write(piece)
    except ClientDisconnect:
        return _gone()
    except TimeoutError:
        return _problem(408, "TooSlow", f"not all of it was here within {limits.arriving:g} s")
    copy.flush()
    return None


@contextlib.contextmanager
def _confined(limits: Bounds) -> Iterator["Decoder"]:
    """A decoder in a process of its own, which ends with the file."""
    from gen.confined import ConfinedDecoder, Limits

    seconds = max(1, int(limits.seconds))
    with ConfinedDecoder(Limits(processor_seconds=seconds, seconds=limits.seconds, most_samples=limits.samples)) as one:
        yield one


def _decoded(value: str) -> bytes:
    """Base64 of either alphabet, padded or not. Raises :class:`Malformed`."""
    # A plus sign that nobody encoded has become a space on the way.
    plain = value.strip().replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("value: not base64") from None


def _query(body: bytes) -> tuple[str, str]:
    try:
        content: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed("the body is a JSON object with alg and value") from None
    if not isinstance(content, dict):
        raise Malformed("the body is a JSON object with alg and value")
    for name in ("alg", "value"):
        if not isinstance(content.get(name), str):
            raise Malformed(f"{name}: a text is missing")
    return content["alg"], content["value"]


def _problem(status: int, name: str, detail: str, headers: dict[str, str] | None = None) -> "Response":
    from fastapi.responses import JSONResponse

    return JSONResponse(problems.of(status, name, detail), status, headers, problems.MEDIA_TYPE)


def _found(matches: list[Match]) -> "Response":
    from fastapi.responses import JSONResponse

    return JSONResponse({"matches": [_said(match) for match in matches]})


def _at_most(most: int) -> int:
    return min(most, MOST_RESULTS)


def _said(match: Match) -> dict[str, Any]:
    score = {} if match.score is None else {"similarityScore": match.score}
    return {"manifestId": match.manifest, **score}
