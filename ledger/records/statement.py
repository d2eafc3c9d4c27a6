"""What all records share: an in-toto Statement, version 1, in canonical bytes, whose digest is the record's identity.

Source of the shape: the in-toto attestation framework, spec/v1/statement.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Self

from ledger import canonical
from ledger.digest import Digest
from ledger.errors import MalformedRecord
from ledger.records.fields import Fields, read_object

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"


class Record(ABC):
    """A fact that somebody signs. Equal records have equal payloads and equal digests."""

    PREDICATE_TYPE: ClassVar[str]
    SUBJECTS: ClassVar[tuple[tuple[str, ...], ...]]
    """The names its subjects may have, in order."""

    @abstractmethod
    def subjects(self) -> Mapping[str, Digest]:
        """What the record is about, by name."""

    @abstractmethod
    def predicate(self) -> dict[str, Any]:
        """What it says about it, as JSON."""

    @classmethod
    @abstractmethod
    def read(cls, subjects: Mapping[str, Digest], predicate: Fields) -> Self:
        """The record that gave these subjects and this predicate. Raises :class:`MalformedRecord`."""

    def to_statement(self) -> dict[str, Any]:
        """The in-toto Statement, as JSON."""
        return {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": name, "digest": {"sha256": str(digest)}} for name, digest in self.subjects().items()],
            "predicateType": self.PREDICATE_TYPE,
            "predicate": self.predicate(),
        }

    def payload(self) -> bytes:
        """The statement in canonical bytes (RFC 8785): what is signed and stored."""
        return canonical.encode(self.to_statement())

    @cached_property
    def digest(self) -> Digest:
        """SHA-256 of the payload: the record's identity on chain and in other records."""
        return Digest.of(self.payload())

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        """Read a payload. Nothing unknown, nothing missing, one spelling: ``payload()`` gives the same bytes again.

        Raises :class:`MalformedRecord`, which names the field by its path, such as ``predicate.recordings[3].rate``;
        :class:`~ledger.errors.Invalid` where a digest in the record does not follow from the rest of it.
        """
        return read_object("", statement_of(payload), cls._from_statement)

    @classmethod
    def _from_statement(cls, statement: Fields) -> Self:
        found = statement.text("_type")
        if found != STATEMENT_TYPE:
            raise MalformedRecord(f"_type: {found!r} is not {STATEMENT_TYPE}")
        found = statement.text("predicateType")
        if found != cls.PREDICATE_TYPE:
            raise MalformedRecord(f"predicateType: {found!r} is not {cls.PREDICATE_TYPE}")
        listed = statement.objects("subject", _subject)
        if (names := tuple(name for name, _ in listed)) not in cls.SUBJECTS:
            expected = " or ".join(", ".join(each) for each in cls.SUBJECTS)
            raise MalformedRecord(f"subject: expected the names {expected}; found {', '.join(names) or 'none'}")
        return statement.object("predicate", lambda predicate: cls.read(dict(listed), predicate))


def statement_of(payload: bytes) -> dict[str, Any]:
    """The JSON object in canonical bytes. Raises :class:`MalformedRecord`."""
    value = canonical.decode(payload)
    if not isinstance(value, dict):
        raise MalformedRecord("a statement is a JSON object")
    return value


def _subject(entry: Fields) -> tuple[str, Digest]:
    return entry.text("name"), entry.object("digest", lambda digest: digest.digest("sha256"))
