"""Trees of blocks from one store to another: broken off anywhere, the same call goes on where it was.

Nothing is taken on trust: what is pulled is verified before it is kept, what was pushed is read back.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from ledger import car, dagpb, folder, unixfs
from ledger.cid import Cid, Codec
from ledger.digest import Digest
from ledger.errors import BlockMissing, DigestMismatch, Malformed, NodeRefused, NodeUnreachable
from ledger.ipfs import IpfsNode
from ledger.store import ContentStore

PART = 16 << 20
"""Bytes of blocks that are sent at once: what a push holds in memory, and has to send again after a break."""

_ROUNDS = 3  # of reading back and sending what was lost; a node that loses more is not worth a fourth

Progress = Callable[[str, int], None]
"""Is told what was done with how many more bytes of blocks: ``sent``, ``read back``, ``fetched``, ``verified``."""


def silent(phase: str, size: int) -> None:
    """A :data:`Progress` that tells nobody."""


@runtime_checkable
class Streams(Protocol):
    """A store that can send a whole tree at once."""

    def export(self, cid: Cid) -> Iterator[tuple[Cid, bytes]]:
        """The distinct blocks of the tree, verified, parents first; it may end before all have come."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did: blocks and bytes of the tree, and bytes that had to be sent."""

    blocks: int
    size: int
    sent: int


class ReadThrough(ContentStore):
    """A store before another: what the near one lacks, or has damaged, is fetched from the far one and kept.

    Without ``keep`` it is only read, and the near store stays as it is. ``fetched`` counts bytes from the far one.
    """

    def __init__(self, near: ContentStore, far: ContentStore, *, keep: bool = True):
        self.near, self.far, self._keep = near, far, keep
        self.fetched = 0

    def put(self, cid: Cid, block: bytes) -> None:
        """Keep a block in the near store."""
        self.near.put(cid, block)

    def get(self, cid: Cid) -> bytes:
        """From the near store, else from the far one; errors of the latter."""
        try:
            return self.near.get(cid)
        except (BlockMissing, DigestMismatch):
            block = self.far.get(cid)
        self.fetched += len(block)
        if self._keep:
            self.near.put(cid, block)
        return block

    def has(self, cid: Cid) -> bool:
        """Whether either store has it."""
        return self.near.has(cid) or self.far.has(cid)


def push(
    source: ContentStore,
    node: IpfsNode,
    cid: Cid,
    *,
    journals: Path,
    part: int = PART,
    progress: Progress = silent,
) -> Pushed:
    """Send the tree under ``cid`` to a node, read every block of it back, and pin it.

    Memory stays below two parts. Parts that the node acknowledged are written down in the folder ``journals``, under
    node and CID, until all is done; after a break they are not sent again while the node still has them. Blocks that it
    lost nevertheless show when they are read back, and are sent then. Of two calls for one node and CID the second
    waits for the first.

    Raises the errors of both stores: each names the store, and where a node does, the same call goes on.
    """
    with _journal(journals, node, cid) as journal:
        sent = 0 if node.is_pinned(cid) else _send(source, node, cid, journal, part, progress)
        for _ in range(_ROUNDS):
            back = _ReadBack(source, node, cid, part)
            count = size = 0
            for _, block in folder.blocks(cid, back.get):
                count, size = count + 1, size + len(block)
                progress("read back", len(block))
            back.flush()
            sent += back.sent
            if not back.sent and _pinned(node, cid):
                return Pushed(count, size, sent)
            progress("read back", -size)
        raise BlockMissing(f"{node.name} loses blocks of {cid} as fast as they are sent; look at its log and its disk")


def pull(source: ContentStore, target: ContentStore, cid: Cid, *, progress: Progress = silent) -> tuple[int, int]:
    """Fetch what ``target`` lacks of the tree under ``cid``; bytes of the whole tree's blocks, and of those fetched.

    Each block is verified, then kept, so that a break costs one block. A source that streams is asked for all at once
    where nothing of the tree is there yet; what it does not send, and all else, is asked for block by block.
    """
    size = streamed = 0
    with target.batch() as near:
        through = ReadThrough(near, source)
        below = {link.cid for link in _links(cid, through.get(cid))}
        if isinstance(source, Streams) and below and not any(near.has(name) for name in below):
            try:
                for name, block in _asked_for(cid, source.export(cid)):
                    if name != cid:
                        near.put(name, block)
                        streamed += len(block)
                        progress("fetched", len(block))
            except (BlockMissing, NodeUnreachable, NodeRefused):
                pass  # asked block by block, it says what it lacks, or does better
        for _, block in folder.blocks(cid, through.get):
            size += len(block)
            if size > streamed:
                progress("fetched", min(len(block), size - streamed))
    return size, streamed + through.fetched


def verify(store: ContentStore, cid: Cid, *, sha256: Digest | None = None, progress: Progress = silent) -> int:
    """Read every block under ``cid`` and hold it against its CID; bytes of the blocks. Errors of ``store``.

    With ``sha256``, of a file, :class:`~ledger.errors.DigestMismatch` also where its bytes as one piece have another:
    then no block was altered, and who recorded that digest is wrong. What the file repeats is read again for that.
    """
    seen: set[Cid] = set()
    size = 0

    def get(name: Cid) -> bytes:
        nonlocal size
        block = store.get(name)
        if name not in seen:
            seen.add(name)
            size += len(block)
            progress("verified", len(block))
        return block

    if sha256 is None:
        for _ in folder.blocks(cid, get):
            pass
        return size
    hashed = hashlib.sha256()
    for piece in unixfs.read(cid, get):
        hashed.update(piece)
    if hashed.digest() != sha256.raw:
        raise DigestMismatch(
            f"what lies under {cid} has the SHA-256 {hashed.hexdigest()}, and its record says {sha256}; its blocks are "
            "whole: the record is wrong"
        )
    return size


def announced(store: ContentStore, cid: Cid) -> int:
    """Bytes of all blocks under ``cid``, as its first one says; a block that occurs twice counts twice."""
    block = store.get(cid)
    return len(block) + sum(link.total_size for link in _links(cid, block))


def is_whole(store: ContentStore, cid: Cid) -> bool:
    """Whether every block under ``cid`` is there. Leaves are not read: for their bytes see :func:`verify`."""
    try:
        return all(store.has(name) for name in dagpb.below(cid, store.get, set()))
    except BlockMissing:
        return False


def _send(source: ContentStore, node: IpfsNode, cid: Cid, journal: BinaryIO, part: int, progress: Progress) -> int:
    """Send part by part, but for those that are in the journal and still there; bytes sent."""
    acknowledged = _acknowledged(journal)
    sent = 0
    for number, blocks in enumerate(_parts(folder.blocks(cid, source.get), part)):
        line, size = _line(blocks), sum(len(block) for _, block in blocks)
        if number < len(acknowledged) and acknowledged[number] == line and node.has(blocks[0][0]):
            progress("sent", size)
            continue
        acknowledged = acknowledged[:number]  # a node that lost one part has lost more
        node.send(car.pack(cid, blocks))
        progress("sent", size)
        sent += size
        journal.seek(number * len(line))
        journal.write(line)
        journal.truncate()
        journal.flush()
        os.fsync(journal.fileno())
    return sent


def _pinned(node: IpfsNode, cid: Cid) -> bool:
    """Pin; False where the node has lost a block since it was read back."""
    try:
        node.pin(cid)
    except BlockMissing:
        return False
    return True


class _ReadBack:
    """The node's blocks, verified; those that it has lost come from the source, and are sent to it in parts."""

    def __init__(self, source: ContentStore, node: IpfsNode, root: Cid, part: int):
        self._source, self._node, self._root, self._part = source, node, root, part
        self._lost: dict[Cid, bytes] = {}
        self._held = 0
        self.sent = 0

    def get(self, cid: Cid) -> bytes:
        try:
            return self._node.get(cid)
        except BlockMissing:
            block = self._source.get(cid)
        if cid not in self._lost:
            self._lost[cid] = block
            self._held += len(block)
        if self._held >= self._part:
            self.flush()
        return block

    def flush(self) -> None:
        if self._lost:
            self._node.send(car.pack(self._root, self._lost.items()))
        self.sent += self._held
        self._lost, self._held = {}, 0


def _asked_for(root: Cid, blocks: Iterable[tuple[Cid, bytes]]) -> Iterator[tuple[Cid, bytes]]:
    """Blocks of the tree, each once; another one is refused, however sound: it would only fill the disk."""
    wanted, given = {root}, set[Cid]()
    for cid, block in blocks:
        if cid in given:
            continue
        if cid not in wanted:
            raise Malformed(
                f"what was sent as {root} holds block {cid}, which is no part of it; take it from elsewhere"
            )
        wanted.remove(cid)
        given.add(cid)
        wanted |= {link.cid for link in _links(cid, block)} - given
        yield cid, block


def _links(cid: Cid, block: bytes) -> tuple[dagpb.Link, ...]:
    return dagpb.Node.decode(block).links if cid.codec is Codec.DAG_PB else ()


def _parts(blocks: Iterable[tuple[Cid, bytes]], size: int) -> Iterator[list[tuple[Cid, bytes]]]:
    """The blocks in their order, in parts of ``size`` bytes or less; the same whenever they are cut."""
    part: list[tuple[Cid, bytes]] = []
    held = 0
    for cid, block in blocks:
        if part and held + len(block) > size:
            yield part
            part, held = [], 0
        part.append((cid, block))
        held += len(block)
    if part:
        yield part


def _line(blocks: list[tuple[Cid, bytes]]) -> bytes:
    """A part's line in the journal: it differs where other blocks make up the part."""
    return hashlib.sha256(b"".join(cid.raw for cid, _ in blocks)).hexdigest().encode("ascii") + b"\n"


@contextlib.contextmanager
def _journal(journals: Path, node: IpfsNode, cid: Cid) -> Iterator[BinaryIO]:
    """The journal of one tree on one node, whatever address the node has today, for one call at a time; gone at the
    end, and kept where that is an error."""
    path = journals / f"{hashlib.sha256(f'{node.peer().id} {cid}'.encode()).hexdigest()}.journal"
    while True:
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b") as journal:
            fcntl.flock(journal, fcntl.LOCK_EX)
            if not _lies_at(path, journal):
                continue  # whoever held it was done with it
            yield journal
            path.unlink()
            return


def _lies_at(path: Path, opened: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(opened.fileno()))
    except FileNotFoundError:
        return False


def _acknowledged(journal: BinaryIO) -> list[bytes]:
    """The whole lines of a journal; one that a kill cut off does not count."""
    return [line for line in journal.read().splitlines(keepends=True) if len(line) == 65 and line.endswith(b"\n")]
