"""A remote pinning service: somebody else keeps a copy, and says so.

Source: the IPFS Pinning Service API, version 1.0.0. A service fetches what it pins from the network, above all from the
``origins`` that a request names; it never gets a block from us here.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ledger.answer import Answer, host_of, http_url, pieces, words
from ledger.canonical import check_depth
from ledger.cid import Cid
from ledger.errors import LedgerError, Malformed, NodeFull, NodeRefused, NodeUnreachable, NotFound, PinFailed

MOST_CIDS = 10
"""CIDs that one question may name, as the specification has it."""

_MOST_ORIGINS = 20
_LONGEST_NAME = 255
_LONGEST_ANSWER = 8 << 20  # a thousand pins with twenty origins each
_CONNECT = 10.0  # seconds


class PinStatus(enum.StrEnum):
    """How far a service has come with a request."""

    QUEUED = "queued"
    PINNING = "pinning"
    PINNED = "pinned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RemotePin:
    """A request as the service knows it.

    Attributes:
        id: what the service calls it (``requestid``).
        cid: the tree to be kept.
        status: how far it has come.
        name: what we called it.
        delegates: multiaddrs of the service's nodes, which would like to hear from whoever has the content.
        info: what the service says of it beside, as one line.
    """

    id: str
    cid: Cid
    status: PinStatus
    name: str
    delegates: tuple[str, ...]
    info: str


class PinningService:
    """A service behind one URL and one token; the token is in no error and no ``repr``."""

    def __init__(self, url: str, token: str, *, patience: float = 30.0):
        """Nothing is asked yet. ``url`` is the part before ``/pins``; ``patience`` is seconds for an answer.

        Raises :class:`~ledger.errors.Malformed` for what is no URL, or http to another machine than this: the token
        would be read on the way.
        """
        import requests

        parts = http_url(url)
        if parts is None:
            raise Malformed("a pinning service is given as a URL such as https://api.example.org/psa, before /pins")
        if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise Malformed(f"the pinning service {host_of(url)} is asked for over https alone: http shows its token")
        if not token.isascii() or not token.isprintable() or not token.strip():
            raise Malformed("the pinning service's token is empty, or has signs that no HTTP header can carry")
        self.name = f"the pinning service {host_of(url)}"
        self._url, self._token, self._patience = url.rstrip("/"), token, patience
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": "stemmata", "Accept-Encoding": "identity"})
        self._session.auth = self._authorize  # a header alone would give way to what ~/.netrc says

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def add(self, cid: Cid, *, name: str = "", origins: Sequence[str] = ()) -> RemotePin:
        """Ask for a tree to be kept. ``origins`` are multiaddrs of nodes that have it, of which 20 are told.

        Raises :class:`NodeUnreachable`, :class:`NodeRefused`, :class:`NodeFull` (no room, or no money left).
        """
        return self._pin(self._ask("POST", "/pins", json=_request(cid, name, origins)))

    def get(self, request: str) -> RemotePin:
        """A request. Raises :class:`NotFound`, and the errors of :meth:`add` but for the last."""
        return self._pin(self._ask("GET", _path(request)))

    def list(self, cids: Iterable[Cid]) -> tuple[RemotePin, ...]:
        """All requests, whatever their status, for any of these CIDs; errors as :meth:`get`."""
        found: list[RemotePin] = []
        wanted = tuple(dict.fromkeys(cids))
        for start in range(0, len(wanted), MOST_CIDS):
            some = wanted[start : start + MOST_CIDS]
            # Without a status a service lists only what is pinned.
            query = {"cid": ",".join(map(str, some)), "status": ",".join(PinStatus), "limit": "1000"}
            answer = self._ask("GET", "/pins", params=query)
            with self._reading():
                found += [self._pin(each) for each in answer["results"]]
        return tuple(pin for pin in found if pin.cid in wanted)

    def replace(self, request: str, cid: Cid, *, name: str = "", origins: Sequence[str] = ()) -> RemotePin:
        """Put a request in another's place, so that what both keep is never let go; errors of both."""
        return self._pin(self._ask("POST", _path(request), json=_request(cid, name, origins)))

    def wait(self, request: str, timeout: float, *, pause: float = 2.0) -> RemotePin:
        """Ask again until it is pinned, with ``pause`` seconds between two questions.

        Raises :class:`~ledger.errors.PinFailed` where the service gave up, or ``timeout`` seconds have passed.
        """
        end = time.monotonic() + timeout
        while True:
            pin = self.get(request)
            if pin.status is PinStatus.PINNED:
                return pin
            because = f": {pin.info}" if pin.info else ""
            if pin.status is PinStatus.FAILED:
                raise PinFailed(
                    f"{self.name} gave up on {pin.cid}{because}; is it on a node that others can reach? "
                    "the same command asks again"
                )
            if time.monotonic() + pause > end:
                raise PinFailed(
                    f"{self.name} has not pinned {pin.cid} within {timeout:g} s: it is {pin.status}{because}; it goes "
                    "on by itself, and the same command, or `content status`, looks again"
                )
            time.sleep(pause)

    # -- below

    def _authorize(self, request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        import json as codec

        import requests
        from urllib3.exceptions import HTTPError
        from urllib3.exceptions import TimeoutError as Silence

        try:
            with self._session.request(
                method,
                self._url + path,
                timeout=(_CONNECT, self._patience),
                stream=True,
                allow_redirects=False,
                **more,
            ) as response:
                status = response.status_code
                body = Answer(pieces(response), self.name, self._patience).whole(_LONGEST_ANSWER)
        except (requests.Timeout, Silence):
            raise NodeUnreachable(f"{self.name} did not answer in time; the same command goes on") from None
        except (requests.RequestException, HTTPError) as error:
            raise NodeUnreachable(
                f"{self.name} cannot be reached, or broke off ({type(error).__name__}); the same command goes on"
            ) from None
        if status not in (200, 202):
            raise self._refusal(status, body)
        with self._reading():
            check_depth(body)
            return codec.loads(body)

    def _refusal(self, status: int, body: bytes) -> LedgerError:
        import json as codec

        try:
            check_depth(body)
            error = codec.loads(body)["error"]
            said = f"{error['reason']}: {error['details']}" if error.get("details") else str(error["reason"])
        except (Malformed, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            said = "and says no reason"
        said = f"HTTP status {status}, {words(said, self._token)}"
        if status in (401, 403):
            return NodeRefused(f"{self.name} does not let us in ({said}); is STEMMATA_PINNING_TOKEN right?")
        if status == 404:
            return NotFound(f"{self.name} knows no such request ({said}); is STEMMATA_PINNING its URL before /pins?")
        if status in (402, 409, 413, 507):
            return NodeFull(f"{self.name} has no room or money left for us ({said}); see your account there")
        if 300 <= status < 400:
            return NodeRefused(
                f"{self.name} sends us to another address; set STEMMATA_PINNING to that, if you trust it"
            )
        return NodeRefused(f"{self.name} refuses ({said}); try again later, or use another")

    def _pin(self, found: Any) -> RemotePin:
        with self._reading():
            pin, info = found["pin"], found.get("info") or {}
            return RemotePin(
                id=str(found["requestid"]),
                cid=Cid.parse(pin["cid"]),
                status=PinStatus(found["status"]),
                name=str(pin.get("name") or ""),
                delegates=tuple(map(str, found["delegates"] or ())),
                info=words("; ".join(f"{key}: {value}" for key, value in info.items()), self._token) if info else "",
            )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, Malformed) as error:
            raise NodeRefused(f"{self.name} does not answer as a pinning service: {type(error).__name__}") from None


def _path(request: str) -> str:
    return "/pins/" + quote(request, safe="")


def _request(cid: Cid, name: str, origins: Sequence[str]) -> dict[str, Any]:
    asked: dict[str, Any] = {"cid": str(cid)}
    if name:
        asked["name"] = name[:_LONGEST_NAME]
    if origins:
        asked["origins"] = list(dict.fromkeys(origins))[:_MOST_ORIGINS]
    return asked
