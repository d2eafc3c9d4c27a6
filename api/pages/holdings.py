"""What a holder has registered: on which terms, who holds licenses, who trained on it, and what it has earned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from api.amounts import about_percent, percent_from_ppm
from api.currency import Currency, unnamed
from api.home import Ledger
from api.pages.dues import Dues, Owed
from api.pages.writing import when
from api.service.directory import Directory

if TYPE_CHECKING:
    from api.service.currencies import Currencies
    from api.service.service import Service
    from ledger.address import Address
    from ledger.contracts import DatasetEntry, LicenseEntry
    from ledger.records import Terms

MOST_DUES: Final = 100
"""So many of the newest tracks are looked through for what they owe."""


@dataclass(frozen=True, slots=True)
class Offered:
    """Terms, as a form shows and sends them, and for people.

    price, share: decimal texts. until: a day, empty for no end. currency: a token's address; None for ether.
    decimals: of the token that the price is in whole units of; None for ether, and for a token that names none.
    """

    price: str
    money: str
    share: str
    uses: tuple[str, ...]
    until: str
    mining: str
    currency: str | None
    decimals: int | None


@dataclass(frozen=True, slots=True)
class Holding:
    """A dataset of a holder's. ``recordings`` and ``minutes`` are None where its record is not here.

    earned: what was paid for its licenses, for people, a sum for each currency.
    """

    id: int
    title: str | None
    recordings: int | None
    minutes: str | None
    terms: Offered
    consent: bool
    licenses: int
    models: int
    earned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Due:
    """What a track owes the holder of a share now. ``path`` leads to its page."""

    track: str
    path: str
    owed: Owed


def holding(ledger: Ledger, directory: Directory, names: Currencies, entry: DatasetEntry) -> Holding:
    """A dataset as its holder sees it; rights are read from the chain, and only lists from the directory."""
    title, recordings, minutes = described(ledger, entry.id)
    licenses = directory.licenses(dataset=entry.id).entries
    return Holding(
        id=entry.id,
        title=title,
        recordings=recordings,
        minutes=minutes,
        terms=offered(entry.terms, names.of),
        consent=entry.consent,
        licenses=len(licenses),
        models=len(directory.models(dataset=entry.id).entries),
        earned=_sums(licenses, names),
    )


def offered(terms: Terms, name: Callable[[Address | None], Currency] = unnamed) -> Offered:
    """Terms as a form shows them; ``name`` says what a currency is called."""
    coin = name(terms.currency)
    return Offered(
        price=coin.amount(terms.price),
        money=coin.money(terms.price),
        share=percent_from_ppm(terms.royalty_ppm),
        uses=terms.uses,
        until="" if terms.until is None else terms.until[:10],
        mining=terms.data_mining,
        currency=None if terms.currency is None else str(terms.currency),
        decimals=None if terms.currency is None else coin.decimals,
    )


def dues(service: Service, ledger: Ledger, dataset: int) -> tuple[Due, ...]:
    """What the newest tracks made from a dataset owe to its owner, one entry for each track and currency."""
    found, owed = [], Dues(service, ledger)
    for track in Directory.of(service).tracks(dataset=dataset, most=MOST_DUES, newest=True).entries:
        parts = owed.of(track.id, lambda share: (share.kind, share.holder) == ("dataset", dataset))
        found += [Due(f"{track.id:016x}", f"/tracks/{track.id}", part) for part in parts]
    return tuple(found)


def licenses(directory: Directory, names: Currencies, dataset: int) -> list[dict[str, object]]:
    """The newest licenses of a dataset, for a table."""
    return [
        {
            "licensee": entry.licensee,
            "uses": entry.uses,
            "money": names.money(entry.price, entry.currency),
            "since": when(entry.valid_from),
        }
        for entry in directory.licenses(dataset=dataset, newest=True).entries
    ]


def models(directory: Directory, dataset: int) -> list[dict[str, object]]:
    """The newest models that were trained on a dataset, for a table."""
    return [
        {
            "id": entry.id,
            "trainer": entry.trainer,
            "share": about_percent(dict(entry.datasets)[dataset]),
            "when": when(entry.time),
        }
        for entry in directory.models(dataset=dataset, newest=True).entries
    ]


def described(ledger: Ledger, dataset: int) -> tuple[str | None, int | None, str | None]:
    """A dataset's title, how many recordings it has and their minutes; None thrice where its record is not here."""
    from api.workflows import datasets
    from ledger.errors import Invalid, Malformed, Unverifiable

    try:
        record = datasets.show(ledger, dataset)[1]
    except (Unverifiable, Invalid, Malformed):
        return None, None, None
    seconds = sum(item.frames / item.rate for item in record.recordings)
    return record.title, len(record.recordings), f"{seconds / 60:.1f}"


def _sums(licenses: Iterable[LicenseEntry], names: Currencies) -> tuple[str, ...]:
    sums: Counter[Address | None] = Counter()
    for entry in licenses:
        sums[entry.currency] += entry.price
    return tuple(names.money(units, token) for token, units in sums.items() if units) or (names.money(0, None),)
