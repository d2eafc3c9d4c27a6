"""Folders as UnixFS directories, so that the CID of a folder is the same wherever it is computed.

What ``ipfs add -r`` does, with one difference: names that begin with a dot are left out, empty folders are kept, times,
owners and modes are not recorded; but symbolic links are refused, since what they say is a path on this machine.

A folder whose node would be longer than 256 KiB becomes a trie: :mod:`ledger.trie`. Source: the UnixFS specification,
and IPIP-499 for the threshold of ``unixfs-v1-2025``: the length of the node in bytes, all links included.
"""

from __future__ import annotations

import errno
import functools
import itertools
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ledger import dagpb, trie, unixfs
from ledger.cid import Cid, Codec
from ledger.dagpb import Link, Node
from ledger.errors import Malformed, StoreFault
from ledger.unixfs import Get, Put

LONGEST_NODE = 1 << 18
"""Bytes of a folder's node, beyond which it is a trie."""
MAX_DEPTH = 128
"""Folders within folders."""
MAX_ENTRIES = 1_000_000
"""Files and folders that :func:`walk` lists unless the caller says otherwise."""

_DIRECTORY = 1  # UnixFS DataType


@dataclass(frozen=True, slots=True)
class Entry:
    """What a folder holds under a name: a file's or a folder's CID, and the bytes of all its blocks as announced."""

    name: str
    cid: Cid
    total_size: int


def import_folder(
    folder: Path, put: Put, *, longest: int = LONGEST_NODE, opened: Callable[[Path], None] = lambda path: None
) -> Cid:
    """Give every block of a folder and of all below to ``put``, children before parents; the CID.

    ``opened`` is told each file before it is read. Memory grows with the entries of one folder and those above it, and
    not with the files. Raises :class:`~ledger.errors.Malformed` for what cannot stand in a UnixFS folder: a symbolic
    link, a device, a name that is not UTF-8, folders nested deeper than :data:`MAX_DEPTH`; and :class:`OSError` as
    reading does.
    """
    return _import(folder, put, longest, opened, MAX_DEPTH)[0]


def entries(cid: Cid, get: Get) -> Iterator[Entry]:
    """What the folder ``cid`` holds: in the order of names, or that of the trie. ``Malformed`` if it is none."""
    for _, _, entry in _nodes(cid, get):
        if entry is not None:
            yield entry


def walk(cid: Cid, get: Get, *, most: int = MAX_ENTRIES) -> Iterator[tuple[str, Cid, bool]]:
    """Path, CID, and whether it is a folder, for everything below ``cid``; a folder before what it holds.

    Raises :class:`~ledger.errors.Malformed` beyond ``most`` entries and :data:`MAX_DEPTH` levels: a few blocks can
    announce any number of them.
    """
    count = 0
    known: dict[bytes, bool] = {}  # the same block may be linked a million times
    waiting = [("", cid, 0)]
    while waiting:
        path, at, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise Malformed(f"the folders under {cid} are nested deeper than {MAX_DEPTH}: {path[:100]}...")
        folders = []
        for entry in entries(at, get):
            count += 1
            if count > most:
                raise Malformed(f"the folder {cid} announces more than {most} entries; no more are read here")
            inner = f"{path}{entry.name}"
            is_one = known.get(entry.cid.digest)
            if is_one is None:
                is_one = known[entry.cid.digest] = is_folder(entry.cid, get)
            yield inner, entry.cid, is_one
            if is_one:
                folders.append((f"{inner}/", entry.cid, depth + 1))
        waiting.extend(reversed(folders))


def blocks(cid: Cid, get: Get, *, limit: int = unixfs.MAX_SIZE) -> Iterator[tuple[Cid, bytes]]:
    """The distinct blocks of a file or a folder, parents before children; ``limit`` is for each file.

    The work is bounded by the number of distinct blocks. Raises as :func:`ledger.unixfs.read` and :func:`entries` do.
    """
    given: set[bytes] = set()
    waiting = [cid]
    while waiting:
        at = waiting.pop()
        if at.digest in given:
            continue
        top = None if at.codec is Codec.RAW else get(at)
        near = get if top is None else _with(at, top, get)  # a far store is asked once
        if not is_folder(at, near):
            for name, block in unixfs.blocks(at, near, limit=limit):
                if name.digest not in given:
                    given.add(name.digest)
                    yield name, block
            continue
        below = []
        for name, block, entry in _nodes(at, near):
            if entry is not None:
                below.append(entry.cid)
            elif name.digest not in given:
                given.add(name.digest)
                yield name, block
        waiting.extend(reversed(below))


def is_folder(cid: Cid, get: Get) -> bool:
    """Whether a block is the top of a folder; raises as ``get`` does, and ``Malformed`` for what is no UnixFS node."""
    if cid.codec is Codec.RAW:
        return False
    try:
        return _kind(Node.decode(get(cid))) in (_DIRECTORY, trie.TYPE)
    except Malformed as error:
        raise Malformed(f"block {cid} is not part of a UnixFS file or folder: {error}") from None


def export(cid: Cid, get: Get, target: Path, *, most: int = MAX_ENTRIES) -> int:
    """Write the folder ``cid`` as ``target``, whole or not at all; the number of files.

    Raises as :func:`walk`, and :class:`~ledger.errors.StoreFault` where ``target`` exists or cannot be written.
    """
    from ledger import file

    count = 0
    try:
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unfinished-") as unfinished:
            place = Path(unfinished) / "folder"
            place.mkdir()
            for path, below, is_one in walk(cid, get, most=most):
                if is_one:
                    (place / path).mkdir()
                    continue
                file.write(place / path, functools.partial(_fill, unixfs.read(below, get)), once=True, mode=0o644)
                count += 1
            place.rename(target)
    except OSError as error:
        raise StoreFault(f"{target} cannot be written: {error.strerror}") from error
    return count


def _with(at: Cid, block: bytes, get: Get) -> Get:
    return lambda cid: block if cid == at else get(cid)


def _fill(pieces: Iterator[bytes], out: BinaryIO) -> None:
    out.writelines(pieces)


def _import(folder: Path, put: Put, longest: int, opened: Callable[[Path], None], depth: int) -> tuple[Cid, int]:
    """CID and bytes of all blocks of a folder."""
    if depth < 0:
        raise Malformed(f"{folder}: folders are nested deeper than {MAX_DEPTH}; no reader follows them so far")
    links = []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.startswith("."):
            continue
        mode = path.lstat().st_mode
        _check_name(path)
        if stat.S_ISDIR(mode):
            cid, size = _import(path, put, longest, opened, depth - 1)
        elif stat.S_ISREG(mode):
            opened(path)
            with path.open("rb") as source:
                part = unixfs.import_part(source, put)
            cid, size = part.cid, part.total_size
        else:
            what = "a symbolic link" if stat.S_ISLNK(mode) else "neither file nor folder"
            raise Malformed(f"{path} is {what}; put the file itself in its place, or take it away")
        links.append(Link(cid, size, path.name))
    links.sort(key=lambda link: (link.name or "").encode())
    node = Node(tuple(links), dagpb.field_int(1, _DIRECTORY))
    if len(node.encode()) > longest:
        return trie.build(links, put)
    return dagpb.keep(node, put)


def _check_name(path: Path) -> None:
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise Malformed(f"{path.parent / ascii(path.name)}: the name is not UTF-8; rename it") from None


def _nodes(cid: Cid, get: Get) -> Iterator[tuple[Cid, bytes, Entry | None]]:
    """Each node of one folder, with None, then what it holds."""
    waiting = [(cid, b"")]
    while waiting:
        at, place = waiting.pop()
        block = get(at)
        try:
            node = Node.decode(block)
            kind = _kind(node)
            if kind == _DIRECTORY and not place:
                found = _flat(node)
            elif kind == trie.TYPE:
                found = trie.read(node, place)
            else:
                raise Malformed(f"its UnixFS type is {kind}; only folders (1, and 5 for tries) are read here")
            entries = [_entry(link) for _, link in found if link.name]
        except Malformed as error:
            raise Malformed(f"block {at} is not part of a UnixFS folder: {error}") from None
        yield at, block, None
        for entry in entries:
            yield at, block, entry
        waiting.extend((link.cid, below) for below, link in reversed(found) if not link.name)


def _kind(node: Node) -> int:
    for number, value in dagpb.fields(node.data or b""):
        if number == 1 and isinstance(value, int):
            return value
    raise Malformed("it does not say what it is")


def _flat(node: Node) -> list[tuple[bytes, Link]]:
    """The links of a folder that is one node; a place in a trie stands before each, for the sake of :func:`_nodes`."""
    if node.data != dagpb.field_int(1, _DIRECTORY):
        raise Malformed("its UnixFS data says more than that it is a folder")
    names = [(link.name or "").encode() for link in node.links]
    if any(one >= another for one, another in itertools.pairwise(names)):
        raise Malformed("its names are not in order, or one comes twice")
    if b"" in names:
        raise Malformed("it holds something without a name")
    return [(b"", link) for link in node.links]


def _entry(link: Link) -> Entry:
    name = link.name or ""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise Malformed(f"it holds something called {name[:40]!r}, which is no name of a file")
    return Entry(name, link.cid, link.total_size)
