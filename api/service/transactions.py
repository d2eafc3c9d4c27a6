"""Transactions that wallets have sent: which account said so, and when; how far they are, the chain says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Index, Integer, String, Table, delete, insert, select

from api.service.database import Database, metadata
from ledger.address import Address

KEPT = 7 * 86400
"""Seconds for which a transaction is remembered."""

MOST = 100
"""Most of an account that are remembered; the oldest makes room."""

_transactions = Table(
    "transactions",
    metadata,
    Column("account", String(42), primary_key=True),
    Column("hash", String(66), primary_key=True),
    Column("told", Integer, nullable=False),
)
Index("transactions_told", _transactions.c.account, _transactions.c.told)


@dataclass(frozen=True, slots=True)
class Told:
    """A transaction by its hash, ``0x`` and 64 hex digits, and when it was told of, Unix time."""

    hash: str
    told: int


class Transactions:
    """What was told of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remember(self, account: Address, tx: str, now: datetime) -> None:
        """Remember a transaction of an account; once more changes nothing."""
        moment, mine = int(now.timestamp()), _transactions.c.account == str(account)
        with self._database.reading() as connection:  # it is asked again and again how far one is
            if connection.execute(select(_transactions.c.hash).where(mine, _transactions.c.hash == tx)).first():
                return
        with self._database.changing() as connection:
            if connection.execute(select(_transactions.c.hash).where(mine, _transactions.c.hash == tx)).first():
                return
            kept = connection.execute(
                select(_transactions.c.told).where(mine).order_by(_transactions.c.told.desc()).offset(MOST - 1).limit(1)
            ).scalar()
            oldest = max(moment - KEPT, -1 if kept is None else kept)
            connection.execute(delete(_transactions).where(mine, _transactions.c.told <= oldest))
            connection.execute(insert(_transactions).values(account=str(account), hash=tx, told=moment))

    def of(self, account: Address) -> tuple[Told, ...]:
        """Those of an account, the newest first."""
        order = (_transactions.c.told.desc(), _transactions.c.hash)
        with self._database.reading() as connection:
            rows = connection.execute(
                select(_transactions.c.hash, _transactions.c.told)
                .where(_transactions.c.account == str(account))
                .order_by(*order)
            ).all()
        return tuple(Told(row.hash, row.told) for row in rows)
