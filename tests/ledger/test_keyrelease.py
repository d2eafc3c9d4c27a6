"""Who gets the key: a licensee the chain confirms, by a request of their own, not altered and not old; nobody else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import canonical, signing
from ledger.address import Address
from ledger.companions import Companions
from ledger.digest import Digest
from ledger.encryption import DataKey
from ledger.envelope import Envelope
from ledger.errors import (
    DecryptionFailed,
    KeyEnded,
    LicenseMissing,
    Malformed,
    MalformedRecord,
    RequestInvalid,
    SignatureInvalid,
)
from ledger.keyrelease import MAX_REQUEST_BYTES, REQUEST_TYPE, Asset, KeyRequest, SealedKey, Standing, release
from ledger.keys import LocalSigner

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
HOLDER, CARL, EVE = (LocalSigner(bytes(31) + bytes([number])) for number in (1, 2, 3))
COMPANIONS, OTHERS = (Companions(bytes([number]) * 96) for number in (1, 2))
KEY = DataKey(bytes(range(32)))
ASSET = Asset(1337, Address(b"L" * 20), "dataset", 7, Digest(b"r" * 32))
ASKED = KeyRequest(ASSET, CARL.address, COMPANIONS.public.x25519, "2026-11-25T12:00:00Z", b"n" * 16)
SIGNED = ASKED.signed(CARL)


def standing(until: int | None = None, *, asset: Asset = ASSET, time: int = SECONDS) -> Standing:
    return Standing(asset, HOLDER.address, until, time)


def ask(data: bytes = SIGNED, said: Standing | None = None, now: datetime = NOW) -> SealedKey:
    return release(data, look=lambda asset, who: said or standing(), key=lambda asset: KEY, now=now)


def refused(data: bytes, error: type[Exception], match: str | None = None, said: Standing | None = None) -> None:
    """It is refused before anybody takes the key from where it lies."""

    def key(asset: Asset) -> DataKey:
        raise AssertionError("the key was taken")

    with pytest.raises(error, match=match):
        release(data, look=lambda asset, who: said or standing(), key=key, now=NOW)


def test_a_licensee_gets_the_key_and_nobody_else_can_open_it() -> None:
    sealed = SealedKey.from_bytes(ask().to_bytes())
    assert sealed.open(ASKED, COMPANIONS) == KEY
    with pytest.raises(DecryptionFailed):
        sealed.open(ASKED, OTHERS)
    assert KEY.reveal() not in sealed.to_bytes()
    assert KEY.reveal().hex() not in sealed.to_bytes().decode()


def test_each_answer_is_sealed_anew() -> None:
    assert ask().sealed != ask().sealed


def test_an_owner_needs_no_license() -> None:
    request = replace(ASKED, licensee=HOLDER.address)
    assert ask(request.signed(HOLDER), standing(0)).open(request, COMPANIONS) == KEY


@pytest.mark.parametrize("kind", ["dataset", "model"])
def test_no_license_no_key(kind: str) -> None:
    asset = replace(ASSET, kind=kind)
    use = {"dataset": "train", "model": "generate"}[kind]
    request = replace(ASKED, asset=asset).signed(CARL)
    refused(request, LicenseMissing, f"{kind} 7, use {use}: {CARL.address} holds no valid", standing(0, asset=asset))


@pytest.mark.parametrize(("until", "opens"), [(SECONDS + 1, True), (SECONDS, True), (SECONDS - 1, False)])
def test_a_license_ends_with_its_last_second(until: int, opens: bool) -> None:
    if opens:
        assert ask(said=standing(until)).open(ASKED, COMPANIONS) == KEY
    else:
        refused(SIGNED, LicenseMissing, "the last one ended 1 s ago", standing(until))


def test_neither_a_chain_at_rest_nor_a_slow_clock_makes_a_license_last_longer() -> None:
    refused(SIGNED, LicenseMissing, "ended 1 s ago", standing(SECONDS - 1, time=SECONDS - 10**6))
    refused(SIGNED, LicenseMissing, "ended 1 s ago", standing(SECONDS + 59, time=SECONDS + 60))


def test_a_key_that_was_revoked_opens_nothing_more() -> None:
    for signer in (CARL, HOLDER):
        request = replace(ASKED, licensee=signer.address).signed(signer)
        refused(request, KeyEnded, str(signer.address), replace(standing(), ended=True))


def test_somebody_elses_request_is_refused() -> None:
    refused(ASKED.signed(EVE), SignatureInvalid, f"no signature by {CARL.address}")
    # Eve's signature under Carl's name.
    mine = Envelope.from_bytes(ASKED.signed(EVE))
    forged = replace(mine, signatures=(replace(mine.signatures[0], keyid=str(CARL.address)),))
    refused(forged.to_bytes(), SignatureInvalid, f"belongs to {EVE.address}")
    # Carl's words with Eve's key to seal to.
    theirs = replace(ASKED, x25519=OTHERS.public.x25519)
    altered = replace(Envelope.from_bytes(SIGNED), payload=theirs.payload())
    refused(altered.to_bytes(), SignatureInvalid, "or the payload was altered")


def test_any_altered_byte_is_refused() -> None:
    for position in range(len(SIGNED)):
        for flip in (1, 0x20, 0x80):
            altered = bytearray(SIGNED)
            altered[position] ^= flip
            with pytest.raises((Malformed, SignatureInvalid)):
                ask(bytes(altered))
    for altered in (SIGNED[:-1], SIGNED + b" ", b" " + SIGNED, b"", SIGNED + SIGNED):
        refused(altered, Malformed)


def test_another_spelling_of_a_request_is_refused() -> None:
    value = json.loads(SIGNED)
    refused(json.dumps(value).encode(), Malformed, "canonical")
    refused(canonical.encode({**value, "more": "x"}), Malformed, "canonical")
    twice = {**value, "signatures": value["signatures"] * 2}
    refused(canonical.encode(twice), Malformed, "one signature")


@pytest.mark.parametrize(
    "change",
    [{"type": "urn:stemmata:track:v1"}, {"kind": "track"}, {"id": 0}, {"id": -1}, {"id": "7"}, {"chainId": 0},
     {"licenses": "0x"}, {"digest": "00"}, {"licensee": str(CARL.address).lower()}, {"x25519": "00" * 31},
     {"x25519": "zz" * 32}, {"x25519": "AA" * 32}, {"nonce": ""}, {"nonce": None}, {"created": "yesterday"},
     {"created": "2026-11-25T12:00:00+00:00"}, {"extra": 1}],
    ids=str,
)  # fmt: skip
def test_a_signed_request_that_is_none_is_named_by_its_field(change: dict[str, object]) -> None:
    payload = canonical.encode({**json.loads(ASKED.payload()), **change})
    (field,) = change
    names = {"kind": "kind", "id": "id", "chainId": "chain"}
    refused(signing.sign(payload, CARL, REQUEST_TYPE).to_bytes(), MalformedRecord, names.get(field, field))


def test_a_signature_for_anything_else_is_no_request() -> None:
    refused(signing.sign(ASKED.payload(), CARL).to_bytes(), SignatureInvalid, "signed as 'application/vnd.in-toto")


def test_a_long_request_is_not_read() -> None:
    refused(b"{" * (MAX_REQUEST_BYTES + 1), Malformed, "at most 4096 bytes")


@pytest.mark.parametrize(("seconds", "opens"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_requests_are_fresh(seconds: int, opens: bool) -> None:
    now = NOW + timedelta(seconds=seconds)
    if opens:
        assert ask(now=now).open(ASKED, COMPANIONS) == KEY
    else:
        with pytest.raises(RequestInvalid, match="made at 2026-11-25T12:00:00Z"):
            ask(now=now)


@pytest.mark.parametrize(
    "other",
    [replace(ASSET, chain_id=1), replace(ASSET, licenses=Address(b"M" * 20)), replace(ASSET, kind="model"),
     replace(ASSET, id=8), replace(ASSET, digest=Digest(b"s" * 32))],
    ids=("chain", "contract", "kind", "number", "digest"),
)  # fmt: skip
def test_a_key_is_of_one_asset_on_one_chain(other: Asset) -> None:
    refused(replace(ASKED, asset=other).signed(CARL), RequestInvalid, "the request is for")
    sealed = ask()
    with pytest.raises(RequestInvalid, match="asked for the key of"):
        sealed.open(replace(ASKED, asset=other), COMPANIONS)
    # Relabelled by whoever carries it, the envelope itself does not open.
    with pytest.raises(DecryptionFailed):
        replace(sealed, asset=other).open(replace(ASKED, asset=other), COMPANIONS)


def test_a_key_is_of_one_licensee() -> None:
    mine = replace(ASKED, licensee=EVE.address)
    with pytest.raises(RequestInvalid, match=str(EVE.address)):
        ask().open(mine, COMPANIONS)
    with pytest.raises(DecryptionFailed):
        replace(ask(), licensee=EVE.address).open(mine, COMPANIONS)


def test_any_altered_byte_of_the_answer_is_found() -> None:
    answer = ask().to_bytes()
    for position in range(len(answer)):
        altered = bytearray(answer)
        altered[position] ^= 1
        with pytest.raises((Malformed, RequestInvalid, DecryptionFailed)):
            SealedKey.from_bytes(bytes(altered)).open(ASKED, COMPANIONS)
    for altered in (answer[:-1], answer + b" ", b""):
        with pytest.raises(Malformed):
            SealedKey.from_bytes(altered)


@pytest.mark.parametrize("length", [0, 79, 81])
def test_an_answer_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(MalformedRecord, match=f"sealed: {length} bytes"):
        SealedKey.from_bytes(replace(ask(), sealed=bytes(length)).to_bytes())


@pytest.mark.parametrize("point", [bytes(32), b"\1" + bytes(31)], ids=("zero", "one"))
def test_nothing_is_sealed_to_a_key_that_everybody_has(point: bytes) -> None:
    """Points of small order (RFC 7748, section 6.1): with them the shared secret is zero, whatever the other key."""
    with pytest.raises(Malformed, match="x25519"):
        ask(replace(ASKED, x25519=point).signed(CARL))


ASSETS = st.builds(
    Asset,
    chain_id=st.integers(1, 2**53 - 1),
    licenses=st.binary(min_size=20, max_size=20).map(Address),
    kind=st.sampled_from(["dataset", "model"]),
    id=st.integers(1, 2**53 - 1),
    digest=st.binary(min_size=32, max_size=32).map(Digest),
)


@settings(deadline=None, max_examples=40)
@given(ASSETS, st.binary(min_size=32, max_size=32), st.binary(min_size=96, max_size=96))
def test_whatever_is_asked_for_comes_back(asset: Asset, secret: bytes, seed: bytes) -> None:
    companions = Companions(seed)
    request = KeyRequest.new(asset, CARL.address, companions.public.x25519, NOW)
    data = request.signed(CARL)
    assert KeyRequest.verified(data, NOW) == request
    said = Standing(asset, HOLDER.address, None, 0)
    sealed = release(data, look=lambda asked, who: said, key=lambda asked: DataKey(secret), now=NOW)
    assert SealedKey.from_bytes(sealed.to_bytes()) == sealed
    assert sealed.open(request, companions) == DataKey(secret)
