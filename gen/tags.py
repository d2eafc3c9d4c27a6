"""Tags: what a player shows of a file."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from gen.errors import UnknownFormat

_HEADER = struct.Struct("<4sI4s")
# The names of RIFF's INFO list (Multimedia Programming Interface and Data Specifications 1.0, chapter 2).
_INFO = (("title", b"INAM"), ("artist", b"IART"), ("comment", b"ICMT"), ("software", b"ISFT"))
_LARGEST = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Tags:
    """Empty ones are left out."""

    title: str = ""
    artist: str = ""
    comment: str = ""
    software: str = ""

    def given(self) -> dict[str, str]:
        """Those that are not empty, by name."""
        return {name: value for name, _ in _INFO if (value := getattr(self, name))}


def write_into_wav(pieces: Iterable[bytes], size: int, target: BinaryIO, tags: Tags) -> None:
    """Copy a WAV file with tags after all else; nothing of the file changes but the size in its header.

    pieces: the file, in order; size: its bytes. Raises UnknownFormat for what is no WAV file, or would be too large.
    """
    added = _info(tags)
    if size + len(added) > _LARGEST or size % 2:
        raise UnknownFormat(f"a WAV file of {size} bytes takes no tags")
    remaining = iter(pieces)
    start = b""
    while len(start) < _HEADER.size and (piece := next(remaining, b"")):
        start += piece
    if len(start) < _HEADER.size or (header := _HEADER.unpack_from(start))[::2] != (b"RIFF", b"WAVE"):
        raise UnknownFormat("no WAV file")
    target.write(_HEADER.pack(b"RIFF", header[1] + len(added), b"WAVE") + start[_HEADER.size :])
    target.writelines(remaining)
    target.write(added)


def _info(tags: Tags) -> bytes:
    given = tags.given()
    body = b"".join(_chunk(code, given[name].encode() + b"\0") for name, code in _INFO if name in given)
    return _chunk(b"LIST", b"INFO" + body) if body else b""


def _chunk(code: bytes, content: bytes) -> bytes:
    return code + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
