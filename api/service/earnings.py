"""In which tokens anything was ever paid to an account, or to a track: where there may be something to fetch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Column, Connection, Index, func, select

from api.service.database import Database
from api.service.entries import licenses, sales, track_raw
from ledger.address import Address

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST: Final = 20
"""So many tokens are told of at most: whoever owns a track can sell it to himself in any number of worthless ones."""

_ETHER: Final = str(Address(bytes(20)))
# Each token of an account, or track, is one step in these, however many sales there were.
for _column in (sales.c.seller, sales.c.track):
    Index(f"sales_{_column.name}_currency", _column, sales.c.currency)
Index("licenses_payee_currency", licenses.c.payee, licenses.c.currency)


class Earnings:
    """What the directory knows of tokens that were paid with; ether is not among them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_track(self, track: int) -> tuple[Address, ...]:
        """Tokens that a track was sold in, so that its account has had royalties in them. The last sale's first.

        By address, who owns the track could put ever so many before the real one, once and for all.
        """
        mine, last = (sales.c.track == track_raw(track), sales.c.currency != _ETHER), func.max(sales.c.number)
        asked = select(sales.c.currency).where(*mine).group_by(sales.c.currency).order_by(last.desc()).limit(MOST)
        with self._database.reading() as connection:
            return tuple(Address.parse(token) for token in connection.execute(asked).scalars())

    def of_account(self, account: Address) -> tuple[Address, ...]:
        """Tokens that tracks or licenses of an account were paid with. By address."""
        who = str(account)
        where = ((sales.c.seller, sales.c.currency), (licenses.c.payee, licenses.c.currency))
        with self._database.reading() as connection:
            found = {token for place in where for token in _tokens(connection, *place, who)}
        return tuple(Address.parse(token) for token in sorted(found)[:MOST])


def _tokens(connection: Connection, whose: Column[Any], currency: Column[Any], who: str) -> Iterator[str]:
    """The different tokens of some rows, each by one look into an index."""
    last = _ETHER
    for _ in range(MOST):
        asked = select(func.min(currency)).where(whose == who, currency > last)
        last = connection.execute(asked).scalar() or ""
        if not last:
            return
        yield last
