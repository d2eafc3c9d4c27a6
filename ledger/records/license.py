"""The License record: who may do what with a dataset or a model, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from ledger.address import Address
from ledger.digest import Digest
from ledger.errors import MalformedRecord
from ledger.records import checks
from ledger.records.fields import Fields
from ledger.records.statement import Record

SubjectKind = Literal["dataset", "model"]


@dataclass(frozen=True)
class LicenseRecord(Record):
    """A license, as it was bought or granted."""

    PREDICATE_TYPE: ClassVar[str] = "urn:stemmata:license:v1"
    SUBJECTS: ClassVar[tuple[tuple[str, ...], ...]] = (("dataset",), ("model",))

    subject_kind: SubjectKind
    subject_id: int
    """The token of the dataset or model, from 1."""
    subject_record: Digest
    """The digest of its record."""
    licensee: Address
    uses: tuple[str, ...]
    """At least one of ``train``, ``generate``, ``commercial``, in this order."""
    valid_from: str
    valid_until: str | None
    """None: without end."""
    price: int
    """What was paid, in the currency's smallest unit, 0 to 2**96 - 1; 0 for a grant."""
    currency: Address | None
    """An ERC-20 token; None: ether."""
    royalty_ppm: int
    """Part of later income that the licensee agrees to pay, in parts per million."""

    def __post_init__(self) -> None:
        """Raises ``MalformedRecord``."""
        if (self.subject_kind,) not in self.SUBJECTS:
            raise MalformedRecord(f"subjectKind: {self.subject_kind!r} is neither dataset nor model")
        checks.integer("subjectId", self.subject_id, 1)
        checks.kept("subjectRecord", self.subject_record, Digest)
        checks.kept("licensee", self.licensee, Address)
        checks.uses("uses", self.uses, least=1)
        checks.time("validFrom", self.valid_from)
        checks.end("validUntil", self.valid_until)
        if self.valid_until is not None:
            checks.order("validUntil", self.valid_until, self.valid_from, "validFrom", strictly=True)
        checks.price(self.price, self.currency)
        checks.part("royaltyPpm", self.royalty_ppm)

    def subjects(self) -> Mapping[str, Digest]:
        """The record of the dataset or model; the subject's name is its kind."""
        return {self.subject_kind: self.subject_record}

    def predicate(self) -> dict[str, Any]:
        """As in the record."""
        return {
            "subjectId": self.subject_id,
            "licensee": str(self.licensee),
            "uses": list(self.uses),
            "validFrom": self.valid_from,
            "validUntil": self.valid_until,
            "price": str(self.price),
            "currency": None if self.currency is None else str(self.currency),
            "royaltyPpm": self.royalty_ppm,
        }

    @classmethod
    def read(cls, subjects: Mapping[str, Digest], predicate: Fields) -> Self:
        """Raises ``MalformedRecord``."""
        kind: SubjectKind = "dataset" if "dataset" in subjects else "model"
        return cls(
            subject_kind=kind,
            subject_id=predicate.integer("subjectId"),
            subject_record=subjects[kind],
            licensee=predicate.address("licensee"),
            uses=predicate.texts("uses"),
            valid_from=predicate.text("validFrom"),
            valid_until=predicate.nullable("validUntil", predicate.text),
            price=predicate.amount("price"),
            currency=predicate.nullable("currency", predicate.address),
            royalty_ppm=predicate.integer("royaltyPpm"),
        )
