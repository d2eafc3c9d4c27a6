"""What a rights holder allows without asking: one object behind every vocabulary in which it can be said.

Here it is read from a dataset's terms on chain, and said as a CAWG assertion (CAWG, "Training and Data Mining
Assertion" 1.1, section 3) and as token metadata (ERC-7517). What other vocabularies make of it is in ``api/exports``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from ledger.address import Address
from ledger.errors import Malformed
from ledger.records import PREFERENCES, Terms, checks, parse_timestamp

LABEL = "cawg.training-mining"
"""Of the assertion in a C2PA manifest."""
USES = ("data_mining", "inference", "training", "generative_training")
"""What is said something of: patterns sought in it; input to a model; training of a model; of one that generates."""

_CAWG = dict(zip(USES, ("data_mining", "ai_inference", "ai_training", "ai_generative_training"), strict=True))
_ERC7517 = dict(zip(USES, ("dataMining", "aiInference", "aiTraining", "aiGenerativeTraining"), strict=True))
_LONGEST_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Preferences:
    """Each use is ``notAllowed``, ``constrained`` (only with a license) or ``allowed``; None where nothing is said."""

    data_mining: str | None = "notAllowed"
    inference: str | None = "notAllowed"
    training: str | None = "notAllowed"
    generative_training: str | None = "notAllowed"
    terms: str | None = None
    """Where a license is to be had: a URI, or a sentence; None where that is nowhere said."""
    price: int | None = None
    """Of that license, in the currency's smallest unit; None: not said, or nothing is sold."""
    currency: Address | None = None
    """An ERC-20 token; None: ether."""

    def __post_init__(self) -> None:
        """Raises :class:`~ledger.errors.MalformedRecord`, field first."""
        for use in USES:
            if getattr(self, use) is not None:
                checks.choice(use, getattr(self, use), PREFERENCES)
        if self.terms is not None:
            checks.text("terms", self.terms, _LONGEST_TEXT)
        if self.price is not None:
            checks.price(self.price, self.currency)

    @classmethod
    def of(cls, terms: Terms, *, consent: bool, now: datetime, document: str | None = None) -> Self:
        """What a dataset's terms on chain amount to, as ``tokenURI`` in ``contracts/Datasets.sol`` says it too.

        Training is never allowed without a license: constrained where one is on sale, else not allowed. Once consent is
        withdrawn nothing is allowed. ``document`` names the terms.
        """
        if not consent:
            return cls()
        open_yet = terms.until is None or parse_timestamp(terms.until) >= now
        sold = "train" in terms.uses and open_yet
        training = "constrained" if sold else "notAllowed"
        return cls(
            data_mining=terms.data_mining,
            inference=terms.inference,
            training=training,
            generative_training=training,
            terms=document,
            price=terms.price if sold else None,
            currency=terms.currency if sold else None,
        )

    def assertion(self) -> dict[str, Any]:
        """The data of a ``cawg.training-mining`` assertion; a price cannot be said there."""
        entries: dict[str, dict[str, str]] = {}
        for use, name in _CAWG.items():
            said = getattr(self, use)
            if said is None:
                continue
            entries[f"cawg.{name}"] = {"use": said}
            if said == "constrained" and self.terms is not None:
                entries[f"cawg.{name}"]["constraint_info"] = self.terms
        return {"entries": entries}

    @classmethod
    def from_assertion(cls, data: object) -> Self:
        """Of a ``cawg.training-mining`` assertion; entries of other vocabularies are passed over.

        Raises :class:`~ledger.errors.Malformed`, which names the entry.
        """
        entries = _object("entries", _object("data", data).get("entries"))
        said: dict[str, Any] = {}
        infos: list[str] = []
        for use, name in _CAWG.items():
            entry = entries.get(f"cawg.{name}")
            if entry is None:
                said[use] = None
                continue
            found = _object(f"entries.cawg.{name}", entry)
            said[use] = found.get("use")
            if (info := found.get("constraint_info")) is not None:
                infos.append(info)
        # One object names one document: of several, the first in the order of USES.
        return cls(**said, terms=infos[0] if infos else None)

    def metadata(self) -> dict[str, Any]:
        """The members of a token's metadata that ERC-7517 defines; a price cannot be said there."""
        said = {name: getattr(self, use) for use, name in _ERC7517.items() if getattr(self, use) is not None}
        named = {} if self.terms is None else {"license": {"name": "the terms on chain", "document": self.terms}}
        return {"dataMiningPreference": said, **named}

    @classmethod
    def from_metadata(cls, metadata: object) -> Self:
        """Of a token's metadata after ERC-7517. Raises :class:`~ledger.errors.Malformed`, which names the member."""
        members = _object("metadata", metadata)
        said = _object("dataMiningPreference", members.get("dataMiningPreference"))
        license_ = members.get("license")
        terms = None if license_ is None else _object("license", license_).get("document")
        return cls(**{use: said.get(name) for use, name in _ERC7517.items()}, terms=terms)


def _object(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Malformed(f"{name}: expected an object, not {type(value).__name__}")
    return value
