"""An index of tracks: by digest of the file, by watermark, by owner, and by words of what they sound like.

It is filled from the chain's events, block by block, and remembers the hash of each block that it took anything from.
So it notices when the chain was reorganised, takes back what is no longer on it, and still knows what that was. Nothing
in it is believed: whoever finds a track here asks the chain for it. It can be deleted at any time, and fills again.

Words are numbers of at most 32 bits, which whoever made them compares: here they are only found again.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.abi import Interface
from ledger.errors import NotFound, StoreFault

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.contracts import Contracts
    from ledger.digest import Digest

    Words = Callable[[int], Iterable[int] | None]
    """The words of a track by its token; None where they cannot be had now, and are asked for again later."""

_FORMAT = 1
# A word that more tracks than this share tells none of them from another.
_COMMON = 500
# Tracks whose words are asked for again at one time.
_AT_ONCE = 1000
# SQLite's integers have a sign.
_SPAN = 1 << 63
_NAMES = {"about", "blocks", "tracks", "words", "forgotten"}
_TABLES = """
create table about (format integer, chain integer, tracks blob, block integer);
create table blocks (number integer primary key, hash text);
create table tracks (number integer primary key, token integer unique, audio blob, owner blob, block integer,
                     heard integer);
create index by_audio on tracks (audio);
create index by_block on tracks (block);
create index by_owner on tracks (owner);
create index unheard on tracks (heard) where not heard;
create table words (word integer, track integer, primary key (word, track)) without rowid;
create table forgotten (token integer, audio blob, block integer, hash text, primary key (token, hash)) without rowid;
"""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A track that was on the chain until it was reorganised: the block that minted it, and that block's hash."""

    token: int
    block: int
    hash: str


class Index:
    """The index in one file. Several processes may share it; a damaged or older one is begun afresh."""

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

    def holds_more_than(self, tracks: int) -> bool:
        """Whether there are more tracks than that."""
        with self._named():
            return self._file.execute("select 1 from tracks limit 1 offset ?", (tracks,)).fetchone() is not None

    def update(self, contracts: Contracts, words: Words) -> None:
        """Go on to the chain's last block. Raises what a chain does; broken off, it goes on where it was."""
        with self._named(), self._change():
            self._take_back(contracts)
            (after,) = self._file.execute("select block from about").fetchone()
            head = contracts.chain.block_number
            first = max(after + 1, contracts.deployment.block)
            if first <= head:
                self._add(contracts, first, head)
                self._file.execute("update about set block = ?", (head,))
                # Of blocks without a track the newest is enough.
                self._file.execute(
                    "delete from blocks where number = ? and number not in (select block from tracks)", (after,)
                )
                self._remember(contracts, head)
            unheard = self._file.execute(
                "select number, token from tracks where not heard limit ?", (_AT_ONCE,)
            ).fetchall()
            for number, token in unheard:
                found = words(token + _SPAN)
                if found is not None:
                    self._hear(number, found)

    def by_audio(self, audio: Digest) -> int | None:
        """The token of the track with this file, if any."""
        return self._one("select token from tracks where audio = ?", audio.raw)

    def by_watermark(self, token: int) -> int | None:
        """The token again, if there is such a track."""
        return self._one("select token from tracks where token = ?", token - _SPAN)

    def by_owner(self, owner: Address) -> tuple[int, ...]:
        """The tokens that somebody owns, in the order of minting."""
        with self._named():
            found = self._file.execute("select token from tracks where owner = ? order by number", (owner.raw,))
            return tuple(token + _SPAN for (token,) in found)

    def sounding_like(self, words: Iterable[int], most: int = 20) -> tuple[int, ...]:
        """The tokens of the tracks that share most of these words, at most ``most``, the likeliest first."""
        hits: Counter[int] = Counter()
        with self._named():
            for word in set(words):
                found = self._file.execute("select track from words where word = ? limit ?", (word, _COMMON + 1))
                tracks = found.fetchall()
                if len(tracks) <= _COMMON:
                    hits.update(track for (track,) in tracks)
            best = [number for number, _ in sorted(hits.items(), key=lambda one: (-one[1], one[0]))[:most]]
            return tuple(self._token(number) for number in best)

    def forgotten(self, audio: Digest, tokens: Iterable[int]) -> Forgotten | None:
        """What the chain has dropped of a file or of some watermarks, the newest of it."""
        with self._named():
            for column, value in (("audio", audio.raw), *(("token", token - _SPAN) for token in tokens)):
                found = self._file.execute(
                    f"select token, block, hash from forgotten where {column} = ? order by block desc",  # noqa: S608
                    (value,),
                ).fetchone()
                if found is not None:
                    return Forgotten(found[0] + _SPAN, found[1], found[2])
        return None

    # -- filling

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

    def _take_back(self, contracts: Contracts) -> None:
        """Go back to the last block that the chain still has, and remember what was taken from later ones."""
        (last,) = self._file.execute("select block from about").fetchone()
        kept, hashes = -1, dict[int, str]()
        for number, hashed in self._file.execute("select number, hash from blocks order by number desc"):
            if _hash(contracts, number) == hashed:
                kept = number
                break
            hashes[number] = hashed
        if not hashes:
            return
        gone = self._file.execute("select token, audio, block from tracks where block > ?", (kept,)).fetchall()
        rows = [(token, audio, block, hashes[block]) for token, audio, block in gone]
        self._file.executemany("insert or replace into forgotten values (?, ?, ?, ?)", rows)
        self._file.execute("delete from words where track in (select number from tracks where block > ?)", (kept,))
        self._file.execute("delete from tracks where block > ?", (kept,))
        self._file.execute("delete from blocks where number > ?", (kept,))
        # Owners may have changed in blocks that are gone: they are read again from the beginning.
        self._owners(contracts, contracts.deployment.block, kept)
        self._file.execute("update about set block = ?", (min(last, kept),))

    def _add(self, contracts: Contracts, first: int, head: int) -> None:
        place = contracts.deployment
        tracks = Interface.load("Tracks")
        for event in contracts.chain.events(tracks, place.tracks, "Minted", first, head):
            said = event.arguments
            self._file.execute(
                "insert into tracks (token, audio, owner, block, heard) values (?, ?, ?, ?, 0)",
                (said["id"] - _SPAN, said["audio"], said["creator"].raw, event.block),
            )
            self._remember(contracts, event.block)
        self._owners(contracts, first, head)

    def _owners(self, contracts: Contracts, first: int, last: int) -> None:
        if first > last:
            return
        moved = contracts.chain.events(Interface.load("Tracks"), contracts.deployment.tracks, "Transfer", first, last)
        for event in moved:
            said = event.arguments
            row = (said["to"].raw, said["tokenId"] - _SPAN)
            self._file.execute("update tracks set owner = ? where token = ?", row)

    def _remember(self, contracts: Contracts, block: int) -> None:
        row = (block, contracts.chain.block_hash(block))
        self._file.execute("insert or ignore into blocks values (?, ?)", row)

    def _hear(self, number: int, words: Iterable[int]) -> None:
        rows = [(word, number) for word in set(words)]
        self._file.executemany("insert or ignore into words values (?, ?)", rows)
        self._file.execute("update tracks set heard = 1 where number = ?", (number,))

    # -- asking

    def _one(self, question: str, value: bytes | int) -> int | None:
        with self._named():
            found = self._file.execute(question, (value,)).fetchone()
            return None if found is None else int(found[0]) + _SPAN

    def _token(self, number: int) -> int:
        return int(self._file.execute("select token from tracks where number = ?", (number,)).fetchone()[0]) + _SPAN

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


def _hash(contracts: Contracts, block: int) -> str | None:
    try:
        return contracts.chain.block_hash(block)
    except NotFound:
        return None
