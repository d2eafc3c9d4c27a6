"""Buy or grant the right to use a dataset or a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from api.home import Home, Ledger

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.contracts import Contracts, DatasetEntry, LicenseEntry, ModelEntry
    from ledger.contracts.entries import SubjectKind
    from ledger.keys import Signer
    from ledger.records import LicenseRecord, Terms


@dataclass(frozen=True, slots=True)
class Licensed:
    """The outcome of :func:`buy` and :func:`grant`. ``entry`` is None for an owner, who needs no license."""

    entry: LicenseEntry | None
    already: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """The terms that a buyer has seen, each as a person writes it (:mod:`api.terms`); None stands for any.

    ``share`` is a percentage; ``until`` a day, a moment, or ``never``.
    """

    price: str | None = None
    currency: str | None = None
    share: str | None = None
    until: str | None = None

    def require(self, what: str, asked: Terms) -> None:
        """Raise :class:`~ledger.errors.PriceNotMet` where other terms are asked for ``what``."""
        from api import terms as words
        from api.amounts import percent_from_ppm, ppm_from_percent
        from ledger.errors import PriceNotMet

        # The currency first: it says how a price is written.
        met = self.currency is None or words.currency(self.currency) == asked.currency
        met = met and (self.price is None or words.price(self.price, asked.currency) == asked.price)
        met = met and (self.share is None or ppm_from_percent(self.share) == asked.royalty_ppm)
        met = met and (self.until is None or words.until(self.until, datetime.min.replace(tzinfo=UTC)) == asked.until)
        if not met:
            seen = ", ".join(f"{name} {value}" for name, value in asdict(self).items() if value is not None)
            raise PriceNotMet(
                f"{what} costs {words.money(asked.price, asked.currency)} now, share "
                f"{percent_from_ppm(asked.royalty_ppm)} %, until {asked.until or words.NEVER}; not {seen}: look again"
            )


def subject(contracts: Contracts, kind: SubjectKind, id: int) -> DatasetEntry | ModelEntry:  # noqa: A002
    """The dataset or model that a license is for."""
    return contracts.dataset(id) if kind == "dataset" else contracts.model(id)


def buy(
    home: Home,
    kind: SubjectKind,
    id: int,  # noqa: A002
    *,
    uses: Sequence[str],
    signer: Signer,
    now: Callable[[], datetime],
    seen: Seen | None = None,
) -> Licensed:
    """Accept the terms of a dataset or model, pay the price and hold a license for those uses not licensed yet.

    The License record, signed by the licensee, is the acceptance. ``seen`` is what the buyer agrees to; None accepts
    what is asked now.

    Raises:
        ConsentWithdrawn, UseNotOffered, ArgumentRefused: nothing (of the kind) is on sale, or not any more.
        PriceNotMet: other terms are asked than were seen.
    """
    from ledger.archive import publish

    with home.changing("licenses"), home.acting(signer.address) as ledger:
        contracts = ledger.contracts
        entry = subject(contracts, kind, id)
        if entry.owner == signer.address:
            return Licensed(None, already=True)
        missing = wanted(contracts, kind, entry, signer.address, uses, now(), seen)
        if not missing:
            return Licensed(held_license(ledger, kind, id, signer.address, uses[0]), already=True)
        terms = entry.terms
        record = _record(kind, entry, signer.address, missing, now, terms)
        cid = publish(ledger.store, record, signer)
        home.introduce(ledger, signer)
        if terms.currency is not None and terms.price:
            contracts.allow(signer, terms.currency, terms.price)
        return Licensed(contracts.buy_license(signer, kind, id, missing, record.digest, str(cid), terms), already=False)


def wanted(
    contracts: Contracts,
    kind: SubjectKind,
    entry: DatasetEntry | ModelEntry,
    who: Address,
    uses: Sequence[str],
    now: datetime,
    seen: Seen | None = None,
) -> tuple[str, ...]:
    """Of these uses, those that somebody would have to buy a license for, and can; none for an owner.

    Raises what :func:`buy` does.
    """
    if entry.owner == who:
        return ()
    missing = tuple(use for use in uses if not contracts.is_licensed(kind, entry.id, who, use))
    if missing:
        _require_offer(kind, entry, missing, now)
        (seen or Seen()).require(f"{kind} {entry.id}", entry.terms)
    return missing


def grant(
    home: Home,
    kind: SubjectKind,
    id: int,  # noqa: A002
    *,
    licensee: Address,
    uses: Sequence[str],
    until: str | None,
    signer: Signer,
    now: Callable[[], datetime],
) -> Licensed:
    """Give a license of a dataset or model that the signer owns; one that lasts as long already is not given twice.

    The License record is signed by the owner: whoever uses the license accepts it by naming it in a training record.

    Raises:
        NotOwner: the signer does not own the dataset or model.
        ConsentWithdrawn: the dataset's consent has been withdrawn.
    """
    from ledger.archive import publish
    from ledger.errors import ConsentWithdrawn, NotOwner
    from ledger.records import parse_timestamp

    with home.changing("licenses"), home.acting(signer.address) as ledger:
        contracts = ledger.contracts
        entry = subject(contracts, kind, id)
        if entry.owner != signer.address:
            raise NotOwner(
                f"{kind} {id} is {entry.owner}'s, who alone grants licenses of it; {signer.address} does not"
            )
        if licensee == entry.owner:
            return Licensed(None, already=True)
        end = None if until is None else int(parse_timestamp(until).timestamp())
        held = [held_license(ledger, kind, id, licensee, use) for use in uses]
        if held[0] is not None and all(item is not None and _lasts(item, end) for item in held):
            return Licensed(held[0], already=True)
        if not _open(entry):
            raise ConsentWithdrawn(
                f"consent for {kind} {id} has been withdrawn: no license is sold or granted any more"
            )
        royalty_ppm = entry.terms.royalty_ppm
        if kind == "dataset" and contracts.is_licensed(kind, id, licensee, "train"):
            royalty_ppm = min(royalty_ppm, contracts.agreed_royalty(id, licensee))  # a grant never raises it
        terms = replace(entry.terms, price=0, currency=None, until=until, royalty_ppm=royalty_ppm)
        record = _record(kind, entry, licensee, tuple(uses), now, terms)
        cid = publish(ledger.store, record, signer)
        home.introduce(ledger, signer)
        given = contracts.grant_license(signer, kind, id, licensee, tuple(uses), end, record.digest, str(cid))
        return Licensed(given, already=False)


def held_license(
    ledger: Ledger,
    kind: SubjectKind,
    id: int,  # noqa: A002
    who: Address,
    use: str,
) -> LicenseEntry | None:
    """The license for ``use`` that counts now: the one that lasts longest, and of equals the latest; or None.

    One whose record verifies goes before all others, since owners may grant licenses under records that nobody signed.
    """
    if not ledger.contracts.is_licensed(kind, id, who, use):
        return None
    held = [entry for entry in ledger.contracts.licenses(kind, id, who) if use in entry.uses]
    time = ledger.chain.timestamp(ledger.chain.block_number)
    valid = [entry for entry in held if _lasts(entry, time)]
    return max(valid, key=lambda entry: (_verifies(ledger, entry), _end(entry), entry.id), default=None)


def _verifies(ledger: Ledger, entry: LicenseEntry) -> bool:
    from ledger.archive import fetch
    from ledger.errors import LedgerError
    from ledger.records import LicenseRecord
    from ledger.verify import license_signer

    try:
        signer = license_signer(ledger.contracts, ledger.store, entry)
        fetch(ledger.store, LicenseRecord, entry.cid, entry.record, signer)
    except LedgerError:
        return False
    return True


def _end(entry: LicenseEntry) -> float:
    return math.inf if entry.valid_until is None else entry.valid_until


def _lasts(entry: LicenseEntry, end: int | None) -> bool:
    """Whether a license is valid until ``end``, Unix time; None for ever."""
    return _end(entry) >= (math.inf if end is None else end)


def _open(entry: DatasetEntry | ModelEntry) -> bool:
    """Whether licenses are issued at all; for a model they always are."""
    return bool(getattr(entry, "consent", True))


def _require_offer(kind: SubjectKind, entry: DatasetEntry | ModelEntry, uses: Sequence[str], now: datetime) -> None:
    """Raise the contract's own refusal in words, before a record is signed."""
    from ledger.errors import ArgumentRefused, ConsentWithdrawn, UseNotOffered
    from ledger.records import parse_timestamp

    terms = entry.terms
    if not _open(entry):
        raise ConsentWithdrawn(f"consent for {kind} {entry.id} has been withdrawn: no license is sold any more")
    if not set(uses) <= set(terms.uses):
        offered = f"on offer for {', '.join(terms.uses)}" if terms.uses else "not on offer for any use"
        raise UseNotOffered(f"{kind} {entry.id} is {offered}; asked for {', '.join(uses)}")
    if terms.until is not None and parse_timestamp(terms.until) < now:
        raise ArgumentRefused(
            f"the licenses of {kind} {entry.id} on sale ended on {terms.until}; ask its owner for new"
        )


def _record(
    kind: SubjectKind,
    entry: DatasetEntry | ModelEntry,
    licensee: Address,
    uses: tuple[str, ...],
    now: Callable[[], datetime],
    terms: Terms,
) -> LicenseRecord:
    """The record of a license on these terms, whose own uses do not count."""
    from ledger.records import LicenseRecord, timestamp

    return LicenseRecord(
        subject_kind=kind,
        subject_id=entry.id,
        subject_record=entry.record,
        licensee=licensee,
        uses=uses,
        valid_from=timestamp(now()),
        valid_until=terms.until,
        price=terms.price,
        currency=terms.currency,
        royalty_ppm=terms.royalty_ppm,
    )
