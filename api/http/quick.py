"""Answers look-ups of tracks that are known before the framework is asked: the public detector's every question.

The routes in :mod:`api.http.routes.lookups` describe them, answer the same, and say what is wrong with all others.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from api.errors import DatabaseUnusable
from api.http import etags
from api.http.reading import read
from api.service.lookups import By, Lookups
from api.service.service import Service

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_BELOW = "/v1/lookup/"
_PATH = re.compile(f"{_BELOW}(?:sha256/([0-9a-fA-F]{{64}})|watermark/([0-9a-fA-F]{{16}}))")


@dataclass(frozen=True, slots=True)
class Named:
    """The template of a route, for the log."""

    path: str


_BY_FILE, _BY_MARK = Named(f"{_BELOW}sha256/{{digest}}"), Named(f"{_BELOW}watermark/{{mark}}")


class Quick:
    """An application behind the look-up of what is known."""

    def __init__(self, app: App, service: Service) -> None:
        self._app, self._service, self._lookups = app, service, Lookups(service.database)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        asked = None
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"].startswith(_BELOW):
            asked = _PATH.fullmatch(scope["path"])
        found = None if asked is None else await self._find(asked[1], asked[2])
        if asked is None or found is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = _BY_MARK if asked[1] is None else _BY_FILE
        tag = etags.tag(found)
        has = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"if-none-match"), None)
        headers = [(b"etag", tag.encode()), (b"cache-control", etags.PUBLIC.encode())]
        same = etags.has(has, tag)
        if not same:
            headers += [(b"content-length", b"%d" % len(found)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 304 if same else 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if same else found})

    async def _find(self, digest: str | None, mark: str | None) -> bytes | None:
        by: By = "id" if digest is None else "audio"
        value = bytes.fromhex(digest or mark or "")
        try:
            return await read(self._service, self._lookups.find, by, value)
        except DatabaseUnusable:
            return None  # the route will find it out again, and say so
