"""Fills the directory from the chain's events, as often as it is asked to, from where it was.

A piece of the chain is read first and then written down in one transaction, with the block that it ends at: a process
that is killed loses that piece alone. Several may follow at once; the slower of two finds its piece done and goes on.
What a reorganisation took off the chain is taken back: hashes are kept of blocks as deep as :data:`DEPTH`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Column, Connection, Integer, Row, String, Table, Text, delete, func, select, update

from api.service.database import Database, metadata
from api.service.happenings import CONTRACTS, DEPTH, FOLLOWED, Book, Happening
from ledger.abi import Interface
from ledger.errors import NotFound

if TYPE_CHECKING:
    from api.service.service import Service
    from ledger.contracts import Contracts

PIECE: Final = 1000
"""Blocks that are read and written down at a time."""

# Seconds: so often is it written down that nothing has changed.
_STAMP_EVERY = 15
# Any number, the same for every process: who writes a piece down holds it.
_FOLLOWING = 0x466F6C6C

_standing = Table(
    "standing",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("deployment", Text, nullable=False),
    Column("block", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)

_blocks = Table(
    "blocks",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", String(66), nullable=False),
)

FILLED: Final = (*FOLLOWED, _standing, _blocks)
"""All tables of the directory, with how far it has come: emptied together, they fill again."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the directory has come: the last block that it has, and when that was seen to be so, in Unix seconds."""

    block: int
    at: int


def standing(database: Database) -> Standing | None:
    """How far the directory has come; None where it was never filled."""
    with database.reading() as connection:
        row = connection.execute(select(_standing)).one_or_none()
    return None if row is None else Standing(row.block, row.at)


def follow(service: Service) -> Standing:
    """Bring the directory up to the chain's last block. Raises what the chain and the database do."""
    with service.home.reading() as ledger:
        follower = Follower(service.database, ledger.contracts)
        while not follower.go_on(int(service.now().timestamp())):
            pass
        return follower.standing


class Follower:
    """Follows the contracts of one deployment."""

    def __init__(self, database: Database, contracts: Contracts) -> None:
        self._database, self._contracts = database, contracts
        self._chain, self._place = contracts.chain, contracts.deployment
        # As text, to be compared: another deployment, or the same addresses on another chain, begin afresh.
        self._name = json.dumps(asdict(self._place), default=str, sort_keys=True)
        self.standing = Standing(self._place.block - 1, 0)

    def go_on(self, now: int) -> bool:
        """Write down one piece more; whether that was the last for now. ``now`` is Unix time."""
        with self._database.reading() as connection:
            mark = _mark(connection)
            hashes = {row.number: row.hash for row in connection.execute(select(_blocks))}
        ours = mark is not None and mark.deployment == self._name
        head = self._chain.block_number
        kept = self._kept(hashes) if ours else None
        done = self._place.block - 1 if kept is None else kept
        last = min(head, done + PIECE)
        if mark is not None and kept == mark.block == last:
            self.standing = Standing(last, now)
            if now - mark.at >= _STAMP_EVERY:
                with self._database.changing() as connection:
                    connection.execute(update(_standing).where(_standing.c.block == last).values(at=now))
            return True
        top = self._hash(last)
        happenings = self._read(done + 1, last)
        added = {each.event.block: self._hash(each.event.block) for each in happenings} | {last: top}
        if self._hash(last) != top or (kept is not None and self._hash(kept) != hashes[kept]):
            return False  # reorganised while it was read
        with self._database.changing() as connection:
            if self._database.shared:
                connection.execute(select(func.pg_advisory_xact_lock(_FOLLOWING)))
            if _mark(connection) != mark:
                return False  # another process was faster
            self._write(connection, kept, happenings, head - DEPTH)
            rows = [{"number": number, "hash": hashed} for number, hashed in added.items() if number > head - DEPTH]
            connection.execute(delete(_blocks).where((_blocks.c.number <= head - DEPTH) | (_blocks.c.number == last)))
            connection.execute(_blocks.insert(), rows or [{"number": last, "hash": top}])
            connection.execute(delete(_standing))
            connection.execute(_standing.insert().values(one=1, deployment=self._name, block=last, at=now))
        self.standing = Standing(last, now)
        return last == head

    def _kept(self, hashes: Mapping[int, str]) -> int | None:
        """The newest block of those in the directory that the chain still has; None where it has none of them."""
        return next((block for block in sorted(hashes, reverse=True) if self._hash(block) == hashes[block]), None)

    def _hash(self, block: int) -> str | None:
        try:
            return self._chain.block_hash(block)
        except NotFound:
            return None

    def _read(self, first: int, last: int) -> list[Happening]:
        """What happened in some blocks, contract by contract, in order."""
        times: dict[int, int] = {}
        happenings = []
        for name in CONTRACTS:
            told = self._chain.history(Interface.load(name), getattr(self._place, name.lower()), first, last)
            for kind, event in told:
                if event.block not in times:
                    times[event.block] = self._chain.timestamp(event.block)
                happenings.append(Happening(name, kind, event, times[event.block]))
        return happenings

    def _write(self, connection: Connection, kept: int | None, happenings: Sequence[Happening], deep: int) -> None:
        kinds = {self._place.datasets: "dataset", self._place.models: "model"}
        book = Book(connection, kinds, self._place.market, deep)
        if kept is None:
            for table in (*FOLLOWED, _blocks):
                connection.execute(delete(table))
        else:
            book.take_back(kept)
            connection.execute(delete(_blocks).where(_blocks.c.number > kept))
        for each in happenings:
            book.note(each)
        book.forget()


def _mark(connection: Connection) -> Row[Any] | None:
    return connection.execute(select(_standing)).one_or_none()
