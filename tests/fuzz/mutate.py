"""Bytes made of other bytes, the way fuzzers do it, and the same each time for the same luck."""

from __future__ import annotations

import random
from collections.abc import Sequence

# Where lengths and counts go wrong: ends of ranges, signs, powers of two.
_NUMBERS = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    (1 << 63) - 1,
    (1 << 64) - 1,
)
_TOKENS = (
    b'"',
    b"{",
    b"[",
    b"}",
    b"]",
    b"\\u0000",
    b"\\ud800",
    b"-1",
    b"1e999",
    b"null",
    b"\xff\xfe",
    b"\0",
    b"\xf0\x9f\x8e\xb5",
)
_LONGEST = 1 << 16


def mutated(seeds: Sequence[bytes], luck: random.Random) -> bytes:
    """One of the seeds with one to eight changes."""
    data = bytearray(luck.choice(seeds))
    for _ in range(luck.choice((1, 1, 1, 2, 2, 4, 8))):
        _change(data, seeds, luck)
    return bytes(data[:_LONGEST])


def _change(data: bytearray, seeds: Sequence[bytes], luck: random.Random) -> None:
    place = luck.randrange(len(data) + 1)
    length = min(luck.choice((1, 2, 4, 8, 32, 256)), len(data) - place)
    kind = luck.randrange(8)
    if kind == 0 and place < len(data):
        data[place] ^= 1 << luck.randrange(8)
    elif kind == 1:
        data[place : place + length] = luck.randbytes(length)
    elif kind == 2:
        del data[place : place + length]
    elif kind == 3:
        data[place:place] = data[place : place + length] * luck.choice((1, 2, 64))
    elif kind == 4:
        number, size = luck.choice(_NUMBERS), luck.choice((1, 2, 4, 8))
        data[place : place + size] = (number & ((1 << 8 * size) - 1)).to_bytes(size, luck.choice(("little", "big")))
    elif kind == 5:
        data[place:place] = luck.choice(_TOKENS) * luck.choice((1, 1, 64, 1024))
    elif kind == 6:
        other = luck.choice(seeds)
        start = luck.randrange(len(other) + 1)
        data[place:] = other[start:]
    else:
        del data[place:]
