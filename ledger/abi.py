"""What a contract understands and says: calls, results, events and custom errors as bytes (Solidity's Contract ABI)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any

from ledger.address import Address
from ledger.digest import Digest
from ledger.errors import ArgumentRefused, ChainUnreachable, NotFound
from ledger.network import Log


@dataclass(frozen=True, slots=True)
class Event:
    """A log entry, read: its arguments by name, and where it stands."""

    arguments: Mapping[str, Any]
    block: int
    tx: str


@dataclass(frozen=True)
class Interface:
    """A contract's ABI, and the code that creates one.

    Values go in as :class:`Address`, :class:`Digest`, ``bytes``, ``str``, ``int``, ``bool`` and sequences of these,
    which may stand for structs; :class:`ArgumentRefused` names the one that does not fit. They come out as
    :class:`Address`, ``bytes``, ``str``, ``int``, ``bool``, tuples for arrays, and dictionaries for structs; what is
    not UTF-8 in a string is escaped.
    """

    name: str
    entries: tuple[Mapping[str, Any], ...]
    bytecode: bytes

    @classmethod
    def load(cls, name: str) -> Interface:
        """The interface of one of our contracts, from ``ledger/artifacts``.

        Raises:
            NotFound: there is no artifact of that name.
        """
        file = resources.files("ledger") / "artifacts" / f"{name}.json"
        if not file.is_file():
            raise NotFound(f"no artifact for contract {name!r} in ledger/artifacts")
        artifact = json.loads(file.read_text("utf-8"))
        return cls(name, tuple(artifact["abi"]), bytes.fromhex(artifact["bytecode"].removeprefix("0x")))

    @cached_property
    def _named(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        return {(entry["type"], entry.get("name", "")): entry for entry in self.entries}

    @cached_property
    def _errors(self) -> dict[bytes, Mapping[str, Any]]:
        return {_signature_hash(entry)[:4]: entry for entry in self.entries if entry["type"] == "error"}

    @cached_property
    def _events(self) -> dict[bytes, str]:
        return {_signature_hash(entry): entry["name"] for entry in self.entries if entry["type"] == "event"}

    def creation(self, *arguments: Any) -> bytes:
        """The data of a transaction that creates the contract."""
        constructor = self._named.get(("constructor", ""), {"inputs": []})
        return self.bytecode + _encode(constructor["inputs"], arguments)

    def call(self, function: str, *arguments: Any) -> bytes:
        """The data of a call: selector and arguments."""
        entry = self._named["function", function]
        return _signature_hash(entry)[:4] + _encode(entry["inputs"], arguments)

    def result(self, function: str, data: bytes) -> Any:
        """What a call returned: one value, or a tuple where there are more or fewer."""
        values = _decode(self._named["function", function]["outputs"], data)
        return values[0] if len(values) == 1 else values

    def topics(self, event: str, **indexed: Any) -> tuple[bytes | None, ...]:
        """The filter that finds an event by its indexed arguments; None stands for anything."""
        entry = self._named["event", event]
        fields = [field for field in entry["inputs"] if field["indexed"]]
        values = [_encode([field], [indexed[field["name"]]]) if field["name"] in indexed else None for field in fields]
        return (_signature_hash(entry), *values)

    def event(self, event: str, log: Log) -> Event:
        """A log entry, read as an event."""
        fields = self._named["event", event]["inputs"]
        arguments: dict[str, Any] = {}
        indexed = [field for field in fields if field["indexed"]]
        for field, topic in zip(indexed, log.topics[1:], strict=True):
            arguments[field["name"]] = _decode([field], topic)[0]
        plain = [field for field in fields if not field["indexed"]]
        arguments.update(zip((field["name"] for field in plain), _decode(plain, log.data), strict=True))
        return Event(arguments, log.block, log.tx)

    def told(self, log: Log) -> tuple[str, Event] | None:
        """A log entry as an event with its name, or None where the contract declares none such."""
        name = self._events.get(log.topics[0]) if log.topics else None
        return None if name is None else (name, self.event(name, log))

    def error(self, data: bytes) -> tuple[str, dict[str, Any]] | None:
        """Name and arguments of the custom error in a revert's data, or None where the contract declares none such."""
        entry = self._errors.get(data[:4])
        if entry is None:
            return None
        values = _decode(entry["inputs"], data[4:])
        return entry["name"], dict(zip((field["name"] for field in entry["inputs"]), values, strict=True))


def _type(field: Mapping[str, Any]) -> str:
    """The canonical name of a type; a struct is a tuple of its members."""
    if not field["type"].startswith("tuple"):
        return str(field["type"])
    members = ",".join(_type(member) for member in field["components"])
    return f"({members}){field['type'].removeprefix('tuple')}"


def _signature_hash(entry: Mapping[str, Any]) -> bytes:
    from eth_utils.crypto import keccak

    types = ",".join(_type(field) for field in entry["inputs"])
    return bytes(keccak(text=f"{entry['name']}({types})"))


def _encode(fields: Sequence[Mapping[str, Any]], values: Sequence[Any]) -> bytes:
    from eth_abi.abi import encode, is_encodable

    types, plain = [_type(field) for field in fields], [_plain(value) for value in values]
    for field, kind, value in zip(fields, types, plain, strict=True):
        if not is_encodable(kind, value):
            raise ArgumentRefused(f"{field['name']} = {value!r} does not fit the contract's type {kind}")
    return encode(types, plain)


def _decode(fields: Sequence[Mapping[str, Any]], data: bytes) -> tuple[Any, ...]:
    from eth_abi.abi import decode
    from eth_abi.exceptions import DecodingError

    # Strings as bytes: anybody may put any bytes into an event, and one that is not UTF-8 must not hide all the others.
    try:
        values = decode([_type(field).replace("string", "bytes") for field in fields], data)
    except (DecodingError, OverflowError) as error:
        raise ChainUnreachable(f"what the chain answers is not what the contract says: {error}") from None
    return tuple(_typed(field, value) for field, value in zip(fields, values, strict=True))


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_plain(inner) for inner in value)
    return value.raw if isinstance(value, Address | Digest) else value


def _typed(field: Mapping[str, Any], value: Any) -> Any:
    if field["type"] == "address":
        return Address.parse(value)
    if field["type"] == "string":
        return value.decode(errors="backslashreplace")
    if field["type"] == "tuple":
        return {part["name"]: _typed(part, inner) for part, inner in zip(field["components"], value, strict=True)}
    if field["type"].endswith("[]"):
        element = {**field, "type": field["type"].removesuffix("[]")}
        return tuple(_typed(element, inner) for inner in value)
    return value
