"""See what a track has earned for whom, and pull it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.home import Home, Ledger
from api.workflows import tracks

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.contracts import ShareEntry, TrackEntry
    from ledger.keys import Signer


@dataclass(frozen=True, slots=True)
class Account:
    """Where a track's royalties land, and its recorded shares, each with what it may fetch in one currency."""

    track: TrackEntry
    address: Address
    shares: tuple[tuple[ShareEntry, int], ...]


@dataclass(frozen=True, slots=True)
class Pulled:
    """The outcome of :func:`pull`: what went to whom, and whose own code would not take it."""

    track: TrackEntry
    paid: tuple[tuple[ShareEntry, int], ...]
    refused: tuple[ShareEntry, ...]


def show(ledger: Ledger, track: str, currency: Address | None = None) -> Account:
    """The account of a track; see :func:`api.workflows.tracks.find` for what names one."""
    entry = tracks.find(ledger, track)
    address, _ = ledger.contracts.royalty(entry.id, 0)
    shares = ledger.contracts.royalty_shares(entry.id)
    due = tuple((share, ledger.contracts.royalty_due(entry.id, share.index, currency)) for share in shares if share.ppm)
    return Account(entry, address, due)


def pull(home: Home, track: str, *, signer: Signer, currency: Address | None = None, everybody: bool = False) -> Pulled:
    """Pay out the shares that the signer holds, or everybody's; where nothing is due, nothing happens.

    Raises :class:`NotOwner` if the signer holds no share, and :class:`PaymentRefused` if nobody's code took its money.
    """
    from ledger.errors import NotOwner, PaymentRefused

    with home.changing("royalties"), home.ledger() as ledger:
        account = show(ledger, track, currency)
        asked = [(share, due) for share, due in account.shares if everybody or share.payee == signer.address]
        if not asked:
            raise NotOwner(
                f"{signer.address} holds no share of track {account.track.id:016x}; --all pulls for the holders"
            )
        home.fund(ledger, signer)
        paid, refused = [], []
        fault: PaymentRefused | None = None
        for share, due in asked:
            if not due:
                continue
            try:
                ledger.contracts.pull_royalty(signer, account.track.id, share.index, currency)
                paid.append((share, due))
            except PaymentRefused as error:
                refused.append(share)
                fault = error
        if fault is not None and not paid:
            raise fault
        return Pulled(account.track, tuple(paid), tuple(refused))
