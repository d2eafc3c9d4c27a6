"""JSON that a client may keep, with an entity tag, and 304 for whoever has it (RFC 9110, sections 8.8.3 and 13.1.2)."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

PUBLIC: Final = "public, max-age=2"
"""What anybody may read changes with a block: a cache may answer for two seconds before it asks again."""

_JSON: Final = "application/json"


def as_bytes(content: Any) -> bytes:
    """JSON as short as it can be."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def answer(request: Request, body: bytes, headers: dict[str, str] | None = None) -> Response:
    """JSON that anybody may read, or 304 without it."""
    name = tag(body)
    said = {"ETag": name, "Cache-Control": PUBLIC, **(headers or {})}
    if has(request.headers.get("if-none-match"), name):
        return Response(status_code=304, headers=said)
    return Response(body, 200, said, _JSON)


def tag(body: bytes) -> str:
    """The entity tag of an answer."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def has(said: str | None, tag: str) -> bool:
    """Whether one of the tags in ``If-None-Match`` is this one, compared weakly, as is said there."""
    if said is None:
        return False
    return any(each.strip().removeprefix("W/") in (tag, "*") for each in said.split(","))
