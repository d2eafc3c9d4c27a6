"""Unsigned varints, as multiformats and protobuf write them."""

from __future__ import annotations

from ledger.errors import Malformed

_MOST_BYTES = 9


def encode(number: int) -> bytes:
    """Seven bits a byte, least significant first, the top bit set on all but the last. ``0 <= number < 2**63``."""
    if not 0 <= number < 1 << 63:
        raise Malformed(f"{number} is outside a varint's range, 0 to 2**63 - 1")
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def decode(data: bytes | memoryview, offset: int = 0) -> tuple[int, int]:
    """The number that starts at ``offset``, and the offset behind it.

    Source: the multiformats unsigned-varint specification: at most nine bytes and no needless ones. Everything else,
    and data that ends too early, is :class:`~ledger.errors.Malformed`.
    """
    number = 0
    for place, byte in enumerate(data[offset : offset + _MOST_BYTES]):
        number |= (byte & 127) << 7 * place
        if byte < 128:
            if byte == 0 and place > 0:
                raise Malformed(f"the varint at byte {offset} is longer than its number needs")
            return number, offset + place + 1
    if len(data) - offset < _MOST_BYTES:
        raise Malformed(f"the data ends inside the varint at byte {offset}")
    raise Malformed(f"the varint at byte {offset} has more than {_MOST_BYTES} bytes")
