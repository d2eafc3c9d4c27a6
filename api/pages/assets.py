"""What pages load: style, scripts, type and pictures, each under a name that changes with its bytes.

So a browser may keep them for good, and a new version of the service never meets an old script. Nothing is asked of any
other site; what others made lies here with its license (``static/NOTICE.txt``).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

FOREVER: Final = "public, max-age=31536000, immutable"
_KINDS: Final = {".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2", ".svg": "image/svg+xml"}
_URL: Final = re.compile(rb"url\(([\w.-]+)\)")
# A library and what extends it, as one: deferred scripts may have a pause between them, in which the library begins
# without its extension.
_TOGETHER: Final = {"htmx-and-sse.js": ("htmx.js", "htmx-sse.js")}
# What is packed already gains nothing.
_PACKED: Final = (".woff2", ".png")


_STYLE: Final = re.compile(r"<style\$\{.*?\}>(.*?)</style>", re.DOTALL)
_HEIGHT: Final = 72
"""Of an outline in pixels: player.js asks for it."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file: the name it is served under, its bytes, the same compressed (or None), and its media type."""

    served: str
    data: bytes
    packed: bytes | None
    media_type: str


@cache
def asset(name: str) -> Asset:
    """The asset of a file in ``static/``, or of some together. Where a style sheet names others, it gets served names.

    Raises KeyError where there is none.
    """
    if name not in _names():
        raise KeyError(name)
    parts = _TOGETHER.get(name, (name,))
    data = b"\n".join((files("api.pages") / "static" / part).read_bytes() for part in parts)
    stem, dot, ending = name.rpartition(".")
    if ending == "css":
        data = _URL.sub(lambda found: b"url(" + path(found[1].decode()).encode() + b")", data)
    digest = hashlib.sha256(data).hexdigest()[:12]
    kind = _KINDS.get(f".{ending}") or mimetypes.guess_type(name)[0] or "text/plain"
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    packed = None if name.endswith(_PACKED) else gzip.compress(data, 9, mtime=0)
    return Asset(f"{stem}.{digest}{dot}{ending}", data, packed, kind)


@cache
def served() -> dict[str, Asset]:
    """All assets by the name that each is served under."""
    return {one.served: one for one in map(asset, sorted(_names()))}


@cache
def style_of_players() -> str:
    """What a page's policy says so that the style that wavesurfer.js writes into a player is let in: its digest.

    It writes the same one each time, since all our players have one height (Content Security Policy 3, section 2.3.1).
    """
    found = _STYLE.search(asset("wavesurfer.js").data.decode())
    assert found is not None  # noqa: S101  (the file is ours)
    style = re.sub(r"\$\{.*?\)\}", str(_HEIGHT), found[1]).replace("\\n", "\n")
    return _let_in(style.encode())


@cache
def style_of_first_page() -> str:
    """The same for the style sheet within the first page, where it saves whoever is here first a whole round trip."""
    return _let_in(asset("style.css").data)


def path(name: str) -> str:
    """Where a page finds the asset of a file."""
    return f"/static/{asset(name).served}"


def _let_in(style: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(style).digest()).decode()}'"


@cache
def _names() -> frozenset[str]:
    there = (file.name for file in (files("api.pages") / "static").iterdir() if file.is_file())
    return frozenset((*there, *_TOGETHER))
