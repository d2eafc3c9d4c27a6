"""Who gets what of a track's price: shown before anybody pays, so that nobody pays for what they have not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from api import terms as words
from api.amounts import about_percent, percent_from_ppm
from api.currency import Currency, unnamed
from api.home import Ledger

if TYPE_CHECKING:
    from api.workflows.market import Offer
    from ledger.address import Address
    from ledger.contracts import TrackEntry

Role = Literal["seller", "creator", "model", "dataset"]

_WHOLE = 1_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """What one party gets of a price.

    role: the seller; or of the royalty the creator, or the holder of a model or dataset. number: of that model or
    dataset. payee: who is paid now. units: in the currency's smallest unit, rounded down as the contracts round.
    percent: of the whole price, decimal text to one decimal; where that is 0, of any price.
    money: the amount with its currency, for people.
    """

    role: Role
    number: int | None
    title: str | None
    payee: Address
    units: int
    percent: str
    money: str


@dataclass(frozen=True, slots=True)
class Sale:
    """An offer that may be accepted: ``price`` as :func:`api.terms.price` reads it, and its parts.

    ``coin`` is its currency by name; ``money`` and ``royalty`` are for people, in whole units of that.

    ``settled`` is False where the holders have agreed on other shares of later income (``contracts/Epochs.sol``): then
    the parts of the royalty may be others; the royalty as a whole is not.
    """

    track: TrackEntry
    seller: Address
    coin: Currency
    units: int
    price: str
    money: str
    royalty: str
    royalty_percent: str
    until: str | None
    parts: tuple[Part, ...]
    settled: bool


def of(
    ledger: Ledger, offer: Offer, now: datetime, name: Callable[[Address | None], Currency] = unnamed
) -> Sale | None:
    """The sale that an offer is; None where nobody could buy. See :func:`api.workflows.market.show`.

    ``name`` says what a currency is called.
    """
    listing = offer.listing
    if listing is None or not offer.live or (listing.until is not None and listing.until < now.timestamp()):
        return None
    coin, price = name(listing.currency), listing.price
    return Sale(
        track=offer.track,
        seller=listing.seller,
        coin=coin,
        units=price,
        price=words.amount(price, coin.address),
        money=coin.money(price),
        royalty=coin.money(offer.royalty),
        royalty_percent=_percent(offer.royalty, price) if price else percent_from_ppm(offer.track.royalty_ppm),
        until=None if listing.until is None else words.moment(listing.until),
        parts=_parts(ledger, offer, price, coin),
        settled=not _agreed_otherwise(ledger, offer.track),
    )


def _parts(ledger: Ledger, offer: Offer, price: int, coin: Currency) -> tuple[Part, ...]:
    from api.workflows import models

    assert offer.listing is not None  # noqa: S101  (of() has seen it)
    seller = offer.listing.seller
    rest = price - offer.royalty
    whole, royalty = (price, offer.royalty) if price else (_WHOLE, offer.track.royalty_ppm)
    parts = [Part("seller", None, None, seller, rest, _about(whole - royalty, whole), coin.money(rest))]
    for share in ledger.contracts.royalty_shares(offer.track.id):
        units = offer.royalty * share.ppm // _WHOLE
        if not share.ppm:
            continue
        number = share.holder if isinstance(share.holder, int) else None
        role: Role = "creator" if share.kind == "account" else share.kind
        title = models.title(ledger, number) if role == "dataset" and number is not None else None
        percent = _about(royalty * share.ppm // _WHOLE, whole)
        parts.append(Part(role, number, title, share.payee, units, percent, coin.money(units)))
    return tuple(parts)


def _percent(units: int, price: int) -> str:
    """A part of a price in percent, to four places."""
    return percent_from_ppm(units * _WHOLE // price)


def _about(units: int, price: int) -> str:
    """The same to one decimal: the amount beside it is exact."""
    return about_percent(units * _WHOLE // price)


def _agreed_otherwise(ledger: Ledger, track: TrackEntry) -> bool:
    from ledger.abi import Interface

    account, _ = ledger.contracts.royalty(track.id, 0)
    if not ledger.chain.has_code(account):  # nobody has pulled yet, and nobody could propose anything
        return False
    return bool(ledger.chain.call(Interface.load("Split"), account, "epochs"))
