"""Transactions that were signed and are not settled for good, kept so that a killed process sends none of them twice.

An outbox is a folder with one SQLite file in it (0600). A transaction is written and synchronised to disk before it is
handed in for the first time, and leaves when it is final and its sender was given the receipt. The file holds signed
transactions, as everybody will see them on chain; no keys. Several processes may share the folder.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ledger.address import Address
from ledger.errors import StoreFault
from ledger.lock import acquire, is_held, locked
from ledger.submission import Submission

_TABLES = """
create table if not exists entries(
    id integer primary key, network text not null, account blob not null, nonce integer not null,
    recipient blob, data blob not null, value text not null, gas integer not null,
    owner text not null, told integer, unique (network, account, nonce)
);
create table if not exists attempts(
    entry integer not null, tx text not null, raw blob not null, fee text not null, tip text not null,
    taken integer not null default 0, primary key (entry, tx)
);
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A transaction in the outbox.

    Attributes:
        submission: the newest form of it.
        raws: the signed bytes of each form, by its hash.
        taken: whether a node is known to have taken one of them.
        owner: the outbox object that is responsible for it.
        told: the block in which it was mined when its sender was given the receipt; None before.
    """

    submission: Submission
    raws: dict[str, bytes]
    taken: bool
    owner: str
    told: int | None


class Outbox:
    """An open outbox, of the transactions of one network. Threads may share it."""

    def __init__(self, folder: Path | None, network: str, *, timeout: float = 30) -> None:
        """Open an outbox, or make it; without a folder it lives in memory and ends with the object.

        Args:
            folder: holds ``outbox.sqlite`` and locks; made if absent, closed to other users.
            network: what tells this network from all others; transactions of others are not seen.
            timeout: seconds to wait for another process.

        Raises:
            StoreFault: the file is damaged or cannot be written.
        """
        self.owner = secrets.token_hex(8)
        self._folder = folder
        self._network = network
        self._timeout = timeout
        self._lock = threading.RLock()
        self._alive: int | None = None
        where: Path | str = ":memory:"
        with self._named():
            if folder is not None:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                where = folder / "outbox.sqlite"
                # SQLite would make it readable to all; its side files get the same rights as the file itself.
                os.close(os.open(where, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
                self._alive = self._sign_of_life(folder)
            self._file = sqlite3.connect(where, timeout=timeout, isolation_level=None, check_same_thread=False)
            try:
                # Full synchronisation: what was handed in is known here even after a power cut.
                self._file.execute("pragma journal_mode = wal")
                self._file.execute("pragma synchronous = full")
                self._file.executescript(_TABLES)
            except BaseException:
                self.close()
                raise
            if folder is not None:
                _synchronise(folder)

    def close(self) -> None:
        """Close it; what is in it may then be taken over by whoever opens it next."""
        self._file.close()
        alive, self._alive = self._alive, None
        if alive is not None and self._folder is not None:
            (self._folder / f"{self.owner}.owner").unlink(missing_ok=True)
            os.close(alive)

    @contextmanager
    def turn(self, account: Address) -> Iterator[None]:
        """Inside, no other process gives a nonce to a transaction of the account."""
        if self._folder is None:
            yield
            return
        with locked(self._folder / f"{account}.lock", self._timeout, f"account {account}"):
            yield

    def abandoned(self, entry: Entry) -> bool:
        """Whether the process that is responsible for an entry is gone."""
        if entry.owner == self.owner or self._folder is None:
            return False
        return not is_held(self._folder / f"{entry.owner}.owner")

    # -- reading

    def entries(self, account: Address | None = None) -> tuple[Entry, ...]:
        """Everything in it, or everything of one account, in the order of nonces."""
        if account is None:
            return self._select("", ())
        return self._select(" and account = ?", (account.raw,))

    def find(self, tx: str) -> Entry | None:
        """The entry one of whose forms has this hash."""
        found = self._select(" and id in (select entry from attempts where tx = ?)", (tx,))
        return found[0] if found else None

    def _select(self, condition: str, values: Sequence[Any]) -> tuple[Entry, ...]:
        query = "select id, account, nonce, recipient, data, value, gas, owner, told from entries where network = ?"
        with self._named(), self._lock:
            rows = self._file.execute(query + condition + " order by account, nonce", (self._network, *values))
            return tuple(entry for row in rows.fetchall() if (entry := self._entry(row)) is not None)

    def _entry(self, row: Sequence[Any]) -> Entry | None:
        id_, account, nonce, recipient, data, value, gas, owner, told = row
        query = "select tx, raw, fee, tip, taken from attempts where entry = ? order by rowid"
        forms = self._file.execute(query, (id_,)).fetchall()
        if not forms:  # another process took it out between the two questions
            return None
        tx, _, fee, tip, _ = forms[-1]
        to = None if recipient is None else Address(recipient)
        earlier = tuple(form[0] for form in forms[:-1])
        submission = Submission(
            tx, Address(account), nonce, to, data, int(value), gas, int(fee), int(tip), replaced=earlier
        )
        return Entry(submission, {form[0]: form[1] for form in forms}, any(form[4] for form in forms), owner, told)

    # -- writing; what returned is on disk

    def keep(self, submission: Submission, raw: bytes) -> None:
        """Write down a new transaction of this owner."""
        recipient = None if submission.to is None else submission.to.raw
        values = (self._network, submission.account.raw, submission.nonce, recipient, submission.data)

        def write() -> None:
            id_ = self._file.execute(
                "insert into entries(network, account, nonce, recipient, data, value, gas, owner)"
                " values (?, ?, ?, ?, ?, ?, ?, ?)",
                (*values, str(submission.value), submission.gas, self.owner),
            ).lastrowid
            self._keep_form(id_, submission, raw)

        self._written(write)

    def keep_faster(self, entry: Entry, submission: Submission, raw: bytes) -> Entry:
        """Write down another form of a transaction, with the same nonce; gives the entry with both."""
        self._written(lambda: self._keep_form(self._id(entry.submission), submission, raw))
        return replace(entry, submission=submission, raws={**entry.raws, submission.tx: raw})

    def _keep_form(self, id_: int | None, submission: Submission, raw: bytes) -> None:
        fees = (str(submission.fee_per_gas), str(submission.tip_per_gas))
        self._file.execute(
            "insert into attempts(entry, tx, raw, fee, tip) values (?, ?, ?, ?, ?)", (id_, submission.tx, raw, *fees)
        )

    def take(self, submission: Submission) -> None:
        """Write down that a node has the transaction."""
        self._set("update attempts set taken = 1 where tx = ?2 and entry = ?1", submission, submission.tx)

    def own(self, submission: Submission) -> None:
        """Become responsible for a transaction that another process left behind."""
        self._set("update entries set owner = ?2 where id = ?1", submission, self.owner)

    def tell(self, submission: Submission, block: int) -> None:
        """Write down that its sender was given the receipt, from a block."""
        self._set("update entries set told = ?2 where id = ?1", submission, block)

    def withdraw(self, submission: Submission) -> None:
        """Take out one form of a transaction, and the entry with the last one."""

        def write() -> None:
            id_ = self._id(submission)
            self._file.execute("delete from attempts where entry = ? and tx = ?", (id_, submission.tx))
            self._file.execute("delete from entries where id = ?1 and ?1 not in (select entry from attempts)", (id_,))

        self._written(write)

    def remove(self, submission: Submission) -> None:
        """Take out a transaction, in all its forms."""

        def write() -> None:
            id_ = self._id(submission)
            self._file.execute("delete from attempts where entry = ?", (id_,))
            self._file.execute("delete from entries where id = ?", (id_,))

        self._written(write)

    # -- below

    def _id(self, submission: Submission) -> int | None:
        row = self._file.execute(
            "select id from entries where network = ? and account = ? and nonce = ?",
            (self._network, submission.account.raw, submission.nonce),
        ).fetchone()
        return None if row is None else int(row[0])

    def _set(self, statement: str, submission: Submission, value: str | int) -> None:
        self._written(lambda: self._file.execute(statement, (self._id(submission), value)))

    def _written(self, write: Callable[[], object]) -> None:
        with self._named(), self._lock:
            self._file.execute("begin immediate")
            try:
                write()
            except BaseException:
                self._file.execute("rollback")
                raise
            self._file.execute("commit")

    def _sign_of_life(self, folder: Path) -> int:
        """Lock a file of our own for as long as we live. It gets its name when it is locked, so none looks dead."""
        new = folder / f"{self.owner}.new"
        file = acquire(new, self._timeout, "a new outbox")
        new.rename(folder / f"{self.owner}.owner")
        return file

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreFault(
                f"the outbox {self._folder or 'in memory'} is damaged or cannot be written "
                f"({type(error).__name__}: {error}); it holds transactions that are not settled: do not delete it"
            ) from error


def _synchronise(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
