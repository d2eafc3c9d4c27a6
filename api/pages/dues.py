"""What is owed to a reader, in ether and in every token that something was ever paid in: read from the chain.

Which tokens those are, the directory knows; with as few questions to the chain as can be. A token is anybody's
contract: who owns a track can sell it to himself in one that answers what it likes, and differently to whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final, ParamSpec

from api.currency import Currency
from api.home import Ledger
from api.service.currencies import Currencies
from api.service.earnings import Earnings

if TYPE_CHECKING:
    from api.service.service import Service
    from ledger.address import Address
    from ledger.contracts import ShareEntry

P = ParamSpec("P")

SECONDS: Final = 4.0
"""So long tokens are asked for one page; what they would have answered after that is not on it."""
_MOST: Final = 2**128
"""No currency has so many of its smallest units; what says so is not believed."""


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


class Dues:
    """What tracks owe, for one page: strangers' tokens share its time, and none of them can keep it from its reader."""

    def __init__(self, service: Service, ledger: Ledger, clock: Callable[[], float] = monotonic) -> None:
        self._contracts, self._chain, self._clock = ledger.contracts, ledger.chain, clock
        self._earnings, self._names = Earnings(service.database), Currencies(service)
        self._spent = 0.0

    def of(self, track: int, wanted: Callable[[ShareEntry], bool]) -> tuple[Owed, ...]:
        """What a track's account holds now for those of its recorded shares that are wanted, in each currency."""
        account, _ = self._contracts.royalty(track, 0)
        held = [token for token in self._earnings.of_track(track) if self._told(self._contracts.tokens, account, token)]
        currencies = [None, *held] if self._chain.balance(account) else held
        if not currencies:  # as most tracks do not
            return ()
        shares = [share.index for share in self._contracts.royalty_shares(track) if share.ppm and wanted(share)]
        found = []
        for token in currencies:
            asked = (track, shares, token)
            units = self._due(*asked) if token is None else self._told(self._due, *asked)
            if units:
                found.append(Owed(self._names.of(token), units))
        return tuple(found)

    def _due(self, track: int, shares: Sequence[int], token: Address | None) -> int:
        return sum(self._contracts.royalty_due(track, index, token) for index in shares)

    def _told(self, ask: Callable[P, int], *args: P.args, **kwargs: P.kwargs) -> int:
        """An amount of a token. One that gives no sensible answer, to us or to an account, has nothing for anybody."""
        from ledger.errors import LedgerError

        if self._spent >= SECONDS:
            return 0
        begin = self._clock()
        try:
            units = ask(*args, **kwargs)
        except LedgerError:  # a refusal in the words of our own contracts too, if it likes
            return 0
        finally:
            self._spent += self._clock() - begin
        return units if units < _MOST else 0


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
