"""What tracks owe: read from the chain, with as few questions as can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from api.home import Ledger

if TYPE_CHECKING:
    from ledger.contracts import ShareEntry


def due(ledger: Ledger, track: int, wanted: Callable[[ShareEntry], bool]) -> int:
    """What a track's account holds now for those of its recorded shares that are wanted, in wei."""
    account, _ = ledger.contracts.royalty(track, 0)
    if not ledger.chain.balance(account):  # as of most tracks
        return 0
    shares = [share for share in ledger.contracts.royalty_shares(track) if share.ppm and wanted(share)]
    return sum(ledger.contracts.royalty_due(track, share.index) for share in shares)
