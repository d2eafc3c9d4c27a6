"""Canonical JSON (RFC 8785, "JCS"), for the part of JSON that every reader agrees on.

Only objects, arrays, strings, booleans, null and integers of magnitude below 2**53 are written (the range of I-JSON,
RFC 7493 section 2.2, in which a double holds every integer). Floats are refused: the same number has too many spellings
across languages for a digest to hang on it, so fractions travel as decimal strings.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any, NoReturn, TypeAlias

from ledger.errors import MalformedRecord

Value: TypeAlias = "bool | int | str | Sequence[Value] | Mapping[str, Value] | None"

MAX_DEPTH = 32
"""Objects and arrays within one another; our records need six."""

LARGEST_INTEGER = 2**53 - 1

# A string, also one that never ends; possessive, so that it takes time linear in its length.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def encode(value: Value) -> bytes:
    """The RFC 8785 bytes of ``value``, UTF-8.

    Members are sorted by the UTF-16 code units of their names (section 3.2.3), which differs from the order of code
    points above U+FFFF. Raises :class:`MalformedRecord` for floats, integers of 2**53 and beyond, lone surrogates,
    names that are no strings, values of other types, and nesting deeper than ``MAX_DEPTH``.
    """
    pieces: list[str] = []
    try:
        _write(value, pieces, MAX_DEPTH)
        return "".join(pieces).encode()
    except UnicodeEncodeError as error:
        raise MalformedRecord(f"a lone surrogate in the text {error.object!r} has no UTF-8 form") from None


def decode(data: bytes) -> Any:
    """The value whose canonical form is ``data``.

    Raises :class:`MalformedRecord` unless ``encode`` of the value gives ``data`` back, byte for byte. So there is one
    spelling only of every value, and a digest over the bytes is a digest of the value.
    """
    value = parse(data)
    if encode(value) != data:
        raise MalformedRecord("the JSON is not in canonical form (RFC 8785): order, spacing or escapes differ")
    return value


def parse(data: bytes) -> Any:
    """Read JSON that may be in any spelling, of the kinds that :func:`encode` can write.

    Raises :class:`MalformedRecord` for anything else, and for an object that names a member twice: two readers might
    each believe another one of them.
    """
    check_depth(data)
    try:
        # Text, not bytes: json.loads would otherwise guess UTF-16 or UTF-32.
        return json.loads(
            data.decode(),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except UnicodeDecodeError as error:
        raise MalformedRecord(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise MalformedRecord(f"not JSON: {error}") from None


def check_depth(data: bytes) -> None:
    """Raise :class:`MalformedRecord` where JSON text is nested deeper than ``MAX_DEPTH``: to be asked of what strangers
    send before ``json.loads``, which recurses in C. py-evm raises Python's recursion limit so far that deep nesting
    would end the process, not in a RecursionError.
    """
    depth = 0
    for bracket in _STRING.sub(b"", data).translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise MalformedRecord(f"nested deeper than {MAX_DEPTH} levels")


def _write(value: Value, pieces: list[str], depth: int) -> None:
    if value is None:
        pieces.append("null")
    elif value is True:
        pieces.append("true")
    elif value is False:
        pieces.append("false")
    elif isinstance(value, str):
        # Python escapes exactly what section 3.2.2.2 asks for: quote, backslash, and controls below U+0020.
        pieces.append(encode_basestring(value))
    elif isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise MalformedRecord(f"the integer {value} is not below 2**53; write it as a string")
        pieces.append(str(int(value)))
    elif depth == 0:
        raise MalformedRecord(f"nested deeper than {MAX_DEPTH} levels")
    elif isinstance(value, Mapping):
        _write_object(value, pieces, depth)
    elif isinstance(value, list | tuple):
        pieces.append("[")
        for position, item in enumerate(value):
            if position:
                pieces.append(",")
            _write(item, pieces, depth - 1)
        pieces.append("]")
    else:
        raise MalformedRecord(f"a {type(value).__name__} has no canonical form; fractions are written as strings")


def _write_object(value: Mapping[str, Value], pieces: list[str], depth: int) -> None:
    for name in value:
        if not isinstance(name, str):
            raise MalformedRecord(f"the member name {name!r} is not a string")
    pieces.append("{")
    for position, name in enumerate(sorted(value, key=_code_units)):
        if position:
            pieces.append(",")
        pieces.append(encode_basestring(name))
        pieces.append(":")
        _write(value[name], pieces, depth - 1)
    pieces.append("}")


def _code_units(name: str) -> bytes:
    return name.encode("utf-16-be")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise MalformedRecord(f"the member {twice[:80]!r} occurs twice")
    return members


def _integer(digits: str) -> int:
    # Measured as text first: reading a number of a million digits takes quadratic time.
    if len(digits) > len(str(-LARGEST_INTEGER)) or abs(int(digits)) > LARGEST_INTEGER:
        raise MalformedRecord(f"the integer {digits[:40]} is not below 2**53; it is written as a string")
    return int(digits)


def _refuse_number(text: str) -> NoReturn:
    raise MalformedRecord(f"the number {text[:40]} is not an integer; fractions are written as strings")
