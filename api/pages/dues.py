"""What is owed to a reader, in ether and in every token that something was ever paid in: read from the chain.

Which tokens those are, the directory knows; with as few questions to the chain as can be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.currency import Currency
from api.home import Ledger
from api.service.currencies import Currencies
from api.service.earnings import Earnings

if TYPE_CHECKING:
    from api.service.service import Service
    from ledger.address import Address
    from ledger.contracts import ShareEntry


@dataclass(frozen=True, slots=True)
class Owed:
    """What may be fetched in one currency: for people, and in its smallest unit."""

    coin: Currency
    units: int

    @property
    def money(self) -> str:
        """The amount with its currency."""
        return self.coin.money(self.units)

    @property
    def fields(self) -> dict[str, str]:
        """What a form says of the currency."""
        return _said(self.coin)


@dataclass(frozen=True, slots=True)
class Credited:
    """What sales have credited to an account in one currency: of licenses and of tracks; None where nothing is."""

    coin: Currency
    licenses: Owed | None
    market: Owed | None

    @property
    def fields(self) -> dict[str, str]:
        """What a form says of the currency."""
        return _said(self.coin)


def owed(service: Service, ledger: Ledger, track: int, wanted: Callable[[ShareEntry], bool]) -> tuple[Owed, ...]:
    """What a track's account holds now for those of its recorded shares that are wanted, in each currency."""
    contracts, names, found = ledger.contracts, Currencies(service), []
    account, _ = contracts.royalty(track, 0)
    held = [None, *Earnings(service.database).of_track(track)]
    held = [token for token in held if _holds(ledger, account, token)]
    if not held:  # as most tracks do not
        return ()
    shares = [share.index for share in contracts.royalty_shares(track) if share.ppm and wanted(share)]
    for token in held:
        units = sum(contracts.royalty_due(track, index, token) for index in shares)
        if units:
            found.append(Owed(names.of(token), units))
    return tuple(found)


def credited(service: Service, ledger: Ledger, account: Address) -> tuple[Credited, ...]:
    """What an account may fetch, in each currency in which there is something."""
    from api.workflows import income

    names, found = Currencies(service), []
    for token in (None, *Earnings(service.database).of_account(account)):
        due = income.show(ledger, account, token)
        if due.licenses or due.market:
            coin = names.of(token)
            parts = (Owed(coin, units) if units else None for units in (due.licenses, due.market))
            found.append(Credited(coin, *parts))
    return tuple(found)


def _said(coin: Currency) -> dict[str, str]:
    return {} if coin.address is None else {"currency": str(coin.address)}


def _holds(ledger: Ledger, account: Address, token: Address | None) -> bool:
    """Whether an account has any of a currency. A token that gives no sensible answer has nothing for anybody."""
    from ledger.errors import NotFound, Refused, Unverifiable

    if token is None:
        return ledger.chain.balance(account) > 0
    try:
        return ledger.contracts.tokens(account, token) > 0
    except (Refused, NotFound, Unverifiable):
        return False
