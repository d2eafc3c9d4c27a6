"""The nodes of a folder too large for one: a hash array mapped trie (HAMT) over its names.

256 ways, by the bytes of MurmurHash3 (x64, 128 bits, of which the first 64 count), most significant first; a link is
called by its slot in two hexadecimal digits, and where it leads to an entry the name follows. Source: the UnixFS
specification, HAMTDirectory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ledger import dagpb
from ledger.cid import Cid
from ledger.dagpb import Link, Node
from ledger.errors import Malformed
from ledger.unixfs import Put

TYPE = 5
"""The UnixFS ``DataType`` of such a node."""

_FANOUT = 256
_MURMUR3 = 0x22  # multicodec murmur3-x64-64
_LEVELS = 8  # bytes of the hash, one for each level
_DIGITS = frozenset("0123456789ABCDEF")


def build(links: Iterable[Link], put: Put) -> tuple[Cid, int]:
    """The trie over named links, its nodes given to ``put``, children before parents; CID and bytes of all blocks.

    Raises :class:`~ledger.errors.Malformed` for two names of one hash.
    """
    return _build([(_hash(link.name or ""), link) for link in links], put, 0)


def read(node: Node, path: bytes) -> list[tuple[bytes, Link]]:
    """What a node holds that lies at ``path``, the slots that lead to it from the top (none: it is the top).

    Pairs of a path and a link: one with a name leads to an entry, one without to a node at that path. Raises
    :class:`~ledger.errors.Malformed` for anything that :func:`build` would not have made.
    """
    if len(path) >= _LEVELS:
        raise Malformed("its trie is deeper than the hash is long")
    found = []
    for link in node.links:
        label = link.name or ""
        slot, name = label[:2], label[2:]
        if len(slot) != 2 or not _DIGITS.issuperset(slot):
            raise Malformed(f"a link of its trie is called {label[:40]!r}, which begins with no slot")
        place = path + bytes([int(slot, 16)])
        if name and not _hash(name).startswith(place):
            raise Malformed(f"{name[:40]!r} is not where its hash belongs")
        found.append((place, replace(link, name=name)))
    slots = [place[-1] for place, _ in found]
    if not slots or slots != sorted(set(slots)) or node.data != _data(slots):
        raise Malformed("its links are not those that its UnixFS data announces")
    return found


def _build(hashed: Sequence[tuple[bytes, Link]], put: Put, level: int) -> tuple[Cid, int]:
    """A node over links whose names' hashes agree in the first ``level`` bytes."""
    if level == _LEVELS:
        names = ", ".join(repr(link.name) for _, link in hashed[:2])
        raise Malformed(f"names {names} have the same 64-bit hash; no trie can hold both, so rename one")
    slots: dict[int, list[tuple[bytes, Link]]] = {}
    for one in hashed:
        slots.setdefault(one[0][level], []).append(one)
    links = []
    for slot in sorted(slots):
        held = slots[slot]
        if len(held) == 1:
            links.append(replace(held[0][1], name=f"{slot:02X}{held[0][1].name}"))
        else:
            links.append(Link(*_build(held, put, level + 1), f"{slot:02X}"))
    return dagpb.keep(Node(tuple(links), _data(slots)), put)


def _hash(name: str) -> bytes:
    import mmh3

    return mmh3.hash64(name.encode(), x64arch=True, signed=False)[0].to_bytes(_LEVELS, "big")


def _data(slots: Iterable[int]) -> bytes:
    """The UnixFS ``Data`` message: which slots are taken, as a big-endian number without zeros before it."""
    taken = sum(1 << slot for slot in slots)
    field = taken.to_bytes((taken.bit_length() + 7) // 8, "big")
    return (
        dagpb.field_int(1, TYPE)
        + dagpb.field_bytes(2, field)
        + dagpb.field_int(5, _MURMUR3)
        + dagpb.field_int(6, _FANOUT)
    )
