"""A home in which nothing is done: what a workflow would send is tried and written down, for a wallet to send."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from api.home import Home, Ledger

if TYPE_CHECKING:
    from ledger.contracts.prepared import Call
    from ledger.keys import Signer


@dataclass(frozen=True)
class DraftingHome(Home):
    """The same home, chain and checks; ``calls`` fills with the transactions of whatever is done in it.

    For workflows that sign no records. It waits for nobody and changes nothing, neither on the disk nor on chain.
    """

    calls: list[Call] = field(default_factory=list)

    @contextlib.contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The chain as it stands, with contracts that write down what they would send."""
        with self.reading() as ledger:
            yield replace(ledger, contracts=ledger.contracts.preparing(self.calls))

    def fund(self, ledger: Ledger, signer: Signer) -> None:
        """Nothing: a wallet pays for itself."""

    @contextlib.contextmanager
    def changing(self, what: str, timeout: float = 600.0) -> Iterator[None]:
        """Nothing is changed, and so nobody has to wait."""
        yield
