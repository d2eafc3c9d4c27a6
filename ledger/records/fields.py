"""Reading JSON into records: every field once, of the right type, and none besides."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from ledger.address import Address
from ledger.cid import Cid
from ledger.digest import Digest
from ledger.errors import Malformed, MalformedRecord

T = TypeVar("T")

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}")


class Fields:
    """The members of one JSON object. Reading takes a member away; :func:`read_object` complains about the rest.

    Every reader raises :class:`MalformedRecord` with the member's path, such as ``recordings[3].rate: missing``.
    """

    def __init__(self, members: dict[str, Any]) -> None:
        self._members = dict(members)

    def text(self, name: str) -> str:
        """A string."""
        value: str = self._take(name, str, "a text")
        return value

    def integer(self, name: str) -> int:
        """An integer; JSON's booleans are none."""
        value: int = self._take(name, int, "an integer")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value: bool = self._take(name, bool, "a boolean")
        return value

    def amount(self, name: str) -> int:
        """An amount of money of any size, written as a decimal string."""
        return self._parsed(name, _amount)

    def digest(self, name: str) -> Digest:
        """64 lower-case hex digits."""
        return self._parsed(name, _digest)

    def address(self, name: str) -> Address:
        """An address in its checksummed spelling."""
        return self._parsed(name, _address)

    def cid(self, name: str) -> Cid:
        """A CID in the spelling that ``str(Cid)`` gives."""
        return self._parsed(name, _cid)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        return self._scalars(name, str, "a text")

    def integers(self, name: str) -> tuple[int, ...]:
        """A list of integers."""
        return self._scalars(name, int, "an integer")

    def table(self, name: str) -> dict[str, Any]:
        """An object with names of its own choosing; what it may hold is for the record to check."""
        value: dict[str, Any] = self._take(name, dict, "an object")
        return value

    def object(self, name: str, read: Callable[[Fields], T]) -> T:
        """An object, read by ``read``."""
        return read_object(name, self._take(name, dict, "an object"), read)

    def objects(self, name: str, read: Callable[[Fields], T]) -> tuple[T, ...]:
        """A list of objects, each read by ``read``."""
        listed = self._take(name, list, "a list")
        return tuple(read_object(f"{name}[{position}]", item, read) for position, item in enumerate(listed))

    def nullable(self, name: str, read: Callable[[str], T]) -> T | None:
        """What ``read`` gives for ``name``, or None where the member is there and null."""
        if name in self._members and self._members[name] is None:
            del self._members[name]
            return None
        return read(name)

    def rest(self) -> list[str]:
        """The names that have not been read."""
        return sorted(self._members)

    def _take(self, name: str, kind: type, expected: str) -> Any:
        if name not in self._members:
            raise MalformedRecord(f"{name}: missing")
        return _of_type(name, self._members.pop(name), kind, expected)

    def _scalars(self, name: str, kind: type, expected: str) -> tuple[Any, ...]:
        listed = self._take(name, list, "a list")
        return tuple(_of_type(f"{name}[{position}]", item, kind, expected) for position, item in enumerate(listed))

    def _parsed(self, name: str, parse: Callable[[str], T]) -> T:
        written = self.text(name)
        try:
            return parse(written)
        except Malformed as error:
            raise MalformedRecord(f"{name}: {error}") from None


def read_object(path: str, value: Any, read: Callable[[Fields], T]) -> T:
    """Read a JSON object by ``read``, which must ask for every member. ``path`` goes before what it complains of."""
    fields = Fields(_of_type(path, value, dict, "an object"))
    try:
        result = read(fields)
        if unknown := fields.rest():
            raise MalformedRecord(f"{unknown[0]}: unknown field")
    except MalformedRecord as error:
        raise MalformedRecord(f"{path}.{error}" if path else str(error)) from None
    return result


def _of_type(path: str, value: Any, kind: type, expected: str) -> Any:
    if type(value) is not kind:
        raise MalformedRecord(f"{path}: expected {expected}, not {_json_name(value)}")
    return value


def _json_name(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", int: "an integer"}
    return "null" if value is None else names.get(type(value), type(value).__name__)


def _amount(written: str) -> int:
    if not _DECIMAL.fullmatch(written):
        raise MalformedRecord(f"{written[:80]!r} is not an amount: digits only, no leading zero")
    return int(written)


# The types read several spellings; a record has one, else two payloads could tell of the same thing.
def _digest(written: str) -> Digest:
    return _as_written(Digest.parse(written), written)


def _address(written: str) -> Address:
    return _as_written(Address.parse(written), written)


def _cid(written: str) -> Cid:
    return _as_written(Cid.parse(written), written)


def _as_written(value: T, written: str) -> T:
    if str(value) != written:
        raise MalformedRecord(f"{written!r} is written {str(value)!r} in a record")
    return value
