"""CAR archives: trees of blocks as one stream, the form in which IPFS nodes exchange them. Source: CARv1 (IPLD)."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

from ledger import dagpb, folder, unixfs, varint
from ledger.cid import Cid, Codec
from ledger.errors import ArgumentRefused, BlockMissing, DigestMismatch, Malformed, MalformedCid
from ledger.store import ContentStore

# The header in DAG-CBOR, {"roots": [cid, ...], "version": 1}: what stands before the list, before a CID, and after all.
_BEFORE, _LINK, _AFTER = b"\xa2\x65roots", b"\xd8\x2a\x58", b"\x67version\x01"
_LARGEST_HEADER = 32 << 20  # what other readers take, too
_LARGEST_SECTION = unixfs.MAX_BLOCK + 36
_THREADS, _AHEAD = 2, 4  # hashing takes longer than reading and writing together
_MOST_ROOTS = _LARGEST_HEADER // 41 - 1
_PIECE = 256 << 10  # for a longer write Linux looks for as much memory in one run, and that takes longer than the copy


def export(
    store: ContentStore,
    roots: Sequence[Cid],
    target: BinaryIO,
    *,
    progress: Callable[[int], None] = lambda size: None,
) -> int:
    """Write the files and folders under ``roots`` as one CAR of version 1; the number of blocks.

    Distinct blocks once each, parents first, in the order of roots and files: equal trees give equal bytes. Every
    block is verified on the way; errors are those of :meth:`~ledger.store.ContentStore.check`, and what was written
    until then is no whole archive. ``progress`` is told the bytes of each block. Raises
    :class:`~ledger.errors.ArgumentRefused` for no roots, or more than readers take.
    """
    if not 0 < len(roots) <= _MOST_ROOTS:
        raise ArgumentRefused(f"an archive has 1 to {_MOST_ROOTS} roots, not {len(roots)}; make several of it")
    _write_section(target, _header(roots))
    written: set[bytes] = set()
    with ThreadPoolExecutor(_THREADS) as threads:
        for root in roots:
            for cid, block in folder.blocks(root, _ReadAhead(store.get, threads)):
                if cid.raw not in written:
                    written.add(cid.raw)
                    _write_section(target, cid.raw, block)
                    progress(len(block))
    return len(written)


def load(
    store: ContentStore, source: BinaryIO, *, progress: Callable[[int], None] = lambda size: None
) -> tuple[Cid, ...]:
    """Put a CAR of version 1 into the store; its roots, with everything under them there and whole.

    Raises :class:`~ledger.errors.Malformed` for what is no such archive or is cut off,
    :class:`~ledger.errors.DigestMismatch` for a block that is not what its CID says, and
    :class:`~ledger.errors.BlockMissing` where neither archive nor store holds all of a tree. Sound blocks that
    came before the fault stay in the store: nothing refers to them, and each is what its name says.
    """
    header = _read_section(source, _LARGEST_HEADER)
    if header is None:
        raise Malformed("the archive is empty")
    roots = _roots(header)
    with store.batch() as batch:
        for cid, block in _sections(source):
            batch.put(cid, block)
            progress(len(block))
    for root in roots:
        try:
            store.check(root)
        except BlockMissing as error:
            raise BlockMissing(f"the archive does not hold all of {root}: {error}") from error
    return roots


class _ReadAhead:
    """``get`` of a store, with the leaves of a node read and verified by threads before they are asked for."""

    def __init__(self, get: unixfs.Get, threads: ThreadPoolExecutor):
        self._get, self._threads = get, threads
        self._queue: deque[Cid] = deque()
        self._queued: set[bytes] = set()
        self._coming: dict[Cid, Future[bytes]] = {}

    def __call__(self, cid: Cid) -> bytes:
        coming = self._coming.pop(cid, None)
        block = self._get(cid) if coming is None else coming.result()
        for leaf in _leaves(cid, block):
            if leaf.digest not in self._queued:  # a tree may name a leaf often, and it is asked for once
                self._queued.add(leaf.digest)
                self._queue.append(leaf)
        while self._queue and len(self._coming) < _AHEAD:
            leaf = self._queue.popleft()
            self._coming[leaf] = self._threads.submit(self._get, leaf)
        return block


def _leaves(cid: Cid, block: bytes) -> list[Cid]:
    if cid.codec is Codec.RAW:
        return []
    try:
        return [link.cid for link in dagpb.Node.decode(block).links if link.cid.codec is Codec.RAW]
    except Malformed:
        return []  # whoever asked for the block will say so


def pack(root: Cid, blocks: Iterable[tuple[Cid, bytes]]) -> bytes:
    """Some blocks as an archive in memory. ``root`` stands in its header, and need not be among them."""
    target = io.BytesIO()
    _write_section(target, _header([root]))
    for cid, block in blocks:
        _write_section(target, cid.raw, block)
    return target.getvalue()


def unpack(source: BinaryIO) -> Iterator[tuple[Cid, bytes]]:
    """The blocks of an archive, in its order, each verified; the header may say what it likes.

    Raises :class:`~ledger.errors.Malformed` for what is no archive of our kinds of blocks or is cut off within a
    block, and :class:`~ledger.errors.DigestMismatch`. Whether it held all that was asked for, the caller must see.
    """
    if _read_section(source, _LARGEST_HEADER) is None:
        raise Malformed("the archive is empty")
    for cid, block in _sections(source):
        if not cid.names(block):
            raise DigestMismatch(f"block {cid} in the archive is not what its CID says")
        yield cid, block


def _sections(source: BinaryIO) -> Iterator[tuple[Cid, bytes]]:
    """What follows the header, unverified."""
    while (section := _read_section(source, _LARGEST_SECTION)) is not None:
        size = 34 if section[:1] == b"\x12" else 36
        yield Cid(section[:size]), section[size:]


def _header(roots: Sequence[Cid]) -> bytes:
    # DAG-CBOR writes a link as tag 42 over bytes: the multibase prefix "identity" and the CID.
    links = (_LINK + bytes([len(root.raw) + 1]) + b"\0" + root.raw for root in roots)
    return _BEFORE + _list_head(len(roots)) + b"".join(links) + _AFTER


def _list_head(count: int) -> bytes:
    """How CBOR begins a list (RFC 8949, section 3), in the shortest form."""
    if count < 24:
        return bytes([0x80 | count])
    size = 1 if count < 1 << 8 else 2 if count < 1 << 16 else 4
    return bytes([0x97 + size.bit_length()]) + count.to_bytes(size, "big")


def _roots(header: bytes) -> tuple[Cid, ...]:
    """The roots of a header; only the one spelling that :func:`_header` has."""
    roots = []
    at = header.find(_LINK)
    while header[at : at + 3] == _LINK and at + 4 < len(header):
        end = at + 4 + header[at + 3]
        try:
            roots.append(Cid(header[at + 5 : end]))
        except MalformedCid:
            break
        at = end
    if not roots or header != _header(roots):
        raise Malformed("the archive does not begin as a CAR of version 1 with roots of a kind we read")
    return tuple(roots)


def _write_section(target: BinaryIO, *parts: bytes) -> None:
    target.write(varint.encode(sum(map(len, parts))))
    for part in parts:
        whole = memoryview(part)
        for at in range(0, len(whole), _PIECE):
            target.write(whole[at : at + _PIECE])


def _read_section(source: BinaryIO, largest: int) -> bytes | None:
    """The next section, or ``None`` where the archive ends."""
    prefix = source.read(1)
    if not prefix:
        return None
    while prefix[-1] > 127 and (byte := source.read(1)):
        prefix += byte
        if len(prefix) > 9:
            break
    size, _ = varint.decode(prefix)
    if not 0 < size <= largest:
        raise Malformed(f"a section of the archive announces {size} bytes; expected 1 to {largest}")
    section = source.read(size)
    if len(section) != size:
        raise Malformed(f"the archive is cut off: a section announces {size} bytes and {len(section)} are left")
    return section
