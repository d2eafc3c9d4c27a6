"""What a field of a record may hold. Each check raises :class:`~ledger.errors.MalformedRecord`, field first.

The constructors of the records use them, so that an impossible record cannot be made, read or otherwise.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from ledger.address import Address
from ledger.canonical import LARGEST_INTEGER
from ledger.errors import Malformed, MalformedRecord
from ledger.records.time import parse_timestamp

USES = ("train", "generate", "commercial")
"""What a license can allow, in the order in which records list them."""

PREFERENCES = ("notAllowed", "constrained", "allowed")
"""What may be done without a license, in the words of ERC-7517; the place of each is its number on chain."""

WHOLE_PPM = 1_000_000
LARGEST_PRICE = 2**96 - 1
EPOCH = "1970-01-01T00:00:00Z"
ETHER = Address(bytes(20))
HIGHEST_RATE = 768_000
MOST_CHANNELS = 32
LONGEST_TEXT = 200
MOST_ENTRIES = 4096

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[+-]?[0-9]+)?")
_ISCC = re.compile(r"ISCC:[A-Z2-7]{10,73}")

Scalar = TypeVar("Scalar", str, int, str | int)


def integer(field: str, value: object, low: int, high: int = LARGEST_INTEGER) -> None:
    """A Python int (no bool, no numpy integer) within ``low..high``."""
    if type(value) is not int:
        raise MalformedRecord(f"{field}: expected an integer, not {type(value).__name__}")
    if not low <= value <= high:
        raise MalformedRecord(f"{field}: {value} is not within {low}..{high}")


def flag(field: str, value: object) -> None:
    """A Python bool, and nothing that is merely true."""
    if type(value) is not bool:
        raise MalformedRecord(f"{field}: expected a bool, not {type(value).__name__}")


def text(field: str, value: object, longest: int = LONGEST_TEXT) -> None:
    """Something to read on one line: not blank, no control characters, at most ``longest`` characters."""
    if not isinstance(value, str):
        raise MalformedRecord(f"{field}: expected a text, not {type(value).__name__}")
    if not value.strip():
        raise MalformedRecord(f"{field}: empty")
    if len(value) > longest:
        raise MalformedRecord(f"{field}: {len(value)} characters; at most {longest} are allowed")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise MalformedRecord(f"{field}: {value!r} holds control characters")


def form(field: str, value: object, pattern: re.Pattern[str], expected: str) -> None:
    """A text that matches ``pattern`` as a whole."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise MalformedRecord(f"{field}: {value!r} is not {expected}")


def iscc(field: str, value: object) -> None:
    """An ISCC in its canonical form (ISO 24138)."""
    form(field, value, _ISCC, "an ISCC (ISCC: and base32)")


def time(field: str, value: object) -> None:
    """A time as :func:`ledger.records.time.timestamp` writes it."""
    text(field, value)
    try:
        parse_timestamp(str(value))
    except Malformed as error:
        raise MalformedRecord(f"{field}: {error}") from None


def order(field: str, value: str, earlier: str, earlier_field: str, *, strictly: bool = False) -> None:
    """The time ``value`` does not lie before ``earlier``; ``strictly`` asks for later."""
    # Times of one spelling sort as text.
    if value < earlier or (strictly and value == earlier):
        raise MalformedRecord(f"{field}: {value} is {'not after' if strictly else 'before'} {earlier_field} {earlier}")


def end(field: str, value: object) -> None:
    """A time that the chain can tell, from 1970 on; or None for no end."""
    if value is not None:
        time(field, value)
        order(field, str(value), EPOCH, "the beginning of Unix time,")


def price(value: object, currency: object) -> None:
    """An amount in the currency's smallest unit; of an ERC-20 token by its address, or of ether where that is None."""
    integer("price", value, 0, LARGEST_PRICE)
    if currency is not None:
        kept("currency", currency, Address)
        # On chain the zero address stands for ether: here it would be a second way to say so.
        if currency == ETHER:
            raise MalformedRecord(f"currency: {currency} is no token; ether is written null")


def choice(field: str, value: object, known: tuple[str, ...]) -> None:
    """One of the words ``known``."""
    if value not in known:
        raise MalformedRecord(f"{field}: {value!r} is none of {', '.join(known)}")


def entries(field: str, value: object, kind: type, *, least: int = 1, most: int | None = None) -> None:
    """A tuple of ``kind``, with at least ``least`` entries."""
    if not isinstance(value, tuple):
        raise MalformedRecord(f"{field}: expected a tuple, not {type(value).__name__}")
    if len(value) < least:
        raise MalformedRecord(f"{field}: empty")
    if most is not None and len(value) > most:
        raise MalformedRecord(f"{field}: {len(value)} entries; at most {most} are allowed")
    for position, entry in enumerate(value):
        kept(f"{field}[{position}]", entry, kind)


def kept(field: str, value: object, kind: type) -> None:
    """An instance of one of our own types, which has checked itself."""
    if not isinstance(value, kind):
        raise MalformedRecord(f"{field}: expected {kind.__name__}, not {type(value).__name__}")


def uses(field: str, value: tuple[str, ...], *, least: int = 0) -> None:
    """Some of ``USES``, in that order, each at most once."""
    entries(field, value, str, least=least)
    for position, use in enumerate(value):
        choice(f"{field}[{position}]", use, USES)
    if value != tuple(use for use in USES if use in value):
        raise MalformedRecord(f"{field}: {', '.join(value)}: list each use once, in the order {', '.join(USES)}")


def part(field: str, value: object) -> None:
    """A part of one whole, in parts per million."""
    integer(field, value, 0, WHOLE_PPM)


def shares(field: str, value: tuple[int, ...]) -> None:
    """Parts per million that make a whole."""
    entries(field, value, int, most=MOST_ENTRIES)
    for position, share in enumerate(value):
        part(f"{field}[{position}]", share)
    if sum(value) != WHOLE_PPM:
        raise MalformedRecord(f"{field}: the shares sum to {sum(value)} ppm, not {WHOLE_PPM}")


def ascending(field: str, keys: Sequence[Any]) -> None:
    """Strictly ascending, so that there are no duplicates and one order only."""
    for position in range(1, len(keys)):
        if not keys[position - 1] < keys[position]:
            fault = "occurs twice" if keys[position - 1] == keys[position] else "is out of order"
            raise MalformedRecord(f"{field}[{position}]: {keys[position]} {fault}")


def table(field: str, value: Mapping[str, Scalar], kinds: tuple[type, ...]) -> Mapping[str, Scalar]:
    """A flat mapping from names to values of ``kinds``, as a copy that nobody can change."""
    if not isinstance(value, Mapping):
        raise MalformedRecord(f"{field}: expected a mapping, not {type(value).__name__}")
    if len(value) > MOST_ENTRIES:
        raise MalformedRecord(f"{field}: {len(value)} entries; at most {MOST_ENTRIES} are allowed")
    for name, entry in value.items():
        text(f"{field} (a name)", name)
        # By exact type: True is an int to Python, and a numpy integer is none to JSON.
        if type(entry) not in kinds:
            expected = " or ".join(kind.__name__ for kind in kinds)
            raise MalformedRecord(f"{field}.{name}: expected {expected}, not {type(entry).__name__}")
        if type(entry) is int:
            integer(f"{field}.{name}", entry, -LARGEST_INTEGER)
        elif isinstance(entry, str) and entry:
            text(f"{field}.{name}", entry, 1000)
    return MappingProxyType(dict(value))


def numbers(field: str, value: Mapping[str, str]) -> Mapping[str, str]:
    """A table of finite decimal numbers, written as texts such as ``0.25`` or ``1e-05``."""
    copy = table(field, value, (str,))
    for name, entry in copy.items():
        form(f"{field}.{name}", entry, _NUMBER, "a finite decimal number")
    return copy
