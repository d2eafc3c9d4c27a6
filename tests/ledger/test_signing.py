"""Signatures: known ones of other implementations, and every way in which one can be wrong."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import signing
from ledger.address import Address
from ledger.companions import Companions
from ledger.digest import Digest
from ledger.envelope import Envelope, Signature
from ledger.errors import Malformed, SignatureInvalid
from ledger.keys import LocalSigner, Signer

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ANA = LocalSigner(bytes(31) + b"\x01")
BEN = LocalSigner(bytes(31) + b"\x02")
PAYLOAD = b'{"fact":1}'


def with_signature(sig: bytes, keyid: str | None = None) -> Envelope:
    return Envelope(PAYLOAD, signing.PAYLOAD_TYPE, (Signature(keyid or str(ANA.address), sig),))


@pytest.fixture(scope="module")
def known(vectors: Path) -> dict:
    return json.loads((vectors / "secp256k1_signatures.json").read_text())


def test_nonces_follow_rfc_6979(known: dict) -> None:
    for case in known["rfc6979"]:
        signature = LocalSigner(bytes.fromhex(case["key"])).sign_digest(
            hashlib.sha256(case["message"].encode()).digest()
        )
        assert signature[:64].hex() == case["signature"]


def test_personal_messages_of_other_libraries(known: dict) -> None:
    for case in known["eip191"]:
        signer = LocalSigner(bytes.fromhex(case["key"]))
        digest = signing.personal_digest(case["message"].encode())
        signature = signer.sign_digest(digest)
        assert digest.hex() == case["digest"]
        assert signature.hex() == case["signature"]
        assert str(signer.address) == case["address"]
        assert signing.recover(digest, signature) == Address.parse(case["address"])


def test_eth_account_recovers_our_signer() -> None:
    from eth_account import Account
    from eth_account.messages import encode_defunct

    envelope = signing.sign(PAYLOAD, ANA)
    message = encode_defunct(primitive=envelope.pae)
    assert Account.recover_message(message, signature=envelope.signatures[0].sig) == str(ANA.address)


@given(st.binary(max_size=300), st.integers(1, ORDER - 1))
def test_what_is_signed_verifies_for_the_signer_alone(payload: bytes, secret: int) -> None:
    signer = LocalSigner(secret.to_bytes(32, "big"))
    envelope = Envelope.from_bytes(signing.sign(payload, signer).to_bytes())
    signing.verify(envelope, signer.address)
    assert envelope == signing.sign(payload, signer)
    other = ANA if signer.address != ANA.address else BEN
    with pytest.raises(SignatureInvalid, match="no signature by"):
        signing.verify(envelope, other.address)


@given(st.integers(0, 65 * 8 - 1))
def test_any_flipped_bit_of_a_signature_is_noticed(bit: int) -> None:
    sig = bytearray(signing.sign(PAYLOAD, ANA).signatures[0].sig)
    sig[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SignatureInvalid):
        signing.verify(with_signature(bytes(sig)), ANA.address)


@given(st.integers(0, len(PAYLOAD) * 8 - 1))
def test_any_flipped_bit_of_the_payload_is_noticed(bit: int) -> None:
    payload = bytearray(PAYLOAD)
    payload[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SignatureInvalid):
        signing.verify(replace(signing.sign(PAYLOAD, ANA), payload=bytes(payload)), ANA.address)


def test_the_payload_type_is_signed_too() -> None:
    envelope = replace(signing.sign(PAYLOAD, ANA, "text/plain"), payload_type=signing.PAYLOAD_TYPE)
    with pytest.raises(SignatureInvalid, match="belongs to"):
        signing.verify(envelope, ANA.address)


def test_a_good_signature_for_another_payload_type_does_not_count() -> None:
    with pytest.raises(SignatureInvalid, match="text/plain"):
        signing.verify(signing.sign(PAYLOAD, ANA, "text/plain"), ANA.address)


def test_somebody_elses_signature_under_ones_key_id() -> None:
    forged = with_signature(signing.sign(PAYLOAD, BEN).signatures[0].sig)
    with pytest.raises(SignatureInvalid, match=str(BEN.address)):
        signing.verify(forged, ANA.address)


@pytest.mark.parametrize("keyid", [str(BEN.address), str(ANA.address).lower(), "someone"])
def test_a_wrong_key_id(keyid: str) -> None:
    sig = signing.sign(PAYLOAD, ANA).signatures[0].sig
    with pytest.raises(SignatureInvalid, match="no signature by"):
        signing.verify(with_signature(sig, keyid), ANA.address)


def test_the_malleable_twin_of_a_good_signature_is_refused() -> None:
    sig = signing.sign(PAYLOAD, ANA).signatures[0].sig
    s = int.from_bytes(sig[32:64], "big")
    twin = sig[:32] + (ORDER - s).to_bytes(32, "big") + bytes([55 - sig[64]])
    with pytest.raises(SignatureInvalid, match="malleable"):
        signing.verify(with_signature(twin), ANA.address)


@pytest.mark.parametrize("v", [0, 1, 26, 29, 30, 37, 38, 255])
def test_other_recovery_bytes_are_refused(v: int) -> None:
    sig = signing.sign(PAYLOAD, ANA).signatures[0].sig
    with pytest.raises(SignatureInvalid, match="27 or 28"):
        signing.verify(with_signature(sig[:64] + bytes([v])), ANA.address)


@pytest.mark.parametrize("size", [1, 64, 66, 130])
def test_other_lengths_are_refused(size: int) -> None:
    sig = (signing.sign(PAYLOAD, ANA).signatures[0].sig * 2)[:size]
    with pytest.raises(SignatureInvalid, match="65 bytes"):
        signing.verify(with_signature(sig), ANA.address)


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (ORDER, 1), (1, ORDER), (2**256 - 1, 1)])
def test_numbers_out_of_range_are_refused(r: int, s: int) -> None:
    sig = r.to_bytes(32, "big") + s.to_bytes(32, "big") + b"\x1b"
    with pytest.raises(SignatureInvalid, match="out of range"):
        signing.verify(with_signature(sig), ANA.address)


def test_an_r_that_no_point_has_is_refused() -> None:
    # 5**3 + 7 is no square modulo the prime of secp256k1.
    sig = (5).to_bytes(32, "big") + (1).to_bytes(32, "big") + b"\x1b"
    with pytest.raises(SignatureInvalid, match="not on the curve"):
        signing.verify(with_signature(sig), ANA.address)


def test_several_may_sign() -> None:
    envelope = signing.countersign(signing.sign(PAYLOAD, ANA), BEN)
    envelope = Envelope.from_bytes(envelope.to_bytes())
    assert [one.keyid for one in envelope.signatures] == [str(ANA.address), str(BEN.address)]
    signing.verify(envelope, ANA.address)
    signing.verify(envelope, BEN.address)


def test_one_good_signature_among_bad_ones_is_enough() -> None:
    good = signing.sign(PAYLOAD, ANA).signatures[0]
    bad = Signature(good.keyid, bytes(65))
    signing.verify(Envelope(PAYLOAD, signing.PAYLOAD_TYPE, (bad, good)), ANA.address)
    with pytest.raises(SignatureInvalid):
        signing.verify(Envelope(PAYLOAD, signing.PAYLOAD_TYPE, (bad, bad)), ANA.address)


def test_only_digests_are_signed() -> None:
    with pytest.raises(Malformed, match="32 bytes"):
        ANA.sign_digest(b"short")


@pytest.mark.parametrize("secret", [b"", bytes(32), bytes(31), b"\xff" * 32, ORDER.to_bytes(32, "big")])
def test_what_is_no_private_key_is_refused_without_showing_it(secret: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        LocalSigner(secret)
    assert not secret or secret.hex() not in str(caught.value)


TRANSACTION = {
    "chainId": 61,
    "nonce": 0,
    "to": str(BEN.address),
    "value": 5,
    "gas": 21000,
    "maxFeePerGas": 10,
    "maxPriorityFeePerGas": 1,
    "data": b"",
}


def test_a_signed_transaction_comes_from_the_signer() -> None:
    from eth_account import Account

    signer: Signer = ANA
    raw = signer.sign_transaction(TRANSACTION)
    assert raw[0] == 2
    assert Account.recover_transaction(raw) == str(ANA.address)


def test_a_transaction_that_lacks_a_field_is_refused_by_name() -> None:
    transaction = {name: value for name, value in TRANSACTION.items() if name != "gas"}
    with pytest.raises(Malformed, match="gas") as caught:
        ANA.sign_transaction(transaction)
    assert (bytes(31) + b"\x01").hex() not in str(caught.value)


# -- co-signatures

COMPANIONS = Companions(bytes(range(96)))
CARL = LocalSigner(bytes(31) + b"\x03", COMPANIONS)
OTHERS = Companions(bytes(96)).public


def test_a_signer_with_companions_signs_twice_over_the_same_bytes() -> None:
    envelope = Envelope.from_bytes(signing.sign(PAYLOAD, CARL).to_bytes())
    first, second = envelope.signatures
    assert first == signing.sign(PAYLOAD, LocalSigner(bytes(31) + b"\x03")).signatures[0]
    assert second.keyid == COMPANIONS.public.keyid == f"ml-dsa-65:{Digest.of(COMPANIONS.public.ml_dsa_65)}"
    COMPANIONS.public.verify(envelope.pae, second.sig)
    signing.verify(envelope, CARL.address)
    assert signing.cosignature(envelope, COMPANIONS.public)


def test_no_cosignature_is_no_fault() -> None:
    envelope = signing.sign(PAYLOAD, ANA)
    assert not signing.cosignature(envelope, COMPANIONS.public)
    assert not signing.cosignature(signing.sign(PAYLOAD, CARL), OTHERS)


def test_a_countersignature_brings_its_cosignature() -> None:
    envelope = signing.countersign(signing.sign(PAYLOAD, ANA), CARL)
    assert len(envelope.signatures) == 3
    signing.verify(envelope, ANA.address)
    assert signing.cosignature(envelope, COMPANIONS.public)


@given(st.integers(0, 3309 * 8 - 1))
def test_any_flipped_bit_of_a_cosignature_is_noticed(bit: int) -> None:
    ecdsa, good = signing.sign(PAYLOAD, CARL).signatures
    sig = bytearray(good.sig)
    sig[bit // 8] ^= 1 << bit % 8
    envelope = Envelope(PAYLOAD, signing.PAYLOAD_TYPE, (ecdsa, Signature(good.keyid, bytes(sig))))
    with pytest.raises(SignatureInvalid, match="co-signature"):
        signing.cosignature(envelope, COMPANIONS.public)
    signing.verify(envelope, CARL.address)  # hybrid: valid if the ECDSA is


@pytest.mark.parametrize("change", [{"payload": b'{"fact":2}'}, {"payload_type": "text/plain"}])
def test_a_cosignature_covers_payload_and_type(change: dict) -> None:
    envelope = replace(signing.sign(PAYLOAD, CARL), **change)
    with pytest.raises(SignatureInvalid):
        signing.cosignature(envelope, COMPANIONS.public, change.get("payload_type", signing.PAYLOAD_TYPE))
    with pytest.raises(SignatureInvalid):
        signing.cosignature(envelope, COMPANIONS.public)


def test_somebody_elses_cosignature_under_ones_key_id() -> None:
    ecdsa, good = signing.sign(PAYLOAD, CARL).signatures
    forged = Envelope(PAYLOAD, signing.PAYLOAD_TYPE, (ecdsa, Signature(OTHERS.keyid, good.sig)))
    with pytest.raises(SignatureInvalid, match=OTHERS.keyid):
        signing.cosignature(forged, OTHERS)


def test_one_good_cosignature_among_bad_ones_is_enough() -> None:
    ecdsa, good = signing.sign(PAYLOAD, CARL).signatures
    bad = Signature(good.keyid, bytes(3309))
    assert signing.cosignature(Envelope(PAYLOAD, signing.PAYLOAD_TYPE, (ecdsa, bad, good)), COMPANIONS.public)
