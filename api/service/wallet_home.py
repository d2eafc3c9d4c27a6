"""A home as an account sees it whose wallet signs: a person who thinks it over holds up nobody else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from api.home import Home

if TYPE_CHECKING:
    from ledger.address import Address

_OWN: Final = frozenset({"datasets", "licenses", "tracks", "keys", "market", "royalties", "terms", "income"})
"""What is changed for one account at a time: where two meet, the contracts decide."""


@dataclass(frozen=True)
class WalletHome(Home):
    """The same home, with locks of the account's own around what its wallet is asked for."""

    account: Address | None = None

    @contextlib.contextmanager
    def changing(self, what: str, timeout: float = 600.0) -> Iterator[None]:
        """Hold the lock, or the account's own."""
        with super().changing(f"{what} {self.account}" if what in _OWN else what, timeout):
            yield
