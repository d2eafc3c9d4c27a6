"""A home as a job sees it that may be begun again while its account's wallet is asked: in it, time stands still."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.home import Home

if TYPE_CHECKING:
    from datetime import datetime

    from api.home import Ledger


@dataclass(frozen=True)
class WalletHome(Home):
    """The same home at one moment: a record that is made again is the one that was signed."""

    moment: datetime | None = None

    def time(self, ledger: Ledger) -> datetime:
        """The moment, whatever block the chain is at."""
        return self.moment or super().time(ledger)
