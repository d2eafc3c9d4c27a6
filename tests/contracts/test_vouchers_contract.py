"""Rules of Vouchers.sol: whoever submits its creator's signed leave mints a track, once, in time, and as signed."""

import dataclasses

import pytest
from world import CID, fresh

from ledger import voucher as vouchers
from ledger.address import Address
from ledger.errors import (
    AlreadyRegistered,
    ArgumentRefused,
    LicenseMissing,
    SignatureInvalid,
    VoucherCancelled,
)
from ledger.voucher import Voucher

HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture(scope="module")
def model(world):
    """A model that the creator may generate with."""
    model = world.model()
    world.grant(world.trainer, model, world.creator.address, ["generate"])
    return model


@pytest.fixture
def voucher(world, model) -> Voucher:
    return Voucher(
        claim=fresh(),
        audio=fresh(),
        record=fresh(),
        model=model.id,
        royalty_ppm=70_000,
        creator=world.creator.address,
        owner=None,
        deadline=world.clock.now() + 100,
        content=fresh(),
    )


def sign(world, voucher, by=None) -> bytes:
    """A signature of the creator's, or of somebody else's."""
    tracks = world.contracts.deployment.tracks
    return (by or world.creator).sign_digest(voucher.digest(world.chain.chain_id, tracks))


def submit(world, voucher, signature=None, by=None):
    return world.contracts.mint_by_voucher(by or world.holder, voucher, signature or sign(world, voucher))


def test_the_contract_asks_for_the_signature_that_we_make(world, voucher):
    for one in (voucher, dataclasses.replace(voucher, owner=world.holder.address, royalty_ppm=0, deadline=0)):
        tracks = world.contracts.deployment.tracks
        assert world.view("Tracks", "digestOf", one.arguments) == one.digest(world.chain.chain_id, tracks)
        signature = vouchers.sign(one, world.creator, world.chain.chain_id, tracks)
        assert signature == sign(world, one)


def test_whoever_submits_it_owns_the_track_and_the_creator_made_it(world, voucher):
    shop = world.person()
    track = submit(world, voucher, by=shop)
    assert (track.owner, track.creator) == (shop.address, world.creator.address)
    assert (track.claim, track.audio, track.record) == (voucher.claim, voucher.audio, voucher.record)
    assert (track.model, track.royalty_ppm) == (voucher.model, 70_000)
    assert track.id == world.contracts.track_id(world.creator.address, voucher.claim)
    assert world.contracts.track(track.id) == track


def test_an_owner_that_is_named_owns_it(world, voucher):
    owner = world.holder.address
    named = dataclasses.replace(voucher, owner=owner)
    assert submit(world, named, by=world.person()).owner == owner


def test_it_is_good_until_its_last_second(world, voucher):
    late = dataclasses.replace(voucher, claim=fresh(), audio=fresh())
    world.clock.go_to(voucher.deadline)
    assert submit(world, voucher)
    world.clock.go_to(voucher.deadline + 1)
    with pytest.raises(ArgumentRefused, match=f"time {late.deadline}"):
        submit(world, late)


def test_it_is_good_once(world, voucher):
    signature = sign(world, voucher)
    track = submit(world, voucher, signature)
    with pytest.raises(AlreadyRegistered) as refusal:
        submit(world, voucher, signature)
    assert refusal.value.id == track.id
    again = dataclasses.replace(voucher, audio=fresh(), record=fresh())
    with pytest.raises(AlreadyRegistered):
        submit(world, again)


def test_what_is_cancelled_is_void_for_its_creator_alone(world, model, voucher):
    world.contracts.cancel_vouchers(world.holder, voucher.claim)  # somebody else's claim
    world.contracts.cancel_vouchers(world.creator, voucher.claim)
    with pytest.raises(VoucherCancelled, match=str(voucher.claim)):
        submit(world, voucher)
    others = dataclasses.replace(voucher, creator=world.trainer.address)
    assert submit(world, others, sign(world, others, world.trainer))
    # Whoever cancelled may still mint without a voucher.
    assert world.contracts.mint_track(world.creator, voucher.claim, fresh(), fresh(), CID, model.id)


@pytest.mark.parametrize(
    "field", ["claim", "audio", "record", "model", "royalty_ppm", "creator", "owner", "deadline", "content"]
)
def test_each_field_is_signed(world, voucher, field):
    old = getattr(voucher, field)
    if field == "creator":
        new = world.trainer.address
    elif field == "owner":
        new = world.holder.address
    else:
        new = old + 1 if isinstance(old, int) else fresh()
    altered = dataclasses.replace(voucher, **{field: new})
    with pytest.raises(SignatureInvalid, match=str(altered.creator)):
        submit(world, altered, sign(world, voucher))


def test_only_the_creator_signs(world, voucher):
    with pytest.raises(SignatureInvalid):
        submit(world, voucher, sign(world, voucher, world.trainer))


def test_a_signature_counts_on_one_chain_and_for_one_contract(world, voucher):
    for chain_id, tracks in (
        (world.chain.chain_id + 1, world.contracts.deployment.tracks),
        (world.chain.chain_id, world.contracts.deployment.models),
    ):
        with pytest.raises(SignatureInvalid):
            submit(world, voucher, world.creator.sign_digest(voucher.digest(chain_id, tracks)))


def test_a_signature_has_one_form(world, voucher):
    good = sign(world, voucher)
    r, s, v = good[:32], int.from_bytes(good[32:64]), good[64]
    assert s <= HALF_ORDER
    mirrored = r + (ORDER - s).to_bytes(32) + bytes([55 - v])
    for bad in (mirrored, good[:64], good + b"\0", b"", bytes(65), good[:64] + bytes([v - 27])):
        with pytest.raises(SignatureInvalid):
            world.contracts.mint_by_voucher(world.holder, voucher, bad)
    assert submit(world, voucher, good)


def test_the_creator_is_licensed_and_not_who_submits(world, voucher):
    stranger = world.person()
    theirs = dataclasses.replace(voucher, creator=stranger.address)
    with pytest.raises(LicenseMissing, match=str(stranger.address)):
        submit(world, theirs, sign(world, theirs, stranger), by=world.trainer)


def test_a_wallet_signs_by_its_own_rules(world, model, voucher):
    wallet = world.make("Wallet1271", world.trainer.address)
    world.grant(world.trainer, model, wallet, ["generate"])
    theirs = dataclasses.replace(voucher, creator=wallet)
    for by in (world.creator, world.holder):
        with pytest.raises(SignatureInvalid, match=str(wallet)):
            submit(world, theirs, sign(world, theirs, by))
    with pytest.raises(SignatureInvalid, match=str(wallet)):
        world.contracts.mint_by_voucher(world.holder, theirs, b"")
    track = submit(world, theirs, sign(world, theirs, world.trainer))
    assert (track.creator, track.owner) == (wallet, world.holder.address)


def test_a_contract_that_signs_nothing_has_signed_nothing(world, model, voucher):
    for account in (world.make("Guardian"), world.make("Token"), Address(bytes(19) + b"\x04"), Address(b"\x11" * 20)):
        theirs = dataclasses.replace(voucher, creator=account)
        with pytest.raises(SignatureInvalid, match=str(account)):
            submit(world, theirs, sign(world, theirs, world.trainer))


def test_a_wallet_cancels_as_well(world, voucher):
    wallet = world.make("Wallet1271", world.trainer.address)
    theirs = dataclasses.replace(voucher, creator=wallet)
    world.through(wallet, "Tracks", "cancelVouchers", voucher.claim)
    with pytest.raises(VoucherCancelled):
        submit(world, theirs, sign(world, theirs, world.trainer))
