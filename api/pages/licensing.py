"""What a license of a dataset costs and allows, and what a reader holds already: as the chain has it now."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from api import terms as words
from api.amounts import percent_from_ppm
from api.home import Ledger
from api.pages.writing import when
from api.service.currencies import Currencies

if TYPE_CHECKING:
    from api.service.service import Service
    from ledger.address import Address
    from ledger.contracts import DatasetEntry
    from ledger.records import Terms

State = Literal["own", "open", "closed", "ended", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Right:
    """A use that a reader is licensed for. until: a minute (UTC), for people; None for no end."""

    use: str
    until: str | None


@dataclass(frozen=True, slots=True)
class Offer:
    """A dataset's offer, as one reader meets it.

    Attributes:
        state: the dataset is the reader's; licenses are on sale; nothing is on offer; what was has ended; or consent
            is withdrawn.
        until: the last minute (UTC) of licenses sold now; None for no end.
        held: what the reader is licensed for, by the chain.
        wanted: what is on sale and the reader is not licensed for.
        asked: what a buyer agrees to, as the job ``license`` reads it.
        money: the price with its currency, for people.
        free: whether nothing is to be paid.
        token: of an ERC-20 token, its address; None for ether.
        balance: what the reader has of the currency, for people; None where nobody knows.
        short: whether that is less than the price.
    """

    state: State
    until: str | None
    held: tuple[Right, ...]
    wanted: tuple[str, ...]
    asked: Mapping[str, str]
    money: str
    free: bool
    token: Address | None
    balance: str | None
    short: bool

    @property
    def trains(self) -> bool:
        """Whether the reader may train on the dataset now."""
        return self.state == "own" or any(one.use == "train" for one in self.held)


def offer(service: Service, ledger: Ledger, entry: DatasetEntry, reader: Address | None, now: datetime) -> Offer:
    """The offer of a dataset; ``reader`` is None where nobody is signed in."""
    terms, coin = entry.terms, Currencies(service).of(entry.terms.currency)
    held = () if reader is None or reader == entry.owner else _held(ledger, entry.id, reader)
    state = "own" if reader == entry.owner else _state(entry, now)
    has = None if reader is None or state != "open" else _balance(service, ledger, reader, terms.currency)
    known = {one.use for one in held}
    return Offer(
        state=state,
        until=ends(terms),
        held=held,
        wanted=tuple(use for use in terms.uses if use not in known) if state == "open" else (),
        asked=agreed(terms),
        money=coin.money(terms.price),
        free=not terms.price,
        token=terms.currency,
        balance=None if has is None else coin.money(has),
        short=has is not None and has < terms.price,
    )


def agreed(terms: Terms) -> dict[str, str]:
    """What a buyer agrees to, as the job ``license`` reads it."""
    return {
        "price": words.amount(terms.price, terms.currency),
        "currency": words.ETHER if terms.currency is None else str(terms.currency),
        "share": percent_from_ppm(terms.royalty_ppm),
        "until": terms.until or words.NEVER,
    }


def ends(terms: Terms) -> str | None:
    """The last minute (UTC) of licenses that are sold now, for people; None for no end."""
    from ledger.records import parse_timestamp

    return None if terms.until is None else when(parse_timestamp(terms.until).timestamp())


def on_sale(entry: DatasetEntry, use: str, now: datetime) -> bool:
    """Whether anybody can buy a license for that use now."""
    return _state(entry, now) == "open" and use in entry.terms.uses


def _state(entry: DatasetEntry, now: datetime) -> State:
    from ledger.records import parse_timestamp

    terms = entry.terms
    if not entry.consent:
        return "withdrawn"
    if not terms.uses:
        return "closed"
    return "ended" if terms.until is not None and parse_timestamp(terms.until) < now else "open"


def _held(ledger: Ledger, dataset: int, reader: Address) -> tuple[Right, ...]:
    from ledger.records import USES

    contracts = ledger.contracts
    return tuple(
        Right(use, when(contracts.licensed_until("dataset", dataset, reader, use)))
        for use in USES
        if contracts.is_licensed("dataset", dataset, reader, use)
    )


def _balance(service: Service, ledger: Ledger, reader: Address, token: Address | None) -> int | None:
    """What the reader could pay with; None for a token that does not say."""
    from api.home import EMBEDDED_ALLOWANCE_WEI
    from ledger.errors import LedgerError

    if token is not None:
        with contextlib.suppress(LedgerError):
            return ledger.contracts.tokens(reader, token)
        return None
    units = ledger.chain.balance(reader)
    # The embedded chain gives a key its allowance when it acts for the first time.
    return EMBEDDED_ALLOWANCE_WEI if not units and service.home.settings.rpc_url is None else units
