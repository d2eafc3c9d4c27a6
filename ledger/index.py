"""An index of tracks: by digest of the file, by watermark, by owner, and by words of what they sound like.

Tracks are those that were minted, and the leaves of anchored batches as far as these can be read. It is filled from the
chain's events, block by block, and remembers the hash of each block that it took anything from. So it notices when the
chain was reorganised, takes back what is no longer on it, and still knows what that was. Nothing in it is believed:
whoever finds a track here asks the chain for it. It can be deleted at any time, and fills again.

Words are numbers of at most 32 bits, which whoever made them compares: here they are only found again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ledger.abi import Interface
from ledger.address import Address
from ledger.anchored import token_of
from ledger.digest import Digest
from ledger.errors import NotFound
from ledger.indexfile import SPAN, IndexFile

if TYPE_CHECKING:
    from ledger.anchor import Anchor
    from ledger.contracts import Contracts

# Of a word that more tracks share, the earliest on chain count: later ones may have been planted to hide them.
_COMMON = 500
# How much more a rare word tells: as it were among so many tracks, since counting them takes long.
_MANY = 1_000_000
# Tracks are numbered by their blocks, whenever they were taken in; so many bits are left for those within one.
_WITHIN = 30
# Tracks whose words, and batches whose leaves, are asked for at one time; those that were asked for least come first.
_AT_ONCE = 1000
# After so many leaves no further batch is read at one time: that of one anchor, and about 200 MB of this file.
_MOST_LEAVES = 1_000_000
# Places where one file or mark was anchored that are tried: the first ones may have been no tracks.
_MOST_PLACES = 20
_PLACES = (
    "select batches.creator, batches.root, leaf.place, leaf.token "
    "from tracks as leaf join batches on leaf.batch = batches.number"
)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A track that was on the chain until it was reorganised: the block that minted or anchored it, and its hash."""

    token: int
    block: int
    hash: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a track was anchored: by whom, under which root, and which leaf it is, from 0; None for any."""

    creator: Address
    root: Digest
    index: int | None = None


class Ears(Protocol):
    """Reads for an index what lies in a store; None for what cannot be had now, and is asked for again later."""

    def words(self, token: int) -> Iterable[int] | None:
        """The words of a track that was minted."""

    def leaf_words(self, record: Digest) -> Iterable[int] | None:
        """The words of one that was anchored, by the digest of its record."""

    def leaves(self, root: Digest, size: int, content: Digest) -> Anchor | None:
        """What was anchored under a root, proved; ``content``: the digest in the CID of its leaves."""


class Index(IndexFile):
    """What can be asked of the file, and how it is filled."""

    def holds_more_than(self, tracks: int) -> bool:
        """Whether there are more tracks than that."""
        with self._named():
            return self._file.execute("select 1 from tracks limit 1 offset ?", (tracks,)).fetchone() is not None

    def update(self, contracts: Contracts, ears: Ears) -> None:
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
                    "delete from blocks where number = ? "
                    "and not exists (select 1 from tracks where block = blocks.number) "
                    "and not exists (select 1 from batches where block = blocks.number)",
                    (after,),
                )
                self._remember(contracts, head)
            self._read(ears)
            self._listen(ears)

    def by_audio(self, audio: Digest) -> int | None:
        """The token of the track that was minted with this file, if any."""
        return self._one("select token from tracks where audio = ? and batch is null", audio.raw)

    def by_watermark(self, token: int) -> int | None:
        """The token again, if there is such a track."""
        return self._one("select token from tracks where token = ? and batch is null", token - SPAN)

    def by_owner(self, owner: Address) -> tuple[int, ...]:
        """The tokens that somebody owns, in the order of minting."""
        with self._named():
            found = self._file.execute(
                "select token from tracks where owner = ? and batch is null order by number", (owner.raw,)
            )
            return tuple(token + SPAN for (token,) in found)

    def anchored_audio(self, audio: Digest) -> tuple[Place, ...]:
        """Where a file was anchored, the earliest first, and no more than twenty places."""
        return self._anchored("audio = ?", audio.raw)

    def anchored_watermark(self, token: int) -> tuple[Place, ...]:
        """The same of the track with this watermark."""
        return self._anchored("token = ?", token - SPAN)

    def places(self) -> tuple[tuple[int, Place], ...]:
        """Where each track was anchored that was not minted, after the token that it would have."""
        minted = "select 1 from tracks where token = leaf.token and batch is null"
        question = f"{_PLACES} where not exists ({minted}) order by leaf.number"
        with self._named():
            found = self._file.execute(question).fetchall()
        return tuple((token + SPAN, Place(Address(by), Digest(root), index)) for by, root, index, token in found)

    def unread(self, most: int) -> tuple[Place, ...]:
        """Batches whose leaves could not be read, the newest ``most`` of them."""
        question = "select creator, root from batches where not read order by number desc limit ?"
        with self._named():
            return tuple(Place(Address(by), Digest(root)) for by, root in self._file.execute(question, (most,)))

    def sounding_like(self, words: Iterable[int], most: int = 20) -> tuple[int | Place, ...]:
        """The tracks that share most of these words, at most ``most``, the likeliest first: tokens, or where anchored.

        Rare words count for more (by the logarithm of how rare). Of tracks as likely as each other the earliest come
        first, so that nobody hides one behind later copies.
        """
        scores: defaultdict[int, float] = defaultdict(float)
        with self._named():
            for word in set(words):
                found = self._file.execute(
                    "select track from words where word = ? order by track limit ?", (word, _COMMON)
                ).fetchall()
                for (track,) in found:
                    scores[track] += math.log1p(_MANY / len(found))
            ranked = sorted(scores, key=lambda number: (-scores[number], number))
            best: dict[int, int | Place] = {}
            for number in ranked:
                token, place = self._known(number)
                if place is None or self.by_watermark(token) is None:  # minted since: by its token
                    best.setdefault(token, token if place is None else place)
                if len(best) == most:
                    break
            return tuple(best.values())

    def forgotten(self, audio: Digest, tokens: Iterable[int]) -> Forgotten | None:
        """What the chain has dropped of a file or of some watermarks, the newest of it."""
        with self._named():
            for column, value in (("audio", audio.raw), *(("token", token - SPAN) for token in tokens)):
                found = self._file.execute(
                    f"select token, block, hash from forgotten where {column} = ? order by block desc",  # noqa: S608
                    (value,),
                ).fetchone()
                if found is not None:
                    return Forgotten(found[0] + SPAN, found[1], found[2])
        return None

    # -- filling

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
        self._file.execute("delete from batches where block > ?", (kept,))
        self._file.execute("delete from blocks where number > ?", (kept,))
        # Owners may have changed in blocks that are gone: they are read again from the beginning.
        self._owners(contracts, contracts.deployment.block, kept)
        self._file.execute("update about set block = ?", (min(last, kept),))

    def _add(self, contracts: Contracts, first: int, head: int) -> None:
        place = contracts.deployment
        tracks = Interface.load("Tracks")
        for event in contracts.chain.events(tracks, place.tracks, "Minted", first, head):
            said = event.arguments
            row = (self._next(event.block), said["id"] - SPAN, said["audio"], said["creator"].raw, event.block)
            self._file.execute(
                "insert into tracks (number, token, audio, owner, block, tried, heard) values (?, ?, ?, ?, ?, 0, 0)",
                row,
            )
            self._remember(contracts, event.block)
        for event in contracts.chain.events(tracks, place.tracks, "Anchored", first, head):
            said = event.arguments
            row = (said["creator"].raw, said["root"], said["size"], said["content"], event.block)
            self._file.execute("insert into batches values (null, ?, ?, ?, ?, ?, 0, 0)", row)
            self._remember(contracts, event.block)
        self._owners(contracts, first, head)

    def _owners(self, contracts: Contracts, first: int, last: int) -> None:
        if first > last:
            return
        moved = contracts.chain.events(Interface.load("Tracks"), contracts.deployment.tracks, "Transfer", first, last)
        for event in moved:
            said = event.arguments
            row = (said["to"].raw, said["tokenId"] - SPAN)
            self._file.execute("update tracks set owner = ? where token = ? and batch is null", row)

    def _remember(self, contracts: Contracts, block: int) -> None:
        row = (block, contracts.chain.block_hash(block))
        self._file.execute("insert or ignore into blocks values (?, ?)", row)

    def _read(self, ears: Ears) -> None:
        """Take in the leaves of batches that were not read yet, not all of them at once if they are very many."""
        unread = self._file.execute(
            "select number, creator, root, size, content, block from batches where not read "
            "order by tried, number limit ?",
            (_AT_ONCE,),
        ).fetchall()
        taken = 0
        for number, raw, root, size, content, block in unread:
            if taken >= _MOST_LEAVES:
                break
            creator, leaves = Address(raw), ears.leaves(Digest(root), size, Digest(content))
            if leaves is not None:
                taken += len(leaves)
                first, listed = self._next(block), ((leaves.leaf(place), place) for place in range(len(leaves)))
                rows = (
                    (
                        first + place,
                        token_of(creator, leaf.claim) - SPAN,
                        leaf.audio.raw,
                        block,
                        number,
                        place,
                        leaf.record.raw,
                    )
                    for leaf, place in listed
                )
                self._file.executemany(
                    "insert into tracks (number, token, audio, block, tried, heard, batch, place, record) "
                    "values (?, ?, ?, ?, 0, 0, ?, ?, ?)",
                    rows,
                )
            tried = "update batches set tried = tried + 1, read = ? where number = ?"
            self._file.execute(tried, (leaves is not None, number))

    def _next(self, block: int) -> int:
        """A number for a track of a block, after those of this block and before those of later ones."""
        (last,) = self._file.execute(
            "select max(number) from tracks where number >= ? and number < ?",
            (block << _WITHIN, (block + 1) << _WITHIN),
        ).fetchone()
        return block << _WITHIN if last is None else int(last) + 1

    def _listen(self, ears: Ears) -> None:
        """Take in the words of tracks that were not heard yet: as many that were minted as others at most."""
        minted = self._file.execute(
            "select number, token from tracks where not heard and batch is null order by tried, number limit ?",
            (_AT_ONCE,),
        ).fetchall()
        leaves = self._file.execute(
            "select number, record from tracks where not heard and batch is not null order by tried, place limit ?",
            (_AT_ONCE,),
        ).fetchall()
        found = [(number, ears.words(token + SPAN)) for number, token in minted]
        found += [(number, ears.leaf_words(Digest(record))) for number, record in leaves]
        for number, words in found:
            if words is not None:
                rows = [(word, number) for word in set(words)]
                self._file.executemany("insert or ignore into words values (?, ?)", rows)
            tried = "update tracks set tried = tried + 1, heard = ? where number = ?"
            self._file.execute(tried, (words is not None, number))

    # -- asking

    def _one(self, question: str, value: bytes | int) -> int | None:
        with self._named():
            found = self._file.execute(question, (value,)).fetchone()
            return None if found is None else int(found[0]) + SPAN

    def _anchored(self, condition: str, value: bytes | int) -> tuple[Place, ...]:
        with self._named():
            question = f"{_PLACES} where leaf.{condition} order by leaf.block, leaf.number limit ?"
            found = self._file.execute(question, (value, _MOST_PLACES)).fetchall()
        return tuple(Place(Address(by), Digest(root), index) for by, root, index, _ in found)

    def _known(self, number: int) -> tuple[int, Place | None]:
        """The token of a track, and where it was anchored if it is a leaf."""
        token, batch, index = self._file.execute(
            "select token, batch, place from tracks where number = ?", (number,)
        ).fetchone()
        if batch is None:
            return token + SPAN, None
        creator, root = self._file.execute("select creator, root from batches where number = ?", (batch,)).fetchone()
        return token + SPAN, Place(Address(creator), Digest(root), index)


def _hash(contracts: Contracts, block: int) -> str | None:
    try:
        return contracts.chain.block_hash(block)
    except NotFound:
        return None
