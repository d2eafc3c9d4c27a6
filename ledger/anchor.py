"""Anchors: many tracks of one model recorded at once, by a Merkle root; any of them can be minted later, by proof.

The leaves are published as one file, their bytes one after the other (contracts/Tracks.sol, ``anchor``).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, overload

from ledger import unixfs
from ledger.cid import Cid, Codec
from ledger.digest import Digest
from ledger.errors import ArgumentRefused, Malformed, NotFound, ProofInvalid
from ledger.merkle import InclusionProof, MerkleTree

if TYPE_CHECKING:
    from ledger.contracts.entries import AnchorEntry
    from ledger.store import ContentStore

LEAF_BYTES = 96
LARGEST = 1_000_000
"""Most leaves of one anchor (``LARGEST_ANCHOR`` in contracts/Tracks.sol)."""

_ZERO = bytes(32)


@dataclass(frozen=True, slots=True)
class Leaf:
    """An anchored track: SHA-256 of its claim, its audio file and its signed record; none of them all zeros."""

    claim: Digest
    audio: Digest
    record: Digest

    def __post_init__(self) -> None:
        """Raises :class:`ArgumentRefused`: a digest of zeros could never be minted."""
        for name in ("claim", "audio", "record"):
            if getattr(self, name).raw == _ZERO:
                raise ArgumentRefused(f"{name}: a digest of 32 zero bytes names nothing")

    @property
    def raw(self) -> bytes:
        """96 bytes: claim, audio, record."""
        return self.claim.raw + self.audio.raw + self.record.raw

    @classmethod
    def of(cls, raw: bytes) -> Leaf:
        """Read what :attr:`raw` gives. Raises :class:`Malformed`."""
        if len(raw) != LEAF_BYTES:
            raise Malformed(f"a leaf has {LEAF_BYTES} bytes, not {len(raw)}")
        try:
            return cls(*(Digest(raw[at : at + 32]) for at in range(0, LEAF_BYTES, 32)))
        except ArgumentRefused as error:
            raise Malformed(str(error)) from None


class Anchor:
    """The tracks under one root, in their order. Keeps the file, and once root or proof is asked for, the tree."""

    def __init__(self, leaves: Iterable[Leaf]) -> None:
        """Take 1 to 1,000,000 leaves, which may come one by one. Raises :class:`ArgumentRefused` for another number."""
        self._file = b"".join(leaf.raw for leaf in leaves)
        if not 1 <= len(self) <= LARGEST:
            raise ArgumentRefused(f"an anchor holds 1 to {LARGEST} tracks, not {len(self)}")

    @classmethod
    def read(cls, file: bytes) -> Anchor:
        """Read what :meth:`file` gives. That it is the file of a certain anchor, its root and size have to show.

        Raises:
            Malformed: not 1 to 1,000,000 leaves of 96 bytes, or a digest in them is all zeros.
        """
        if len(file) % LEAF_BYTES or not 1 <= len(file) // LEAF_BYTES <= LARGEST:
            raise Malformed(f"a file of leaves has 1 to {LARGEST} times {LEAF_BYTES} bytes, not {len(file)}")
        # Mostly there are none, and this finds out quickly.
        if _ZERO in file:
            for place, raw in enumerate(_Pieces(file)):
                try:
                    Leaf.of(raw)
                except Malformed as error:
                    raise Malformed(f"leaf {place}: {error}") from None
        anchor = cls.__new__(cls)
        anchor._file = bytes(file)
        return anchor

    def __len__(self) -> int:
        return len(self._file) // LEAF_BYTES

    def leaf(self, index: int) -> Leaf:
        """The leaf at ``index``, from 0. Raises :class:`NotFound` beyond the last leaf."""
        if not 0 <= index < len(self):
            raise NotFound(f"there is no leaf {index} among {len(self)}")
        return Leaf.of(_Pieces(self._file)[index])

    @property
    def root(self) -> Digest:
        """What is anchored: the Merkle tree hash (RFC 9162 section 2.1.1)."""
        return self._tree.root

    def proof(self, index: int) -> InclusionProof:
        """The proof for the leaf at ``index``, from 0. Raises :class:`NotFound` beyond the last leaf."""
        return self._tree.proof(index)

    def file(self) -> bytes:
        """What is published: the leaves one after the other, 96 bytes each."""
        return self._file

    @cached_property
    def content(self) -> Cid:
        """The file's CID (:data:`ledger.unixfs.PROFILE`); its digest goes into the event.

        The chain keeps the digest and the number of leaves: up to 10,922 leaves are one raw block (1 MiB), and of more
        the CID names a dag-pb node.
        """
        return unixfs.import_file(io.BytesIO(self._file), lambda cid, block: None)

    @cached_property
    def _tree(self) -> MerkleTree:
        return MerkleTree(_Pieces(self._file))


def place_in(store: ContentStore, entry: AnchorEntry, leaf: bytes) -> int | None:
    """The place of a leaf of 96 bytes in what was anchored, from 0, proved; None where it is not among the leaves.

    Raises errors of the store, :class:`Malformed`, and :class:`ProofInvalid` where the published leaves are not those
    that were anchored.
    """
    file = store.read_bytes(leaves_cid(entry), LARGEST * LEAF_BYTES)
    at = file.find(leaf)
    while at % LEAF_BYTES and at >= 0:
        at = file.find(leaf, at + 1)
    if at < 0:
        return None
    place = at // LEAF_BYTES
    Anchor.read(file).proof(place).verify(leaf, entry.root)
    return place


def read_leaves(store: ContentStore, root: Digest, size: int, content: Digest) -> Anchor:
    """The leaves of what was anchored, proved. Raises as :func:`place_in`."""
    anchor = Anchor.read(store.read_bytes(file_cid(content, size), LARGEST * LEAF_BYTES))
    if (len(anchor), anchor.root) != (size, root):
        raise ProofInvalid(f"the {len(anchor)} published leaves have the root {anchor.root}, not {root} over {size}")
    return anchor


def leaves_cid(entry: AnchorEntry) -> Cid:
    """The CID of the file of leaves of what was anchored: a raw block, or the node over several."""
    return file_cid(entry.content, entry.size)


def file_cid(content: Digest, size: int) -> Cid:
    """The same, by the digest in the event and the number of leaves."""
    raw = Cid.of_digest(content.raw)
    several = size * LEAF_BYTES > unixfs.CHUNK
    return Cid(bytes((1, Codec.DAG_PB)) + raw.raw[2:]) if several else raw


class _Pieces(Sequence[bytes]):
    """The leaves of a file, cut out when they are asked for."""

    def __init__(self, file: bytes) -> None:
        self._file = file

    def __len__(self) -> int:
        return len(self._file) // LEAF_BYTES

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._file[index * LEAF_BYTES : (index + 1) * LEAF_BYTES]
