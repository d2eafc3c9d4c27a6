"""Rules of Tracks.sol: who may mint, that claim, file and watermark lead to one track, and what its creator may do."""

import hashlib
import os

import pytest
from world import CID, WHOLE, fresh

from ledger.anchor import Anchor, Leaf
from ledger.cid import Cid
from ledger.contracts import Contracts, deploy
from ledger.digest import Digest
from ledger.errors import (
    AlreadyRegistered,
    ArgumentRefused,
    LicenseMissing,
    MintsPaused,
    NotCreator,
    NotFound,
    NotOwner,
    Reverted,
)
from ledger.voucher import Voucher, sign


@pytest.fixture(scope="module")
def model(world):
    return world.model()


def test_a_track_is_found_by_token_file_and_watermark(world, model):
    claim, audio, record = fresh(), fresh(), fresh()
    track = world.contracts.mint_track(world.trainer, claim, audio, record, CID, model.id, royalty_ppm=70_000)
    mark = hashlib.sha256(world.trainer.address.raw + claim.raw).digest()[:8]
    assert track.id == int.from_bytes(mark) == world.contracts.track_id(world.trainer.address, claim)
    assert (track.claim, track.audio, track.record, track.cid) == (claim, audio, record, CID)
    assert (track.model, track.royalty_ppm, track.time) == (model.id, 70_000, world.clock.now())
    assert track.creator == track.owner == world.trainer.address
    assert world.contracts.track(track.id) == track
    assert world.contracts.track_by_audio(audio) == track
    assert world.contracts.track_by_watermark(mark) == track
    assert world.contracts.tracks()[-1] == track


def test_the_token_of_a_claim_is_another_for_everybody(world):
    claim = fresh()
    for who in (world.trainer, world.creator):
        expected = int.from_bytes(hashlib.sha256(who.address.raw + claim.raw).digest()[:8])
        assert world.contracts.track_id(who.address, claim) == expected


def test_minting_without_a_license_reverts_in_the_contract(world, model):
    stranger = world.person()
    claim = fresh()
    expected = f"model {model.id}, use generate, {stranger.address}"
    with pytest.raises(LicenseMissing, match=expected):
        world.contracts.mint_track(stranger, claim, fresh(), fresh(), CID, model.id)
    world.grant(world.trainer, model, stranger.address, ["train", "commercial"])
    with pytest.raises(LicenseMissing, match=expected):
        world.contracts.mint_track(stranger, claim, fresh(), fresh(), CID, model.id)
    world.grant(world.trainer, model, stranger.address, ["generate"], world.clock.now() + 10)
    assert world.contracts.mint_track(stranger, claim, fresh(), fresh(), CID, model.id).creator == stranger.address
    world.clock.go_to(world.clock.now() + 11)
    with pytest.raises(LicenseMissing, match=expected):
        world.contracts.mint_track(stranger, fresh(), fresh(), fresh(), CID, model.id)


def test_a_license_of_the_dataset_is_none_of_the_model(world, model):
    with pytest.raises(LicenseMissing):
        world.contracts.mint_track(world.holder, fresh(), fresh(), fresh(), CID, model.id)


def test_claim_and_audio_are_minted_once(world, model):
    claim, audio = fresh(), fresh()
    track = world.contracts.mint_track(world.trainer, claim, audio, fresh(), CID, model.id)
    for again, file, word in ((claim, fresh(), "claim"), (fresh(), audio, "audio")):
        with pytest.raises(AlreadyRegistered, match=f"^{word} ") as refusal:
            world.contracts.mint_track(world.trainer, again, file, fresh(), CID, model.id)
        assert refusal.value.id == track.id


def test_the_claim_of_somebody_else_is_no_hindrance(world, model):
    claim = fresh()
    world.grant(world.trainer, model, world.creator.address, ["generate"])
    tracks = [
        world.contracts.mint_track(who, claim, fresh(), fresh(), CID, model.id)
        for who in (world.creator, world.trainer)
    ]
    assert tracks[0].claim == tracks[1].claim
    assert tracks[0].id != tracks[1].id


def test_zero_digests_are_refused(world, model):
    for position in range(3):
        digests = [fresh(), fresh(), fresh()]
        digests[position] = Digest(bytes(32))
        with pytest.raises(ArgumentRefused, match="zero bytes"):
            world.contracts.mint_track(world.trainer, *digests, CID, model.id)


def test_a_royalty_is_at_most_the_whole(world, model):
    assert world.track(model, royalty_ppm=WHOLE).royalty_ppm == WHOLE
    with pytest.raises(ArgumentRefused, match="1000001 ppm"):
        world.track(model, royalty_ppm=WHOLE + 1)


def test_a_model_that_does_not_exist_generates_nothing(world):
    with pytest.raises(LicenseMissing, match="model 1000000"):
        world.contracts.mint_track(world.trainer, fresh(), fresh(), fresh(), CID, 10**6)


@pytest.mark.parametrize("price", [0, 1, 9, 10, 999_999, 10**18 + 7, 2**200])
def test_a_sale_owes_the_part_that_its_creator_asked(world, model, price):
    track = world.track(model, royalty_ppm=100_001)
    account, amount = world.contracts.royalty(track.id, price)
    assert amount == price * 100_001 // WHOLE
    assert account == world.view("Royalties", "accountOf", track.id, track.creator, model.id)
    with pytest.raises(NotFound):
        world.contracts.royalty(track.id ^ 1, price)


def test_each_track_has_an_account_of_its_own(world, model):
    accounts = {world.contracts.royalty(world.track(model).id, 0)[0] for _ in range(3)}
    assert len(accounts) == 3


def test_its_creator_says_where_the_record_lies(world, model):
    track = world.track(model)
    world.give(world.trainer, "Tracks", world.holder.address, track.id)
    there = str(Cid.of_digest(os.urandom(32)))
    with pytest.raises(NotCreator, match=str(world.holder.address)):
        world.contracts.move_track(world.holder, track.id, there)
    for cid in (there, CID, there):
        world.contracts.move_track(world.trainer, track.id, cid)
        moved = world.contracts.track(track.id)
        assert (moved.cid, moved.record, moved.owner) == (cid, track.record, world.holder.address)
    with pytest.raises(NotFound):
        world.contracts.move_track(world.trainer, 77, there)
    with pytest.raises(ArgumentRefused, match="where the record lies"):
        world.contracts.move_track(world.trainer, track.id, "somewhere")


@pytest.fixture(scope="module")
def guarded(world):
    """Contracts with a guardian, who is a contract, and a site; a model there, and its owner."""
    guardian = world.make("Guardian")
    return guardian, deploy(world.chain, world.creator, guardian, "https://example.org/")


@pytest.fixture
def elsewhere(world, guarded, monkeypatch):
    """The world with the guarded contracts in place of its own."""
    monkeypatch.setattr(world, "contracts", Contracts(world.chain, guarded[1]))
    return world


def test_the_guardian_pauses_new_mints_and_nothing_else(elsewhere, guarded):
    guardian, _ = guarded
    model = elsewhere.model()
    track = elsewhere.track(model)
    elsewhere.through(guardian, "Tracks", "pause", True)
    assert elsewhere.view("Tracks", "paused") is True
    leaf = Leaf(fresh(), fresh(), fresh())
    anchor = Anchor([leaf])
    elsewhere.contracts.anchor_tracks(elsewhere.trainer, anchor.root, 1, model.id, 0, fresh())
    voucher = Voucher(
        *(fresh(), fresh(), fresh(), model.id, 0, elsewhere.trainer.address, None, elsewhere.clock.now(), fresh())
    )
    signature = sign(voucher, elsewhere.trainer, elsewhere.chain.chain_id, elsewhere.contracts.deployment.tracks)
    for mint in (
        lambda: elsewhere.track(model),
        lambda: elsewhere.contracts.mint_by_voucher(elsewhere.holder, voucher, signature),
        lambda: elsewhere.contracts.mint_anchored(elsewhere.trainer, anchor.root, leaf, anchor.proof(0), CID),
    ):
        with pytest.raises(MintsPaused):
            mint()
    elsewhere.give(elsewhere.trainer, "Tracks", elsewhere.holder.address, track.id)
    elsewhere.contracts.move_track(elsewhere.trainer, track.id, CID)
    assert elsewhere.model(parents=[model.id])
    elsewhere.through(guardian, "Tracks", "pause", False)
    assert elsewhere.track(model)


def test_nobody_else_pauses(world, elsewhere, guarded):
    with pytest.raises(NotOwner, match=f"{elsewhere.creator.address} is not the guardian"):
        elsewhere.send(elsewhere.creator, "Tracks", "pause", True)
    assert elsewhere.view("Tracks", "paused") is False


def test_without_a_guardian_nobody_pauses(world):
    assert world.view("Tracks", "GUARDIAN").raw == bytes(20)
    for who in (world.holder, world.creator):
        with pytest.raises(NotOwner):
            world.send(who, "Tracks", "pause", True)


def test_a_guardian_is_a_contract(world):
    with pytest.raises(Reverted) as refusal:
        deploy(world.chain, world.creator, world.holder.address)
    said = world.at("Tracks")[0].error(refusal.value.data)
    assert said == ("GuardianIsNoContract", {"guardian": world.holder.address})


def test_metadata_lies_on_the_site(elsewhere, world):
    track = elsewhere.track(elsewhere.model())
    assert elsewhere.view("Tracks", "tokenURI", track.id) == f"https://example.org/tracks/{track.id}"
    with pytest.raises(NotFound):
        elsewhere.view("Tracks", "tokenURI", 77)


def test_without_a_site_there_is_no_metadata(world, model):
    assert world.view("Tracks", "tokenURI", world.track(model).id) == ""


@pytest.mark.parametrize(
    ("interface", "there"),
    [("01ffc9a7", True), ("80ac58cd", True), ("2a55205a", True), ("49064906", True), ("ffffffff", False)],
    ids=["ERC-165", "ERC-721", "ERC-2981", "ERC-4906", "none"],
)
def test_the_standards_are_named(world, interface, there):
    assert world.view("Tracks", "supportsInterface", bytes.fromhex(interface)) is there


def test_what_is_not_there_is_not_found(world):
    with pytest.raises(NotFound, match="no track 77"):
        world.contracts.track(77)
    assert world.contracts.track_by_audio(fresh()) is None
    assert world.contracts.track_by_watermark(os.urandom(8)) is None
    with pytest.raises(ArgumentRefused, match="8 bytes"):
        world.contracts.track_by_watermark(b"short")
