"""What currencies of a service's chain are called, remembered for an hour: a list of offers asks no contract twice."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text, delete, select
from sqlalchemy.exc import IntegrityError

from api.currency import ETHER, Currency, harmless
from api.service.database import metadata

if TYPE_CHECKING:
    from api.service.service import Service
    from ledger.address import Address

KEPT: Final = 3600
"""Seconds for which a token's word is remembered."""
UNANSWERED: Final = 60
"""Seconds for which nobody else asks a token that is being asked, or has not answered."""

_currencies = Table(
    "currencies",
    metadata,
    Column("address", String(42), primary_key=True),
    Column("symbol", Text),
    Column("decimals", Integer),
    Column("at", BigInteger, nullable=False),
)


class Currencies:
    """Calls currencies by their names, for one answer."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._known: dict[Address | None, Currency] = {None: ETHER}

    def of(self, address: Address | None) -> Currency:
        """A currency of a listing, a sale or a license; by its last word, if any, if the chain does not answer now."""
        found = self._known.get(address)
        if found is None:
            assert address is not None  # noqa: S101  (ether is known)
            found = self._known[address] = self._remembered(address)
        return found

    def money(self, units: int, address: Address | None) -> str:
        """An amount with its currency."""
        return self.of(address).money(units)

    def ask(self, address: Address) -> Currency:
        """A token as it describes itself now, whatever is remembered. Raises as :func:`ledger.tokens.describe`."""
        from ledger.tokens import describe

        with self._service.home.reading() as ledger:
            told = describe(ledger.chain, address)
        return Currency(address, harmless(told.symbol), told.decimals)

    def _remembered(self, address: Address) -> Currency:
        from ledger.errors import NotFound, Unverifiable

        now, nameless = int(self._service.now().timestamp()), Currency(address, None, None)
        asked = select(_currencies).where(_currencies.c.address == str(address))
        with self._service.database.reading() as connection:
            row: Any = connection.execute(asked).one_or_none()
        known = nameless if row is None else Currency(address, row.symbol, row.decimals)
        if row is not None and row.at > now - KEPT:
            return known
        # It may be made to take as long as a node allows: that is no other reader's time.
        self._remember(address, known, now - KEPT + UNANSWERED)
        try:
            told = self.ask(address)
        except Unverifiable:
            return known
        except NotFound:
            told = nameless
        self._remember(address, told, now)
        return told

    def _remember(self, address: Address, told: Currency, at: int) -> None:
        values = {"address": str(address), "symbol": told.symbol, "decimals": told.decimals, "at": at}
        with (
            contextlib.suppress(IntegrityError),
            self._service.database.changing() as connection,
        ):  # somebody was faster
            connection.execute(delete(_currencies).where(_currencies.c.address == str(address)))
            connection.execute(_currencies.insert().values(values))
