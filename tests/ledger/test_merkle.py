"""Merkle trees: Certificate Transparency's reference tree, the RFC's recursive definition, and altered proofs."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.digest import Digest
from ledger.errors import Malformed, NotFound, ProofInvalid
from ledger.merkle import InclusionProof, MerkleTree


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH as RFC 9162 section 2.1.1 writes it: a recursion, where the code goes level by level."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


def numbered(size: int) -> list[bytes]:
    return [f"leaf {position}".encode() for position in range(size)]


@pytest.fixture(scope="module")
def reference(vectors: Path) -> dict:
    return json.loads((vectors / "certificate_transparency.json").read_text())


def test_roots_of_the_reference_tree(reference: dict) -> None:
    leaves = [bytes.fromhex(leaf) for leaf in reference["leaves"]]
    for size, root in enumerate(reference["roots"], start=1):
        assert str(MerkleTree(leaves[:size]).root) == root


def test_paths_of_the_reference_tree(reference: dict) -> None:
    leaves = [bytes.fromhex(leaf) for leaf in reference["leaves"]]
    for known in reference["paths"]:
        proof = MerkleTree(leaves[: known["size"]]).proof(known["index"])
        assert [str(digest) for digest in proof.path] == known["path"]
        proof.verify(leaves[known["index"]], Digest.parse(reference["roots"][known["size"] - 1]))


def test_every_size_to_300_has_the_defined_root_and_good_proofs() -> None:
    leaves = numbered(300)
    for size in range(1, 301):
        tree = MerkleTree(leaves[:size])
        assert tree.root.raw == by_definition(leaves[:size])
        assert len(tree) == size
        step = 1 if size <= 40 else 13
        for index in {*range(0, size, step), size - 1}:
            tree.proof(index).verify(leaves[index], tree.root)


@given(st.integers(1, 300), st.data())
def test_any_altered_field_is_noticed(size: int, data: st.DataObject) -> None:
    leaves = numbered(size)
    tree = MerkleTree(leaves)
    index = data.draw(st.integers(0, size - 1))
    proof = tree.proof(index)
    leaf = leaves[index]

    def refused(altered: InclusionProof, leaf: bytes = leaf, root: Digest = tree.root) -> None:
        with pytest.raises(ProofInvalid):
            altered.verify(leaf, root)

    other = data.draw(st.integers(-2, size + 2).filter(lambda i: i != index))
    refused(replace(proof, index=other))
    refused(proof, leaf=leaf + b"!")
    refused(proof, root=Digest.of(b"another tree"))
    refused(replace(proof, path=(*proof.path, Digest.of(b""))))
    if proof.path:
        place = data.draw(st.integers(0, len(proof.path) - 1))
        bit = data.draw(st.integers(0, 255))
        flipped = (int.from_bytes(proof.path[place].raw, "big") ^ 1 << bit).to_bytes(32, "big")
        refused(replace(proof, path=(*proof.path[:place], Digest(flipped), *proof.path[place + 1 :])))
        refused(replace(proof, path=proof.path[:-1]))
        refused(replace(proof, path=proof.path[1:]))


@given(st.integers(2, 300), st.data())
def test_an_altered_size_is_noticed_where_it_alters_the_walk(size: int, data: st.DataObject) -> None:
    # A size is only a statement of how far the walk goes: several sizes ask for the same siblings of one leaf, and
    # RFC 9162 verifies those alike (the root commits to the leaves, and a signed tree head to the size).
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(-1, 600).filter(lambda n: n != size))
    tree = MerkleTree(numbered(size))
    proof = tree.proof(index)
    altered = replace(proof, size=other)
    sides = [side(index, size), side(index, other)]
    if sides[0] == sides[1]:
        altered.verify(numbered(size)[index], tree.root)
    else:
        with pytest.raises(ProofInvalid):
            altered.verify(numbered(size)[index], tree.root)


def side(index: int, size: int) -> list[str] | None:
    """On which side each sibling lies, from the leaf upwards, by the recursive definition of PATH."""
    if not 0 <= index < size:
        return None
    if size == 1:
        return []
    split = 1
    while split * 2 < size:
        split *= 2
    if index < split:
        return [*side(index, split), "right"]
    return [*side(index - split, size - split), "left"]


def test_a_path_longer_than_the_tree_is_high_is_refused() -> None:
    # It would lead to the root: it is the path of the second leaf of two, passed off as that of an only leaf.
    leaves = numbered(2)
    tree = MerkleTree(leaves)
    proof = tree.proof(1)
    proof.verify(leaves[1], tree.root)
    with pytest.raises(ProofInvalid, match="too long"):
        replace(proof, index=0, size=1).verify(leaves[1], tree.root)


def test_a_node_is_never_a_leaf() -> None:
    leaves = numbered(2)
    tree = MerkleTree(leaves)
    hashes = b"".join(hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves)
    assert MerkleTree([hashes]).root != tree.root
    with pytest.raises(ProofInvalid):
        InclusionProof(0, 1, ()).verify(hashes, tree.root)


def test_an_empty_tree_is_refused() -> None:
    with pytest.raises(Malformed, match="at least one"):
        MerkleTree([])


@pytest.mark.parametrize("index", [-1, 3])
def test_no_proof_for_a_leaf_that_is_not_there(index: int) -> None:
    with pytest.raises(NotFound):
        MerkleTree(numbered(3)).proof(index)
