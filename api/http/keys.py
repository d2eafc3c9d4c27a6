"""The key service: ``POST /datasets/{id}/key`` and ``POST /models/{id}/key``.

The body is a signed :class:`ledger.keyrelease.KeyRequest`, the answer a :class:`ledger.keyrelease.SealedKey`, both in
JSON; refusals are problems (RFC 9457) by the names of our errors. What is secret in an answer is sealed, and neither
body is ever logged.
"""

# No postponed annotations: FastAPI reads those of its handlers, and their names are known inside the functions only.

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from api.home import Home
from api.http import problems
from ledger.vault import Vault

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI

    from ledger.contracts.entries import SubjectKind

log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


def create_keys_router(home: Home, vault: Vault, now: Callable[[], datetime] = _now) -> "APIRouter":
    """The two routes, for any application to mount. ``vault`` is the holder's, open."""
    from fastapi import APIRouter, Path, Request
    from fastapi.concurrency import run_in_threadpool
    from fastapi.responses import JSONResponse, Response

    from api.workflows import opening
    from ledger.keyrelease import MAX_REQUEST_BYTES

    router = APIRouter(tags=["keys"])

    def problem(content: dict[str, object]) -> Response:
        return JSONResponse(content, status_code=int(str(content["status"])), media_type=problems.MEDIA_TYPE)

    def answer(kind: "SubjectKind", number: int, body: bytes) -> Response:
        try:
            sealed = opening.answer(home, vault, kind, number, body, now)
        except Exception as error:
            if problems.status_of(error) >= 500:
                log.exception("the key of %s %s could not be released", kind, number)
            return problem(problems.problem(error))
        headers = {"Cache-Control": "no-store"}
        return Response(sealed.to_bytes(), media_type="application/json", headers=headers)

    async def read(request: Request) -> bytes | None:
        """The body, or None for one that is too long; no more of it is taken in."""
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_REQUEST_BYTES:
                return None
        return bytes(body)

    async def release(kind: "SubjectKind", number: int, request: Request) -> Response:
        body = await read(request)
        if body is None:
            detail = f"a request for a key has at most {MAX_REQUEST_BYTES} bytes"
            return problem(problems.of(413, "Malformed", detail))
        return await run_in_threadpool(answer, kind, number, body)

    @router.post("/datasets/{number}/key")
    async def dataset_key(request: Request, number: int = Path(ge=1, lt=2**53)) -> Response:
        """The key of a dataset's recordings, for the licensee who signed the request, sealed."""
        return await release("dataset", number, request)

    @router.post("/models/{number}/key")
    async def model_key(request: Request, number: int = Path(ge=1, lt=2**53)) -> Response:
        """The key of a model's weights, for the licensee who signed the request, sealed."""
        return await release("model", number, request)

    return router


def create_keys_app(home: Home, now: Callable[[], datetime] = _now) -> "FastAPI":
    """An application with the key service alone. The vault is opened here, once; it asks for the passphrase."""
    from fastapi import FastAPI, Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    app = FastAPI(title="Stemmata: keys for licensees", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(create_keys_router(home, home.vault(), now))

    @app.exception_handler(RequestValidationError)
    async def unreadable(request: Request, error: RequestValidationError) -> JSONResponse:
        content = problems.of(400, "Malformed", "the path names a dataset or model by its number, from 1")
        return JSONResponse(content, status_code=400, media_type=problems.MEDIA_TYPE)

    @app.exception_handler(HTTPException)
    async def elsewhere(request: Request, error: HTTPException) -> JSONResponse:
        content = problems.of(error.status_code, "NotFound" if error.status_code == 404 else "Refused", error.detail)
        return JSONResponse(
            content, status_code=error.status_code, media_type=problems.MEDIA_TYPE, headers=error.headers
        )

    return app
