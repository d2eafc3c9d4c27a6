"""Merkle trees as in Certificate Transparency: RFC 9162 section 2.1 (as in RFC 6962 section 2.1), over SHA-256.

A leaf is hashed with a leading 00 and a node with a leading 01, so that a node can never be passed off as a leaf. A
tree of any size splits at the largest power of two below it; an odd node at the end of a level moves up as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.digest import Digest
from ledger.errors import Malformed, NotFound, ProofInvalid


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That the leaf at ``index`` (from 0) is part of a tree of ``size`` leaves: its siblings, from the leaf upwards."""

    index: int
    size: int
    path: tuple[Digest, ...]

    def verify(self, leaf: bytes, root: Digest) -> None:
        """Raise :class:`ProofInvalid` unless ``leaf`` leads to ``root`` (RFC 9162 section 2.1.3.2)."""
        if not 0 <= self.index < self.size:
            raise ProofInvalid(f"there is no leaf {self.index} in a tree of {self.size}")
        node = _leaf_hash(leaf)
        place, last = self.index, self.size - 1
        for sibling in self.path:
            if last == 0:
                raise ProofInvalid(f"the path of {len(self.path)} digests is too long for a tree of {self.size}")
            if place & 1 or place == last:
                node = _node_hash(sibling.raw, node)
                # A last node without a sibling moved up unhashed: skip those levels.
                while place and not place & 1:
                    place >>= 1
                    last >>= 1
            else:
                node = _node_hash(node, sibling.raw)
            place >>= 1
            last >>= 1
        if last:
            raise ProofInvalid(f"the path of {len(self.path)} digests is too short for a tree of {self.size}")
        if node != root.raw:
            raise ProofInvalid(f"leaf {self.index} of {self.size} leads to {node.hex()}, not to the root {root}")


class MerkleTree:
    """The tree over ``leaves`` (bytes of any length, in their order). Keeps hashes only: 64 bytes per leaf."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        """Hash every leaf and node. Raises :class:`Malformed` for no leaves: an empty tree proves nothing."""
        if not leaves:
            raise Malformed("a Merkle tree needs at least one leaf")
        self._levels = [[_leaf_hash(leaf) for leaf in leaves]]
        while len(below := self._levels[-1]) > 1:
            level = [_node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
            if len(below) & 1:
                level.append(below[-1])
            self._levels.append(level)

    def __len__(self) -> int:
        return len(self._levels[0])

    @property
    def root(self) -> Digest:
        """The Merkle tree hash."""
        return Digest(self._levels[-1][0])

    def proof(self, index: int) -> InclusionProof:
        """The proof for the leaf at ``index``, from 0. Raises :class:`NotFound` beyond the last leaf."""
        if not 0 <= index < len(self):
            raise NotFound(f"there is no leaf {index} in a tree of {len(self)}")
        path = []
        place = index
        for level in self._levels[:-1]:
            sibling = place ^ 1
            if sibling < len(level):
                path.append(Digest(level[sibling]))
            place >>= 1
        return InclusionProof(index, len(self), tuple(path))


def _leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
