"""UnixFS files: a file as a balanced tree of blocks, so that its CID is the same wherever it is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ledger import dagpb
from ledger.cid import Cid, Codec
from ledger.errors import Malformed

PROFILE = "unixfs-v1-2025"
"""The import profile of these CIDs (IPIP-499): CID version 1, raw leaves, chunks of 1 MiB, 1024 links, balanced."""

CHUNK = 1 << 20
WIDTH = 1024
MAX_BLOCK = 2 << 20
"""Bytes. No larger block travels between IPFS nodes, so none is written or read."""
MAX_DEPTH = 8
"""Levels of links. Three hold 1 PiB in this profile; more can only be meant to exhaust a reader."""
MAX_SIZE = 1 << 40
"""Bytes. The longest file that is read unless the caller says otherwise."""

_FILE = 2  # UnixFS DataType

Put = Callable[[Cid, bytes], None]
Get = Callable[[Cid], bytes]


@dataclass(frozen=True, slots=True)
class Part:
    """A file or a part of one: the CID at its top, its bytes of content, its bytes in blocks."""

    cid: Cid
    size: int
    total_size: int


@dataclass(frozen=True, slots=True)
class _Opened:
    """What one block says: content of its own, or the parts below it."""

    content: bytes
    parts: tuple[Part, ...]
    size: int
    total_size: int


def import_file(file: BinaryIO, put: Put, *, chunk: int = CHUNK, width: int = WIDTH) -> Cid:
    """As :func:`import_part`, for its CID alone."""
    return import_part(file, put, chunk=chunk, width=width).cid


def import_part(file: BinaryIO, put: Put, *, chunk: int = CHUNK, width: int = WIDTH) -> Part:
    """Cut ``file`` into blocks from where it stands to its end, give each to ``put``, children before parents.

    ``chunk`` (bytes) and ``width`` (links) are the profile's; other figures give other CIDs. At most ``chunk`` bytes
    and ``width`` links a level are held in memory. What ``put`` raises comes through.
    """
    levels: list[list[Part]] = [[]]

    def push(height: int, part: Part) -> None:
        if height == len(levels):
            levels.append([])
        if len(levels[height]) == width:
            push(height + 1, _parent(levels[height], put))
            levels[height] = []
        levels[height].append(part)

    for piece in _pieces(file, chunk):
        cid = Cid.of_raw(piece)
        put(cid, piece)
        push(0, Part(cid, len(piece), len(piece)))
    height = 0
    while height + 1 < len(levels) or len(levels[height]) > 1:
        push(height + 1, _parent(levels[height], put))
        height += 1
    return levels[height][0]


def read(cid: Cid, get: Get, *, limit: int = MAX_SIZE, start: int = 0) -> Iterator[bytes]:
    """The content under ``cid``, in order, block by block, from byte ``start`` on; blocks before it are not asked for.

    ``get`` must return bytes that belong to the CID it was asked for, as :meth:`ledger.store.ContentStore.get` does.
    Raises :class:`~ledger.errors.Malformed` where a size in a node disagrees with what lies below it, where the tree
    is deeper than :data:`MAX_DEPTH`, and before the first byte where more than ``limit`` bytes are announced.
    A fault deep in the tree shows only when it is reached: until the iterator ends, the content is unproven.
    """
    for _, _, place, content in _walk(cid, get, limit, None, start):
        if content[max(0, start - place) :]:
            yield content[max(0, start - place) :]


def blocks(cid: Cid, get: Get, *, limit: int = MAX_SIZE) -> Iterator[tuple[Cid, bytes]]:
    """The distinct blocks of the tree under ``cid``, parents before children; raises as :func:`read` does.

    The work is bounded by the number of distinct blocks, however often the tree repeats them.
    """
    given: set[Cid] = set()
    for name, block, _, _ in _walk(cid, get, limit, set()):
        if name not in given:
            given.add(name)
            yield name, block


def _walk(
    root: Cid, get: Get, limit: int, seen: set[tuple[Part, int]] | None, start: int = 0
) -> Iterator[tuple[Cid, bytes, int, bytes]]:
    """CID, block, place in the file and content of each node in the order of the file.

    With ``seen``, equal parts only once; without those that end before ``start``.
    """
    block, opened = _open(root, get)
    if opened.size > limit:
        raise Malformed(f"{root} announces {opened.size} bytes; at most {limit} are read here")
    yield root, block, 0, opened.content
    waiting = _below(opened, 0, 1, start)
    while waiting:
        part, depth, place = waiting.pop()
        if seen is not None:
            if (part, depth) in seen:
                continue
            seen.add((part, depth))
        if depth > MAX_DEPTH:
            raise Malformed(f"the tree under {root} is deeper than {MAX_DEPTH} levels")
        block, opened = _open(part.cid, get)
        if (opened.size, opened.total_size) != (part.size, part.total_size):
            raise Malformed(
                f"block {part.cid} holds {opened.size} bytes of content in {opened.total_size} bytes of blocks; "
                f"the node above it in {root} says {part.size} in {part.total_size}"
            )
        yield part.cid, block, place, opened.content
        waiting.extend(_below(opened, place, depth + 1, start))


def _below(opened: _Opened, place: int, depth: int, start: int) -> list[tuple[Part, int, int]]:
    """The parts of a node that do not end before ``start``, the last first, with their depth and place."""
    found, place = [], place + len(opened.content)
    for part in opened.parts:
        if place + part.size > start or part.size == 0:
            found.append((part, depth, place))
        place += part.size
    return found[::-1]


def _open(cid: Cid, get: Get) -> tuple[bytes, _Opened]:
    block = get(cid)
    if len(block) > MAX_BLOCK:
        raise Malformed(f"block {cid} has {len(block)} bytes; no block has more than {MAX_BLOCK}")
    if cid.codec is Codec.RAW:
        return block, _Opened(block, (), len(block), len(block))
    try:
        return block, _open_file_node(block)
    except Malformed as error:
        raise Malformed(f"block {cid} is not part of a UnixFS file: {error}") from None


def _open_file_node(block: bytes) -> _Opened:
    node = dagpb.Node.decode(block)
    content, size, sizes = b"", -1, []
    for number, value in dagpb.fields(node.data or b""):
        if number == 1 and value != _FILE:
            raise Malformed(f"its UnixFS type is {value!r}; only files (2) are read here")
        if number == 2 and isinstance(value, bytes):
            content = value
        elif number == 3 and isinstance(value, int):
            size = value
        elif number == 4 and isinstance(value, int):
            sizes.append(value)
    if size < 0:
        raise Malformed("it does not say its size")
    if node.data != _file_data(content, size, sizes):
        raise Malformed("its UnixFS data is not in canonical form, or holds more than sizes and content")
    if len(sizes) != len(node.links) or size != len(content) + sum(sizes):
        raise Malformed(f"it announces {size} bytes and {len(node.links)} links, and lists {len(sizes)} sizes for them")
    if 0 in sizes or (content and sizes):
        raise Malformed("it links to nothing, or holds content beside links")
    parts = tuple(Part(link.cid, below, link.total_size) for link, below in zip(node.links, sizes, strict=True))
    return _Opened(content, parts, size, len(block) + sum(part.total_size for part in parts))


def _parent(parts: list[Part], put: Put) -> Part:
    sizes = [part.size for part in parts]
    links = tuple(dagpb.Link(part.cid, part.total_size) for part in parts)
    cid, total_size = dagpb.keep(dagpb.Node(links, _file_data(b"", sum(sizes), sizes)), put)
    return Part(cid, sum(sizes), total_size)


def _file_data(content: bytes, size: int, sizes: list[int]) -> bytes:
    """The UnixFS ``Data`` message of a file, in canonical form."""
    start = dagpb.field_int(1, _FILE) + (dagpb.field_bytes(2, content) if content else b"")
    return start + dagpb.field_int(3, size) + b"".join(dagpb.field_int(4, below) for below in sizes)


def _pieces(file: BinaryIO, chunk: int) -> Iterator[bytes]:
    """Pieces of exactly ``chunk`` bytes, the last one shorter; one empty piece of an empty file.

    A pipe may give less than it is asked for; a CID must not depend on how the bytes arrived.
    """
    empty = True
    while True:
        piece = file.read(chunk)
        while piece and len(piece) < chunk and (more := file.read(chunk - len(piece))):
            piece += more
        if piece or empty:
            yield piece
        if len(piece) < chunk:
            return
        empty = False
