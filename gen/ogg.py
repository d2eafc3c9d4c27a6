"""Where in an Ogg file one stream ends and the next begins: recorded broadcasts and joined files hold several in a row.

Pages are walked by their headers alone (RFC 3533, section 6). Streams that run beside each other begin together, before
any other page; one that begins later begins a new link of the chain (section 4).
"""

import struct
from typing import BinaryIO

_HEADER = struct.Struct("<4sBBqIIIB")
_BEGINS = 2
MOST_LINKS = 4096
"""More are no recording; whoever opens each of them would work for hours."""


def links(file: BinaryIO) -> list[int]:
    """Where each link of the chain begins, in bytes, the first at 0; at most one more than MOST_LINKS.

    What is no page ends the walk: it belongs to the link before it. The file is left at an arbitrary position.
    """
    found = [0]
    position, beginning = 0, True
    while len(found) <= MOST_LINKS:
        file.seek(position)
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            break
        magic, _, kind, _, _, _, _, segments = _HEADER.unpack(header)
        lacing = file.read(segments)
        if magic != b"OggS" or len(lacing) < segments:
            break
        if kind & _BEGINS and not beginning:
            found.append(position)
        beginning = bool(kind & _BEGINS)
        position += _HEADER.size + segments + sum(lacing)
    return found


class Part:
    """So many bytes of an open file, from a place on, as a file of their own; read-only."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file, self._start, self._length, self._position = file, start, end - start, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """As files do. Raises ValueError for a place before the beginning."""
        base = (0, self._position, self._length)[whence]
        if base + offset < 0:
            raise ValueError("negative seek position")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """The place in the part, in bytes."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """As files do."""
        left = max(0, self._length - self._position)
        self._file.seek(self._start + self._position)
        data = self._file.read(left if size < 0 else min(size, left))
        self._position += len(data)
        return data
