"""The file behind an index of tracks: its tables, who it is for, and how it is changed: all of it or nothing."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.errors import StoreFault

if TYPE_CHECKING:
    from ledger.address import Address

_FORMAT = 2
# SQLite's integers have a sign.
SPAN = 1 << 63
_NAMES = {"about", "blocks", "batches", "tracks", "words", "forgotten"}
_TABLES = """
create table about (format integer, chain integer, tracks blob, block integer);
create table blocks (number integer primary key, hash text);
create table batches (number integer primary key, creator blob, root blob, size integer, content blob, block integer,
                      tried integer, read integer);
create index anchoring on batches (block);
create index unread on batches (tried) where not read;
create table tracks (number integer primary key, token integer, audio blob, owner blob, block integer, tried integer,
                     heard integer, batch integer, place integer, record blob);
create unique index minted on tracks (token) where batch is null;
create index by_token on tracks (token) where batch is not null;
create index by_audio on tracks (audio);
create index by_block on tracks (block);
create index by_owner on tracks (owner) where batch is null;
create index unheard on tracks (tried) where not heard and batch is null;
create index unheard_leaf on tracks (tried, place) where not heard and batch is not null;
create table words (word integer, track integer, primary key (word, track)) without rowid;
create table forgotten (token integer, audio blob, block integer, hash text, primary key (token, hash)) without rowid;
"""


class IndexFile:
    """One file of SQLite. Several processes may share it; a damaged or older one is begun afresh."""

    def __init__(self, path: Path, chain_id: int, tracks: Address) -> None:
        """Open it, or begin it, for one contract on one chain. Raises :class:`StoreFault`."""
        self._path = path
        with self._named():
            self._file = sqlite3.connect(path, timeout=30, isolation_level=None)
            try:
                self._begin(chain_id, tracks)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise  # locked, or the disk is full: nothing is wrong with the file
                self._file.close()
                for each in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
                    each.unlink(missing_ok=True)
                self._file = sqlite3.connect(path, timeout=30, isolation_level=None)
                self._begin(chain_id, tracks)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _begin(self, chain_id: int, tracks: Address) -> None:
        self._file.execute("pragma journal_mode = wal")
        self._file.execute("pragma synchronous = normal")
        with self._change():
            made = {name for (name,) in self._file.execute("select name from sqlite_master where type = 'table'")}
            if made:
                about = None
                if made == _NAMES:
                    about = self._file.execute("select format, chain, tracks from about").fetchone()
                if about == (_FORMAT, chain_id, tracks.raw):
                    return
                raise sqlite3.DatabaseError("of another format, chain or contract")
            for statement in _TABLES.split(";"):
                self._file.execute(statement)
            self._file.execute("insert into about values (?, ?, ?, -1)", (_FORMAT, chain_id, tracks.raw))

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        """All of it or nothing."""
        self._file.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._file.execute("rollback")
            raise
        self._file.execute("commit")

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreFault(f"the index {self._path} cannot be used ({error}); it may be deleted") from error
