"""What a reader may train on, and what they could: datasets, as a form that chooses among them shows them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from api.amounts import percent_from_ppm
from api.home import Home, Ledger
from api.pages import licensing
from api.pages.writing import when
from api.service.currencies import Currencies

if TYPE_CHECKING:
    from api.service.directory import Directory
    from api.service.summaries import Reading, Summary
    from ledger.address import Address
    from ledger.contracts import DatasetEntry

MOST: Final = 100
"""So many datasets a training may name, and a form shows."""
_MORE: Final = 12


@dataclass(frozen=True, slots=True)
class Material:
    """A dataset that may be learnt from.

    title, recordings, minutes: None where its record is not here, or not read for one request. own: it is the reader's.
    until: the last minute (UTC) of the license to train, None for no end. share: of a track's royalties, in percent, to
    its holder, as agreed to. opens: False where this home has no key of its recordings, as far as its record is known.
    """

    id: int
    title: str | None
    recordings: int | None
    minutes: str | None
    own: bool
    until: str | None
    share: str
    opens: bool


@dataclass(frozen=True, slots=True)
class Offered:
    """A dataset that is on sale for training. money: the price with its currency, for people; opens: as above."""

    id: int
    title: str | None
    money: str
    opens: bool


def mine(
    home: Home, ledger: Ledger, directory: Directory, told: Reading, reader: Address, named: Collection[int] = ()
) -> tuple[Material, ...]:
    """What the reader may train on now, as the chain says; the newest first.

    ``named`` are looked at too: of a license that was bought a moment ago the directory may know nothing yet.
    """
    numbers = sorted({*named, *_known(directory, reader)}, reverse=True)
    allowed = (number for number in numbers if ledger.contracts.is_licensed("dataset", number, reader, "train"))
    return tuple(_material(home, ledger, told, reader, number) for number, _ in zip(allowed, range(MOST), strict=False))


def on_sale(
    home: Home,
    ledger: Ledger,
    directory: Directory,
    told: Reading,
    names: Currencies,
    known: Collection[int],
    now: datetime,
) -> tuple[Offered, ...]:
    """The newest datasets that anybody may have a license to train on, but those that are ``known``."""
    found = directory.datasets(most=MOST, newest=True).entries
    offers = [entry for entry in found if entry.id not in known and licensing.on_sale(entry, "train", now)]
    return tuple(_offered(home, ledger, told, names, entry) for entry in offers[:_MORE])


def _known(directory: Directory, reader: Address) -> Iterator[int]:
    """The newest datasets that are the reader's, or were licensed to the reader."""
    for entry in directory.datasets(owner=reader, most=MOST, newest=True).entries:
        yield entry.id
    for license_ in directory.licenses(licensee=reader, most=MOST, newest=True).entries:
        if license_.subject_kind == "dataset":
            yield license_.subject_id


def _material(home: Home, ledger: Ledger, told: Reading, reader: Address, number: int) -> Material:
    contracts = ledger.contracts
    entry = contracts.dataset(number)
    own = entry.owner == reader
    end = None if own else contracts.licensed_until("dataset", number, reader, "train")
    ppm = entry.terms.royalty_ppm if own else contracts.agreed_royalty(number, reader)
    summary = told.known(ledger, number)
    return Material(
        id=number,
        title=None if summary is None else summary.title,
        recordings=None if summary is None else summary.recordings,
        minutes=None if summary is None else f"{summary.seconds / 60:.1f}",
        own=own,
        until=when(end),
        share=percent_from_ppm(ppm),
        opens=_opens(home, entry, summary),
    )


def _offered(home: Home, ledger: Ledger, told: Reading, names: Currencies, entry: DatasetEntry) -> Offered:
    summary = told.known(ledger, entry.id)
    return Offered(
        id=entry.id,
        title=None if summary is None else summary.title,
        money=names.money(entry.terms.price, entry.terms.currency),
        opens=_opens(home, entry, summary),
    )


def _opens(home: Home, entry: DatasetEntry, summary: Summary | None) -> bool:
    from api.workflows import opening

    return summary is None or opening.lies_here(home, entry, summary.asset)
