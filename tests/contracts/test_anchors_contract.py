"""Anchors (Tracks.sol, Inclusion.sol): many tracks recorded by one root, and minted by proof, one by one."""

import dataclasses

import pytest
from world import CID, fresh

from ledger.anchor import Anchor, Leaf
from ledger.digest import Digest
from ledger.errors import AlreadyAnchored, AlreadyRegistered, ArgumentRefused, LicenseMissing, ProofInvalid
from ledger.merkle import InclusionProof


@pytest.fixture(scope="module")
def model(world):
    return world.model()


def leaves(count: int) -> list[Leaf]:
    return [Leaf(fresh(), fresh(), fresh()) for _ in range(count)]


def anchored(world, model, count: int, by=None) -> Anchor:
    """Tracks of the trainer's."""
    anchor = Anchor(leaves(count))
    place = Digest(anchor.content.digest)
    world.contracts.anchor_tracks(by or world.trainer, anchor.root, count, model.id, 70_000, place)
    return anchor


def mint(world, anchor, index, by=None):
    proof = anchor.proof(index)
    return world.contracts.mint_anchored(by or world.trainer, anchor.root, anchor.leaf(index), proof, CID)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7])
def test_every_leaf_of_a_small_tree_can_be_minted(world, model, count):
    anchor = anchored(world, model, count)
    for index in range(count):
        track, leaf = mint(world, anchor, index), anchor.leaf(index)
        assert (track.claim, track.audio, track.record, track.cid) == (leaf.claim, leaf.audio, leaf.record, CID)
        assert (track.creator, track.owner) == (world.trainer.address, world.trainer.address)
        assert (track.model, track.royalty_ppm) == (model.id, 70_000)
        assert track.id == world.contracts.track_id(world.trainer.address, leaf.claim)


@pytest.mark.parametrize(("count", "indices"), [(1000, (0, 511, 512, 999)), (1025, (1023, 1024))])
def test_leaves_of_a_large_tree_can_be_minted(world, model, count, indices):
    anchor = anchored(world, model, count)
    for index in indices:
        assert mint(world, anchor, index).claim == anchor.leaf(index).claim


def test_the_event_says_what_was_anchored(world, model):
    anchor = anchored(world, model, 3)
    [event] = world.contracts._on.said("Tracks", "Anchored", world.chain.block_number, None, root=anchor.root)
    said = event.arguments
    assert (said["creator"], said["model"], said["size"]) == (world.trainer.address, model.id, 3)
    assert (said["royaltyPpm"], said["content"]) == (70_000, anchor.content.digest)


def test_a_track_is_minted_once(world, model):
    anchor = anchored(world, model, 3)
    track = mint(world, anchor, 1)
    with pytest.raises(AlreadyRegistered) as refusal:
        mint(world, anchor, 1)
    assert refusal.value.id == track.id
    by_hand = anchor.leaf(2)
    world.contracts.mint_track(world.trainer, fresh(), by_hand.audio, fresh(), CID, model.id)
    with pytest.raises(AlreadyRegistered, match="audio"):
        mint(world, anchor, 2)


@pytest.mark.parametrize("field", ["claim", "audio", "record"])
def test_each_digest_is_part_of_the_leaf(world, model, field):
    anchor = anchored(world, model, 4)
    altered = dataclasses.replace(anchor.leaf(2), **{field: fresh()})
    with pytest.raises(ProofInvalid, match="leaf 2"):
        world.contracts.mint_anchored(world.trainer, anchor.root, altered, anchor.proof(2), CID)


def test_another_place_or_path_is_refused(world, model):
    anchor = anchored(world, model, 6)
    leaf, good = anchor.leaf(4), anchor.proof(4)
    bad = [InclusionProof(index, 6, good.path) for index in (0, 1, 2, 3, 5, 6, 7, 12, 2**256 - 1)]
    paths = [
        good.path[:-1],
        good.path[1:],
        good.path[::-1],
        (*good.path, fresh()),
        (),
        *(tuple(fresh() if place == at else node for place, node in enumerate(good.path)) for at in range(2)),
    ]
    bad += [InclusionProof(4, 6, path) for path in paths]
    for proof in bad:
        with pytest.raises(ProofInvalid):
            world.contracts.mint_anchored(world.trainer, anchor.root, leaf, proof, CID)
    assert mint(world, anchor, 4)


def test_a_node_does_not_pass_for_a_leaf(world, model):
    anchor = anchored(world, model, 4)
    pair = anchor._tree._levels[1]
    node = b"".join(anchor._tree._levels[0][:2])  # 64 bytes: no leaf has that length, so a third digest is made up
    fake = Leaf(Digest(node[:32]), Digest(node[32:]), fresh())
    proof = InclusionProof(0, 2, (Digest(pair[1]),))
    with pytest.raises(ProofInvalid):
        world.contracts.mint_anchored(world.trainer, anchor.root, fake, proof, CID)


def test_the_size_is_the_one_that_was_anchored(world, model):
    anchor = Anchor(leaves(6))
    world.contracts.anchor_tracks(world.trainer, anchor.root, 4, model.id, 0, fresh())
    for index in (4, 5):
        with pytest.raises(ProofInvalid):
            mint(world, anchor, index)


def test_an_anchor_is_its_creators(world, model):
    anchor = anchored(world, model, 2)
    other = world.person()
    world.grant(world.trainer, model, other.address, ["generate"])
    with pytest.raises(ProofInvalid):
        mint(world, anchor, 0, other)
    # The same root by somebody else is another anchor, and leads to other tracks.
    world.contracts.anchor_tracks(other, anchor.root, 2, model.id, 5, fresh())
    track = mint(world, anchor, 0, other)
    assert (track.creator, track.royalty_ppm) == (other.address, 5)
    assert track.id != world.contracts.track_id(world.trainer.address, track.claim)


def test_a_license_is_asked_for_when_a_track_is_minted(world, model):
    creator = world.person()
    anchor = anchored(world, model, 2, by=creator)
    with pytest.raises(LicenseMissing, match=f"model {model.id}, use generate, {creator.address}"):
        mint(world, anchor, 0, creator)
    world.grant(world.trainer, model, creator.address, ["generate"], world.clock.now() + 5)
    assert mint(world, anchor, 0, creator)
    world.clock.go_to(world.clock.now() + 6)
    with pytest.raises(LicenseMissing):
        mint(world, anchor, 1, creator)


def test_a_root_is_anchored_once(world, model):
    anchor = anchored(world, model, 2)
    with pytest.raises(AlreadyAnchored, match=str(anchor.root)):
        world.contracts.anchor_tracks(world.trainer, anchor.root, 3, model.id, 0, fresh())


@pytest.mark.parametrize(
    ("root", "size", "royalty", "said"),
    [
        (fresh(), 0, 0, "not 0"),
        (fresh(), 1_000_001, 0, "not 1000001"),
        (fresh(), 1, 1_000_001, "1000001 ppm"),
        (Digest(bytes(32)), 1, 0, "zero bytes"),
    ],
    ids=["empty", "too large", "royalty", "zero root"],
)
def test_what_cannot_be_an_anchor_is_refused(world, model, root, size, royalty, said):
    with pytest.raises(ArgumentRefused, match=said):
        world.contracts.anchor_tracks(world.trainer, root, size, model.id, royalty, fresh())


def test_the_largest_anchor_fits(world, model):
    root = fresh()
    world.contracts.anchor_tracks(world.trainer, root, 1_000_000, model.id, 1_000_000, fresh())
    kept = world.view("Tracks", "anchors", world.trainer.address, root)
    assert kept == (model.id, 1_000_000, world.chain.block_number, 1_000_000)


def test_nothing_is_minted_from_what_nobody_anchored(world):
    anchor = Anchor(leaves(2))
    with pytest.raises(ProofInvalid, match=str(anchor.root)):
        mint(world, anchor, 0)
    zero = InclusionProof(0, 1, ())
    with pytest.raises(ProofInvalid):
        world.contracts.mint_anchored(world.trainer, Digest(bytes(32)), anchor.leaf(0), zero, CID)
