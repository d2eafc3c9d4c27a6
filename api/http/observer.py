"""Stands before everything: counts a request, writes a line about it, and gives it an id that its answer carries."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from api.http.logs import REQUESTS
from api.http.metrics import Metrics

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")

_API = "/v1/"

log = logging.getLogger(REQUESTS)


class Observer:
    """An application that is watched. Plain ASGI: it costs some ten microseconds a request."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name, begin, status, size = _id(scope), time.perf_counter(), 500, 0

        async def answer(message: MutableMapping[str, Any]) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", name)]
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            seconds = time.perf_counter() - begin
            route = _route(scope)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.count(method, route, status, seconds)
            if log.isEnabledFor(logging.INFO):
                # As log.info does, but for looking who calls it; and there is nothing in it that has to be escaped.
                record = logging.LogRecord(REQUESTS, logging.INFO, __file__, 0, "", None, None)
                record.said = (
                    f'"request":"{name.decode()}","method":"{method}","route":"{route}","status":{status},'
                    f'"bytes":{size},"ms":{1000 * seconds:.2f}'
                )
                log.handle(record)


def _route(scope: Scope) -> str:
    """The template of the route that answered: an address may hold what is secret, and there is no end of them."""
    path: str = getattr(scope.get("route"), "path", "none")
    # FastAPI leaves away what a router was included with, in some versions.
    inside = scope["path"].startswith(_API) and path.startswith("/") and not path.startswith(_API)
    return f"{_API[:-1]}{path}" if inside else path


def _id(scope: Scope) -> bytes:
    """The id that a proxy of ours or a client gave the request, if it is one, or a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value if _ID.fullmatch(value) else secrets.token_hex(8).encode()
    return secrets.token_hex(8).encode()
