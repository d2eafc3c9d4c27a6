"""See and fetch what sales of licenses and of tracks have credited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.home import Home, Ledger

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.keys import Signer


@dataclass(frozen=True, slots=True)
class Income:
    """What an account may fetch, or has fetched, in the smallest unit of one currency."""

    account: Address
    licenses: int
    market: int


def show(ledger: Ledger, account: Address, currency: Address | None = None) -> Income:
    """What is credited to an account."""
    due = ledger.contracts.due
    return Income(account, due(account, currency, "licenses"), due(account, currency, "market"))


def withdraw(home: Home, *, signer: Signer, currency: Address | None = None) -> Income:
    """Fetch all that is credited to the signer; where nothing is, nothing happens."""
    with home.changing("income"), home.ledger() as ledger:
        credited = show(ledger, signer.address, currency)
        if credited.licenses or credited.market:
            home.fund(ledger, signer)
        if credited.licenses:
            ledger.contracts.withdraw(signer, currency, "licenses")
        if credited.market:
            ledger.contracts.withdraw(signer, currency, "market")
        return credited
