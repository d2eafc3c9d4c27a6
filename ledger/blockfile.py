"""The SQLite file in which an embedded chain lives: state, receipts and logs, written one whole block at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eth.db.backends.base import BaseDB
from eth_utils.crypto import keccak

from ledger.address import Address
from ledger.errors import DigestMismatch, NotFound
from ledger.network import Log, Receipt

_TABLES = """
create table if not exists nodes(key blob primary key, value blob not null) without rowid;
create table if not exists receipts(
    tx text primary key, block integer not null, succeeded integer not null, gas integer not null, contract blob
) without rowid;
create table if not exists logs(
    block integer not null, position integer not null, tx text not null, address blob not null,
    topic0 blob, topic1 blob, topic2 blob, topic3 blob, data blob not null, primary key (block, position)
) without rowid;
create index if not exists logs_by_topic on logs(address, topic0, block);
"""
_DIGEST_BYTES = 32


class Nodes(BaseDB):  # type: ignore[misc]
    """py-evm's key-value store, as a table. Keys of 32 bytes are their values' Keccak-256, and are checked."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getitem__(self, key: bytes) -> bytes:
        row = self._connection.execute("select value from nodes where key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        value = bytes(row[0])
        if len(key) == _DIGEST_BYTES and keccak(value) != key:
            raise DigestMismatch(f"the chain was changed on disk: node {key.hex()} is no longer what its name says")
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._connection.execute("insert or replace into nodes values (?, ?)", (key, value))

    def __delitem__(self, key: bytes) -> None:
        if self._connection.execute("delete from nodes where key = ?", (key,)).rowcount == 0:
            raise KeyError(key)

    def _exists(self, key: bytes) -> bool:
        return self._connection.execute("select 1 from nodes where key = ?", (key,)).fetchone() is not None


class BlockFile:
    """An open file. Not for several threads at once: whoever holds it sees to that."""

    def __init__(self, path: Path, *, reading: bool = False) -> None:
        """Open the file, or make it; for ``reading``, as it is at this moment, while another process may go on."""
        if reading:
            where = f"{path.absolute().as_uri()}?mode=rw"  # not ro: a log that a killed process left has to be read
            self._connection = sqlite3.connect(where, isolation_level=None, check_same_thread=False, uri=True)
            self._connection.execute("pragma query_only = on")
            self._connection.execute("begin")
            self._connection.execute("select 1 from nodes limit 1")  # a snapshot begins with the first look
            self.nodes = Nodes(self._connection)
            return
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # Write-ahead log with full synchronisation: a block that was reported as mined survives a power cut as well.
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = full")
        self._connection.executescript(_TABLES)
        self.nodes = Nodes(self._connection)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @property
    def empty(self) -> bool:
        """Whether no block was ever written."""
        return self._connection.execute("select 1 from nodes limit 1").fetchone() is None

    @contextmanager
    def block(self) -> Iterator[None]:
        """Everything inside is written together, or not at all."""
        self._connection.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")

    def keep(self, receipt: Receipt, logs: Sequence[Log]) -> None:
        """Write what became of a transaction, inside :meth:`block`."""
        contract = None if receipt.contract is None else receipt.contract.raw
        self._connection.execute(
            "insert into receipts values (?, ?, ?, ?, ?)",
            (receipt.tx, receipt.block, receipt.succeeded, receipt.gas, contract),
        )
        for position, log in enumerate(logs):
            topics = (*log.topics, *[None] * (4 - len(log.topics)))
            self._connection.execute(
                "insert into logs values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (log.block, position, log.tx, log.address.raw, *topics, log.data),
            )

    def receipt(self, tx: str, hash_of: Callable[[int], str]) -> Receipt:
        """The receipt of a transaction; ``hash_of`` gives its block's hash. Raises :class:`NotFound`."""
        query = "select block, succeeded, gas, contract from receipts where tx = ?"
        row = self._connection.execute(query, (tx,)).fetchone()
        if row is None:
            raise NotFound(f"no transaction {tx} on this chain")
        return Receipt(tx, row[0], hash_of(row[0]), bool(row[1]), row[2], Address(row[3]) if row[3] else None)

    def logs(self, address: Address, topics: Sequence[bytes | None], first: int, last: int) -> tuple[Log, ...]:
        """Log entries of a contract, in order."""
        query = "select address, topic0, topic1, topic2, topic3, data, block, tx from logs"
        query += " where address = ? and block between ? and ?"
        values: list[Any] = [address.raw, first, last]
        for index, topic in enumerate(topics):
            if topic is not None:
                query += f" and topic{index} = ?"
                values.append(topic)
        rows = self._connection.execute(query + " order by block, position", values)
        return tuple(
            Log(Address(row[0]), tuple(topic for topic in row[1:5] if topic is not None), row[5], row[6], row[7])
            for row in rows
        )
