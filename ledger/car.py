"""CAR archives: a file's tree of blocks as one stream, the form in which IPFS nodes exchange whole trees."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from ledger import unixfs, varint
from ledger.cid import Cid
from ledger.errors import DigestMismatch, Malformed, MalformedCid
from ledger.store import ContentStore

# The header in DAG-CBOR, {"roots": [cid], "version": 1}, in its two halves around the CID.
_BEFORE = b"\xa2\x65roots\x81\xd8\x2a\x58"
_AFTER = b"\x67version\x01"
_LARGEST_HEADER = 128
_LARGEST_SECTION = unixfs.MAX_BLOCK + 36


def export(store: ContentStore, root: Cid, target: BinaryIO) -> int:
    """Write the file under ``root`` as a CAR of version 1 with this one root; the number of blocks.

    Distinct blocks once each, parents first, in the order of the file: equal trees give equal bytes. Every block is
    verified on the way; errors are those of :meth:`~ledger.store.ContentStore.check`, and what was written until then
    is no whole archive. Source: the CARv1 specification (IPLD).
    """
    _write_section(target, _header(root))
    count = 0
    for cid, block in unixfs.blocks(root, store.get):
        _write_section(target, cid.raw, block)
        count += 1
    return count


def load(store: ContentStore, source: BinaryIO) -> Cid:
    """Put a CAR of version 1 and one root into the store; the root, with everything under it there and whole.

    Raises :class:`~ledger.errors.Malformed` for what is no such archive or is cut off,
    :class:`~ledger.errors.DigestMismatch` for a block that is not what its CID says, and
    :class:`~ledger.errors.BlockMissing` where neither archive nor store holds all of the tree. Sound blocks that
    came before the fault stay in the store: nothing refers to them, and each is what its name says.
    """
    header = _read_section(source, _LARGEST_HEADER)
    if header is None:
        raise Malformed("the archive is empty")
    root = _root(header)
    while (section := _read_section(source, _LARGEST_SECTION)) is not None:
        size = 34 if section[:1] == b"\x12" else 36
        store.put(Cid(section[:size]), section[size:])
    store.check(root)
    return root


def pack(root: Cid, blocks: Iterable[tuple[Cid, bytes]]) -> bytes:
    """Some blocks as an archive in memory. ``root`` stands in its header, and need not be among them."""
    target = io.BytesIO()
    _write_section(target, _header(root))
    for cid, block in blocks:
        _write_section(target, cid.raw, block)
    return target.getvalue()


def unpack(source: BinaryIO) -> Iterator[tuple[Cid, bytes]]:
    """The blocks of an archive, in its order, each verified; the header may say what it likes.

    Raises :class:`~ledger.errors.Malformed` for what is no archive of our kinds of blocks or is cut off within a
    block, and :class:`~ledger.errors.DigestMismatch`. Whether it held all that was asked for, the caller must see.
    """
    if _read_section(source, _LARGEST_SECTION) is None:
        raise Malformed("the archive is empty")
    while (section := _read_section(source, _LARGEST_SECTION)) is not None:
        size = 34 if section[:1] == b"\x12" else 36
        cid, block = Cid(section[:size]), section[size:]
        if not cid.names(block):
            raise DigestMismatch(f"block {cid} in the archive is not what its CID says")
        yield cid, block


def _header(root: Cid) -> bytes:
    link = b"\0" + root.raw  # DAG-CBOR writes a link as the multibase prefix "identity" and the CID
    return _BEFORE + bytes([len(link)]) + link + _AFTER


def _root(header: bytes) -> Cid:
    try:
        root = Cid(header[len(_BEFORE) + 2 : -len(_AFTER)])
    except MalformedCid:
        root = None
    if root is None or header != _header(root):
        raise Malformed("the archive does not begin as a CAR of version 1 with one root of a kind we read")
    return root


def _write_section(target: BinaryIO, *parts: bytes) -> None:
    target.write(varint.encode(sum(map(len, parts))))
    for part in parts:
        target.write(part)


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
