"""What stands before every route: bounds on headers, bodies, time and pace; where a request comes from; and the
headers that tell a browser what a page may do.

Plain ASGI: it costs a few microseconds, and streams pass through as they come.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException

from api.errors import TooMany
from api.http import problems
from api.http.csrf import SAFE
from api.http.rates import Rates, network_address

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

MOST_HEADERS = 100
MOST_HEADER_BYTES = 16384
MOST_TARGET_BYTES = 8192

MOST_AT_ONCE = 256
"""Requests of one network address that may be in work in one process, streams of events among them."""

MOST_BODY_BYTES = 1 << 20
"""Of a request that brings no file."""

# Where requests may bring files: with POST to these, with PUT below that.
_FILES_TO = frozenset({"/checks", "/recordings/new", "/studio", "/v1/audits"})
_FILES_BELOW = "/v1/uploads/"

_FORM_BYTES = 1 << 20  # around a file, in a form
WINDOW = 20.0
LEAST_BYTES = 80 << 10
"""A body has to bring at least so much in each :data:`WINDOW` seconds that it is waited for, or its end."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may load (Content Security Policy, level 3): what this site serves, and no script or style in a page."""

_HEADERS: tuple[Header, ...] = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_ONLY_TLS: Header = (b"strict-transport-security", b"max-age=31536000")
_PRIVATE: Header = (b"cache-control", b"private, no-store")
_CLOSE: Header = (b"connection", b"close")


class Shields:
    """An application behind all of it."""

    def __init__(self, app: App, *, site: str, proxies: int, upload: int, rates: Rates) -> None:
        """Stand before ``app``.

        Args:
            app: what is shielded.
            site: scheme and authority at which people reach us.
            proxies: as in :func:`~api.http.rates.network_address`.
            upload: most bytes of a file.
            rates: has an allowance named ``any``.
        """
        self._app, self._proxies, self._upload, self._rates = app, proxies, upload, rates
        self._site = site.encode()
        self._at_once: Counter[str] = Counter()
        self._headers = (*_HEADERS, _ONLY_TLS) if site.startswith("https://") else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        body = _Body(receive, self._most(scope), headers)
        # What is somebody's own is not kept by any cache, unless the route says how.
        own = b"cookie" in headers or b"authorization" in headers

        async def answer(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                said = list(message.get("headers", ()))
                names = {name.lower() for name, _ in said}
                said += [header for header in self._headers if header[0] not in names]
                if own and b"cache-control" not in names:
                    said.append(_PRIVATE)
                if not body.whole:
                    said.append(_CLOSE)  # nobody waits for the rest of what was not read
                message = {**message, "headers": said}
            await send(message)

        who = network_address(scope, self._proxies)
        refusal = self._refusal(scope, headers, body.most, who)
        if refusal is not None:
            await _refuse(answer, *refusal)
            return
        self._at_once[who] += 1
        try:
            await self._app(scope, body.receive, answer)
        finally:
            self._at_once[who] -= 1
            if not self._at_once[who]:
                del self._at_once[who]
            form = scope.get("state", {}).get("form")
            if form is not None:
                await form.close()

    def _most(self, scope: Scope) -> int:
        method, path = scope["method"], scope["path"]
        large = path in _FILES_TO if method == "POST" else method == "PUT" and path.startswith(_FILES_BELOW)
        return self._upload + _FORM_BYTES if large else MOST_BODY_BYTES

    def _refusal(
        self, scope: Scope, headers: dict[bytes, bytes], most: int, who: str
    ) -> tuple[int, str, str, tuple[Header, ...]] | None:
        """Status, name, words and headers of the refusal, where there is one."""
        all_headers = scope["headers"]
        if len(all_headers) > MOST_HEADERS or sum(len(n) + len(v) for n, v in all_headers) > MOST_HEADER_BYTES:
            return 431, "TooLong", f"at most {MOST_HEADERS} headers with {MOST_HEADER_BYTES} bytes are read", ()
        if len(scope.get("raw_path") or scope["path"].encode()) + len(scope["query_string"]) > MOST_TARGET_BYTES:
            return 414, "TooLong", f"an address has at most {MOST_TARGET_BYTES} bytes", ()
        try:
            if self._at_once[who] >= MOST_AT_ONCE:
                raise TooMany(f"at most {MOST_AT_ONCE} requests at a time are answered", 1)
            self._rates.take("any", who)
        except TooMany as error:
            return 429, "TooMany", str(error), ((b"retry-after", b"%d" % error.after),)
        if scope["method"] not in SAFE:
            origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site")
            if origin not in (None, self._site) or site in (b"cross-site", b"same-site"):
                ours = self._site.decode()
                return 403, "NotPermitted", f"another site's page cannot change anything here; this one's is {ours}", ()
        if int(headers.get(b"content-length", b"0")) > most:
            return 413, "TooLong", f"at most {most} bytes are taken in here", ()
        return None


class _Body:
    """The body of a request as it arrives: ``most`` bytes of it, at a pace. ``whole`` says that nothing is to come."""

    def __init__(self, receive: Receive, most: int, headers: dict[bytes, bytes]) -> None:
        self._receive, self.most = receive, most
        self.whole = b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0"
        self._size = 0
        self._waited = 0.0
        self._window = 0

    async def receive(self) -> MutableMapping[str, Any]:
        if self.whole:
            return await self._receive()
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(WINDOW - self._waited):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, f"a body has to arrive at {LEAST_BYTES / WINDOW:.0f} bytes a second") from None
        # The time in which nobody waited was not the sender's.
        self._waited += loop.time() - began
        piece = len(message.get("body", b""))
        self._size += piece
        self._window += piece
        if self._size > self.most:
            raise HTTPException(413, f"at most {self.most} bytes are taken in here")
        if self._window >= LEAST_BYTES:
            self._waited, self._window = 0.0, 0
        self.whole = not message.get("more_body", False)
        return message


async def _refuse(send: Send, status: int, name: str, detail: str, headers: tuple[Header, ...]) -> None:
    content = json.dumps(problems.of(status, name, detail)).encode()
    start = [(b"content-type", problems.MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(content)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": content})
