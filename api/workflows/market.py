"""Offer a track at a fixed price, end the offer, buy one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from api.home import Home, Ledger
from api.workflows import tracks

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.contracts import ListingEntry, TrackEntry
    from ledger.keys import Signer


@dataclass(frozen=True, slots=True)
class Offer:
    """A track, and what it is for sale for: None where it is not.

    ``live`` is False where the seller has parted with the track since, or not let the market pass it on, so that nobody
    can buy. ``royalty`` is what a sale at this price pays to the track's account, in the currency's smallest unit.
    """

    track: TrackEntry
    listing: ListingEntry | None
    live: bool = False
    royalty: int = 0
    already: bool = False


def show(ledger: Ledger, track: str) -> Offer:
    """The offer of a track, if there is one."""
    entry = tracks.find(ledger, track)
    return _offer(ledger, entry)


def offer(
    home: Home, track: str, price: int, *, signer: Signer, currency: Address | None = None, until: int | None = None
) -> Offer:
    """Offer a track of the signer's, or change the offer; ``until`` is Unix time. Raises :class:`NotOwner`."""
    from ledger.errors import NotOwner

    with home.changing("market"), home.ledger() as ledger:
        now = show(ledger, track)
        if now.track.owner != signer.address:
            raise NotOwner(f"track {now.track.id:016x} is {now.track.owner}'s to sell, not {signer.address}'s")
        said = None if now.listing is None else (now.listing.price, now.listing.currency, now.listing.until)
        if now.live and said == (price, currency, until):
            return _offer(ledger, now.track, already=True)
        home.fund(ledger, signer)
        ledger.contracts.list_track(signer, now.track.id, price, currency, until)
        return _offer(ledger, now.track)


def end(home: Home, track: str, *, signer: Signer) -> Offer:
    """End an offer of the signer's; where there is none, nothing happens. Raises :class:`NotOwner`."""
    from ledger.errors import NotOwner

    with home.changing("market"), home.ledger() as ledger:
        now = show(ledger, track)
        if now.listing is None:
            return Offer(now.track, None, already=True)
        if now.listing.seller != signer.address:
            raise NotOwner(f"track {now.track.id:016x} is offered by {now.listing.seller}, who alone ends the offer")
        home.fund(ledger, signer)
        ledger.contracts.unlist_track(signer, now.track.id)
        return Offer(now.track, None)


def buy(home: Home, track: str, *, signer: Signer, price: str | None = None, currency: str | None = None) -> Offer:
    """Buy a track for what is asked; the outcome is the offer that was taken, and the track with its new owner.

    ``price`` and ``currency`` are what the buyer has seen, as a person writes them (:func:`api.terms.currency`); None
    accepts what is asked now. A track that the signer owns is not bought; the outcome is then its own offer, if any.

    Raises:
        NotOffered: it is not for sale, or its seller has parted with it since.
        PriceNotMet: something else than ``price`` is asked, or another currency.
        InsufficientFunds: the signer has less than that.
        ArgumentRefused: the offer has run out.
    """
    from api import terms
    from ledger.errors import InsufficientFunds, NotOffered, PriceNotMet

    with home.changing("market"), home.ledger() as ledger:
        now = show(ledger, track)
        if now.track.owner == signer.address:
            return replace(now, already=True)
        listing = now.listing
        if listing is None or not now.live:
            raise NotOffered(f"track {now.track.id:016x} is not for sale")
        asked, token = listing.price, listing.currency
        other = currency is not None and terms.currency(currency) != token
        if other or (price is not None and terms.price(price, token) != asked):
            seen = " in ".join(said for said in (price, currency) if said is not None)
            raise PriceNotMet(
                f"track {now.track.id:016x} costs {terms.money(asked, token)} now, not {seen}; look again"
            )
        home.fund(ledger, signer)
        if token is not None and asked:
            held = ledger.contracts.tokens(signer.address, token)
            if held < asked:  # found out before anything is sent: to allow the price costs gas
                raise InsufficientFunds(f"{signer.address} has {terms.money(held, token)}; {asked} are asked")
            ledger.contracts.allow(signer, token, asked, "market")
        bought = ledger.contracts.buy_track(signer, now.track.id, asked, token)
        return Offer(bought, listing, live=False, royalty=now.royalty)


def _offer(ledger: Ledger, track: TrackEntry, *, already: bool = False) -> Offer:
    from ledger.abi import Interface

    listing = ledger.contracts.listing(track.id)
    if listing is None:
        return Offer(track, None, already=already)
    deployment = ledger.contracts.deployment
    approved = ledger.chain.call(Interface.load("Tracks"), deployment.tracks, "getApproved", track.id)
    live = listing.seller == track.owner and approved == deployment.market
    _, royalty = ledger.contracts.royalty(track.id, listing.price)
    return Offer(track, listing, live, royalty, already)
