"""A track's file out of the content store, whole or in part, so that players may begin anywhere (RFC 9110, 14)."""

# No postponed annotations: FastAPI reads those of handlers that return what is made here.

import itertools
import re
from collections.abc import Iterator
from typing import Final

from fastapi.responses import Response, StreamingResponse

from ledger.records import ContentRef
from ledger.store import ContentStore

_RANGE: Final = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
# By their first bytes; whatever else it is, a browser shall not guess.
_KINDS: Final = ((b"RIFF", "audio/wav"), (b"fLaC", "audio/flac"), (b"OggS", "audio/ogg"), (b"ID3", "audio/mpeg"))
_UNKNOWN: Final = "application/octet-stream"


def listen(store: ContentStore, content: ContentRef, size: int, wanted: str | None, name: str) -> Response:
    """Answer with the file, or with the part that a ``Range`` header asks for.

    Args:
        store: where it lies.
        content: what it is.
        size: its length in bytes, as its record says.
        wanted: the header; several ranges, or what is none, are answered with the whole, as the RFC lets a server do.
        name: what a reader's browser calls the file.

    Raises :class:`~ledger.errors.BlockMissing` before anything is sent.
    """
    pieces = store.read(content.cid)
    head = next(pieces, b"")
    whole = itertools.chain((head,), pieces)
    kind = next((kind for sign, kind in _KINDS if head.startswith(sign)), _UNKNOWN)
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": f'"{content.sha256}"',
        "Cache-Control": "public, max-age=31536000, immutable",
        "Content-Disposition": f'inline; filename="{name}"',
    }
    part = _part(wanted, size)
    if part is None:
        headers["Content-Length"] = str(size)
        return StreamingResponse(whole, 200, headers, kind)
    start, end = part
    if start >= end:
        return Response(b"", 416, {**headers, "Content-Range": f"bytes */{size}"})
    headers |= {"Content-Range": f"bytes {start}-{end - 1}/{size}", "Content-Length": str(end - start)}
    wanted_pieces = store.read(content.cid, start=start) if start else whole
    return StreamingResponse(_first(wanted_pieces, end - start), 206, headers, kind)


def _part(wanted: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last; None for the whole."""
    found = _RANGE.fullmatch(wanted.strip()) if wanted else None
    if found is None or found[0] == "bytes=-":
        return None
    start, last = found.groups()
    if not start:
        return max(0, size - int(last)), size
    return int(start), min(size, int(last) + 1) if last else size


def _first(pieces: Iterator[bytes], count: int) -> Iterator[bytes]:
    """So many bytes of pieces; each is verified as it is read."""
    while count > 0 and (piece := next(pieces, b"")):
        yield piece[:count]
        count -= len(piece)
