"""Rules of Tracks.sol: who may mint, and that claim, file and watermark lead to one track."""

import os

import pytest
from world import CID, fresh

from ledger.digest import Digest
from ledger.errors import AlreadyRegistered, ArgumentRefused, LicenseMissing, NotFound


@pytest.fixture(scope="module")
def model(world):
    return world.model()


def test_a_track_is_found_by_token_file_and_watermark(world, model):
    claim, audio, record = fresh(), fresh(), fresh()
    track = world.contracts.mint_track(world.trainer, claim, audio, record, CID, model.id)
    assert track.id == int.from_bytes(claim.raw)
    assert (track.claim, track.audio, track.record, track.cid) == (claim, audio, record, CID)
    assert (track.model, track.time) == (model.id, int(world.clock.now))
    assert track.creator == track.owner == world.trainer.address
    assert world.contracts.track(track.id) == track
    assert world.contracts.track_by_audio(audio) == track
    assert world.contracts.track_by_watermark(claim.raw[:8]) == track
    assert world.contracts.tracks()[-1] == track


def test_minting_without_a_license_reverts_in_the_contract(world, model):
    stranger = world.person()
    claim = fresh()
    expected = f"model {model.id}, use generate, creator {stranger.address}"
    with pytest.raises(LicenseMissing, match=expected):
        world.contracts.mint_track(stranger, claim, fresh(), fresh(), CID, model.id)
    world.contracts.grant_license(
        world.trainer, "model", model.id, stranger.address, ["commercial"], None, fresh(), CID
    )
    with pytest.raises(LicenseMissing, match=expected):
        world.contracts.mint_track(stranger, claim, fresh(), fresh(), CID, model.id)
    world.contracts.grant_license(world.trainer, "model", model.id, stranger.address, ["generate"], None, fresh(), CID)
    assert world.contracts.mint_track(stranger, claim, fresh(), fresh(), CID, model.id).creator == stranger.address


def test_a_license_of_the_dataset_is_none_of_the_model(world, model):
    with pytest.raises(LicenseMissing):
        world.contracts.mint_track(world.holder, fresh(), fresh(), fresh(), CID, model.id)


def test_claim_audio_and_watermark_are_minted_once(world, model):
    claim, audio = fresh(), fresh()
    track = world.contracts.mint_track(world.trainer, claim, audio, fresh(), CID, model.id)
    same_mark = Digest(claim.raw[:8] + os.urandom(24))
    for again, file, word in ((claim, fresh(), "claim"), (same_mark, fresh(), "watermark"), (fresh(), audio, "audio")):
        with pytest.raises(AlreadyRegistered, match=f"^{word} ") as refusal:
            world.contracts.mint_track(world.trainer, again, file, fresh(), CID, model.id)
        assert refusal.value.id == track.id


def test_zero_digests_are_refused(world, model):
    for position in range(3):
        digests = [fresh(), fresh(), fresh()]
        digests[position] = Digest(bytes(32))
        with pytest.raises(ArgumentRefused, match="zero bytes"):
            world.contracts.mint_track(world.trainer, *digests, CID, model.id)


def test_a_model_that_does_not_exist_generates_nothing(world):
    with pytest.raises(LicenseMissing, match="model 1000000"):
        world.contracts.mint_track(world.trainer, fresh(), fresh(), fresh(), CID, 10**6)


def test_what_is_not_there_is_not_found(world):
    with pytest.raises(NotFound, match="no track 77"):
        world.contracts.track(77)
    assert world.contracts.track_by_audio(fresh()) is None
    assert world.contracts.track_by_watermark(os.urandom(8)) is None
    with pytest.raises(ArgumentRefused, match="8 bytes"):
        world.contracts.track_by_watermark(b"short")
