"""Verbs of ``contracts/Market.sol``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.address import Address
from ledger.contracts.entries import ListingEntry, TrackEntry
from ledger.contracts.till import TillVerbs
from ledger.contracts.tracks import TrackVerbs
from ledger.contracts.words import ETHER, currency_of, currency_word, end_of, end_word

if TYPE_CHECKING:
    from ledger.keys import Signer


class MarketVerbs(TrackVerbs, TillVerbs):
    """Sell and buy tracks at a fixed price."""

    def list_track(
        self, signer: Signer, track_id: int, price: int, currency: Address | None = None, until: int | None = None
    ) -> ListingEntry:
        """Offer a track of the signer's, and let the market pass it on when it is paid. ``until`` is Unix time.

        Raises:
            NotOwner: the signer does not own the track.
            ArgumentRefused: a price above 2**96 - 1, or ``until`` has passed.
        """
        # In this order: an older offer of the same track must not come alive between the two.
        self._on.send(signer, "Market", "list", track_id, price, currency_word(currency), end_word(until))
        self._on.send(signer, "Tracks", "approve", self.deployment.market, track_id)
        return ListingEntry(track_id, signer.address, price, currency, until)

    def unlist_track(self, signer: Signer, track_id: int) -> None:
        """End an offer of the signer's. Raises :class:`NotOffered`."""
        self._on.send(signer, "Market", "unlist", track_id)

    def listing(self, track_id: int) -> ListingEntry | None:
        """The offer of a track, if there is one; it may be stale (see :class:`NotOffered`)."""
        seller, price, currency, until = self._on.view("Market", "listings", track_id)
        if seller == ETHER:
            return None
        return ListingEntry(track_id, seller, price, currency_of(currency), end_of(until))

    def buy_track(self, signer: Signer, track_id: int, price: int, currency: Address | None = None) -> TrackEntry:
        """Buy a track for the price on offer; the royalty goes to its account, the rest is credited to the seller.

        Raises:
            NotOffered: it is not for sale, or the seller has parted with it since.
            PriceNotMet: something else is asked now.
            ArgumentRefused: the offer has run out.
            PaymentShort: the token keeps a part of what is paid with it.
        """
        value = price if currency is None else 0
        self._on.send(signer, "Market", "buy", track_id, currency_word(currency), price, value=value)
        return self.track(track_id)
