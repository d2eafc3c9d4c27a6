"""Anchors: the published file, its CID, and proofs that Tracks.sol accepts or refuses in the embedded chain."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import anchor as module
from ledger import unixfs
from ledger.abi import Interface
from ledger.address import Address
from ledger.anchor import LEAF_BYTES, Anchor, Leaf
from ledger.chain import Chain
from ledger.cid import Cid, Codec
from ledger.deployment import Deployment, deploy
from ledger.digest import Digest
from ledger.errors import ArgumentRefused, Malformed, NotFound, ProofInvalid, Reverted
from ledger.keys import LocalSigner
from ledger.merkle import InclusionProof

NOBODY = Address(bytes(20))
CREATOR = LocalSigner(bytes(range(1, 33)))


def numbered(size: int, of: str = "track") -> list[Leaf]:
    def digest(part: str, place: int) -> Digest:
        return Digest.of(f"{part} of {of} {place} among {size}".encode())

    return [Leaf(*(digest(part, place) for part in ("claim", "audio", "record"))) for place in range(size)]


digests = st.binary(min_size=32, max_size=32).filter(any).map(Digest)
leaves = st.builds(Leaf, digests, digests, digests)


@given(st.lists(leaves, min_size=1, max_size=20))
def test_the_file_reads_back(listed: list[Leaf]) -> None:
    anchor = Anchor(iter(listed))
    again = Anchor.read(anchor.file())
    assert anchor.file() == b"".join(leaf.claim.raw + leaf.audio.raw + leaf.record.raw for leaf in listed)
    assert [again.leaf(index) for index in range(len(again))] == listed
    assert (again.file(), again.root, again.content) == (anchor.file(), anchor.root, anchor.content)
    for index, leaf in enumerate(listed):
        again.proof(index).verify(leaf.raw, anchor.root)


@given(leaves)
def test_a_leaf_reads_back(leaf: Leaf) -> None:
    assert len(leaf.raw) == LEAF_BYTES
    assert Leaf.of(leaf.raw) == leaf


def test_the_root_is_that_of_rfc_9162() -> None:
    # Section 2.1.1 by hand, for three leaves.
    a, b, c = (hashlib.sha256(b"\x00" + leaf.raw).digest() for leaf in numbered(3))
    ab = hashlib.sha256(b"\x01" + a + b).digest()
    assert Anchor(numbered(3)).root.raw == hashlib.sha256(b"\x01" + ab + c).digest()


def test_a_small_file_is_one_block_and_a_large_one_a_tree() -> None:
    small, large = Anchor(numbered(10_922)), Anchor(numbered(10_923))
    assert small.content == Cid.of_raw(small.file())
    assert large.content.codec is Codec.DAG_PB
    blocks: dict[Cid, bytes] = {}
    assert large.content == unixfs.import_file(BytesIO(large.file()), blocks.__setitem__)
    assert b"".join(unixfs.read(large.content, blocks.__getitem__)) == large.file()


@pytest.mark.parametrize("file", [b"", bytes(range(95)), bytes(range(97))])
def test_a_file_of_another_length_is_refused(file: bytes) -> None:
    with pytest.raises(Malformed, match=f"not {len(file)}$"):
        Anchor.read(file)


@pytest.mark.parametrize("part", ["claim", "audio", "record"])
def test_a_digest_of_zeros_is_refused_by_name(part: str) -> None:
    with pytest.raises(ArgumentRefused, match=f"^{part}:"):
        replace(numbered(1)[0], **{part: Digest(bytes(32))})
    file = bytearray(Anchor(numbered(5)).file())
    at = 3 * LEAF_BYTES + 32 * ["claim", "audio", "record"].index(part)
    file[at : at + 32] = bytes(32)
    with pytest.raises(Malformed, match=f"^leaf 3: {part}:"):
        Anchor.read(bytes(file))


def test_zeros_across_two_digests_are_no_fault() -> None:
    leaf = Leaf(Digest(b"\x01" + bytes(31)), Digest(bytes(31) + b"\x01"), Digest.of(b"record"))
    assert Anchor.read(leaf.raw).leaf(0) == leaf


@pytest.mark.parametrize("size", [95, 97])
def test_a_leaf_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(Malformed, match=f"not {size}"):
        Leaf.of(b"\x01" * size)


def test_more_leaves_than_the_contract_takes_are_refused(monkeypatch) -> None:
    with pytest.raises(ArgumentRefused, match="not 0"):
        Anchor([])
    monkeypatch.setattr(module, "LARGEST", 3)
    assert len(Anchor(numbered(3))) == len(Anchor.read(Anchor(numbered(3)).file())) == 3
    with pytest.raises(ArgumentRefused, match="not 4"):
        Anchor(numbered(4))
    with pytest.raises(Malformed, match=f"not {4 * LEAF_BYTES}"):
        Anchor.read(b"\x01" * 4 * LEAF_BYTES)


@pytest.mark.parametrize("index", [-1, 3])
def test_no_leaf_that_is_not_there(index: int) -> None:
    with pytest.raises(NotFound):
        Anchor(numbered(3)).leaf(index)
    with pytest.raises(NotFound):
        Anchor(numbered(3)).proof(index)


# -- against the deployed contract


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[tuple[Chain, Deployment]]:
    """A chain on which the creator owns model 1."""
    with Chain.open_embedded(tmp_path_factory.mktemp("chain")) as chain:
        chain.fund(CREATOR.address, 10**20)
        on = deploy(chain, CREATOR)
        cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
        terms = (0, 2**40 - 1, 50_000, 7, 0, NOBODY)
        one, two = Digest.of(b"1"), Digest.of(b"2")
        chain.send(CREATOR, Interface.load("Datasets"), on.datasets, "register", one, two, terms, cid)
        run = (one, two, 20_000, [1], [1_000_000], [], cid)
        chain.send(CREATOR, Interface.load("Models"), on.models, "record", run)
        yield chain, on


def flipped(digest: Digest, place: int) -> Digest:
    return Digest(digest.raw[:place] + bytes([digest.raw[place] ^ 1]) + digest.raw[place + 1 :])


def alterations(leaf: Leaf, proof: InclusionProof, every: int) -> Iterator[tuple[Leaf, InclusionProof]]:
    """Every ``every``-th byte of leaf and path altered, one at a time; other indices; a longer and shorter path."""
    for part in ("claim", "audio", "record"):
        for place in range(0, 32, every):
            yield replace(leaf, **{part: flipped(getattr(leaf, part), place)}), proof
    for step, sibling in enumerate(proof.path):
        for place in range(step % every, 32, every):
            path = (*proof.path[:step], flipped(sibling, place), *proof.path[step + 1 :])
            yield leaf, replace(proof, path=path)
        yield leaf, replace(proof, path=proof.path[:step] + proof.path[step + 1 :])
    yield leaf, replace(proof, path=(*proof.path, proof.path[-1] if proof.path else leaf.claim))
    others = {0, 1, proof.size - 1, proof.size, proof.size + 1, proof.index + 1, proof.index ^ 1, proof.index ^ 2}
    others |= {proof.index + proof.size, 2**255 + proof.index}
    for other in others - {proof.index}:
        yield leaf, replace(proof, index=other)


@pytest.mark.parametrize(
    ("size", "chosen", "every"),
    [
        *((size, range(size), 8) for size in (1, 2, 3, 5, 8)),
        (3, [0], 1),
        (1000, [0, 767, 999], 16),
        pytest.param(1000, [0, 767, 999], 1, marks=pytest.mark.slow),
    ],
)
def test_the_contract_mints_by_the_right_proof_alone(
    world: tuple[Chain, Deployment], size: int, chosen: Sequence[int], every: int
) -> None:
    chain, on = world
    tracks = Interface.load("Tracks")
    listed = numbered(size, f"track step {every}")
    anchor = Anchor(listed)
    content = Digest(anchor.content.digest)
    receipt = chain.send(CREATOR, tracks, on.tracks, "anchor", anchor.root, size, 1, 50_000, content)
    (event,) = chain.events(tracks, on.tracks, "Anchored", receipt.block)
    assert event.arguments["content"] == anchor.content.digest

    def arguments(leaf: Leaf, proof: InclusionProof) -> tuple:
        return anchor.root, proof.index, (leaf.claim, leaf.audio, leaf.record), proof.path, Digest.of(b"block")

    for index in chosen:
        leaf, proof = listed[index], anchor.proof(index)
        for altered, path in alterations(leaf, proof, every):
            with pytest.raises(ProofInvalid):
                path.verify(altered.raw, anchor.root)
            with pytest.raises(Reverted) as refused:
                chain.send(CREATOR, tracks, on.tracks, "mintAnchored", *arguments(altered, path))
            found = tracks.error(refused.value.data)
            assert found is not None and found[0] == "NotAnchored"
        chain.send(CREATOR, tracks, on.tracks, "mintAnchored", *arguments(leaf, proof))
        track = chain.call(tracks, on.tracks, "idOf", CREATOR.address, leaf.claim)
        assert chain.call(tracks, on.tracks, "ownerOf", track) == CREATOR.address
