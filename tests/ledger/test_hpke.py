"""The envelopes against another implementation of RFC 9180, which first has to give the RFC's own vectors."""

import hmac
import json
import os

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.companions import Companions, seal
from ledger.errors import DecryptionFailed

KEM = b"KEM" + (0x0020).to_bytes(2, "big")
KEY_BYTES = {1: 16, 2: 32}  # by AEAD: AES-128-GCM, AES-256-GCM
AES_256 = 2


def extract(salt, secret):
    return hmac.digest(salt or bytes(32), secret, "sha256")


def expand(key, info, length):
    """RFC 5869, for as much as two blocks."""
    first = hmac.digest(key, info + b"\1", "sha256")
    return (first + hmac.digest(key, first + info + b"\2", "sha256"))[:length]


def labeled_extract(suite, salt, label, secret):
    return extract(salt, b"HPKE-v1" + suite + label + secret)


def labeled_expand(suite, key, label, info, length):
    return expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def shared(private, public, context):
    """DHKEM's ExtractAndExpand, section 4.1."""
    secret = X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))
    return labeled_expand(KEM, labeled_extract(KEM, b"", b"eae_prk", secret), b"shared_secret", context, 32)


def schedule(secret, info, aead):
    """Key and nonce of the base mode, section 5.1."""
    suite = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x0020, 1, aead))
    hashes = (labeled_extract(suite, b"", label, text) for label, text in ((b"psk_id_hash", b""), (b"info_hash", info)))
    context = b"\0" + b"".join(hashes)
    key = labeled_extract(suite, secret, b"secret", b"")
    return (
        labeled_expand(suite, key, b"key", context, KEY_BYTES[aead]),
        labeled_expand(suite, key, b"base_nonce", context, 12),
    )


def public(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def open_by_the_rfc(private, sealed, info):
    enc, ciphertext = sealed[:32], sealed[32:]
    key, nonce = schedule(shared(private, enc, enc + public(private)), info, AES_256)
    return AESGCM(key).decrypt(nonce, ciphertext, b"")


def seal_by_the_rfc(recipient, secret, info):
    ephemeral = os.urandom(32)
    enc = public(ephemeral)
    key, nonce = schedule(shared(ephemeral, recipient, enc + recipient), info, AES_256)
    return enc + AESGCM(key).encrypt(nonce, secret, b"")


@pytest.mark.parametrize("number", [0, 1])
def test_the_other_implementation_gives_the_vectors_of_the_rfc(vectors, number):
    vector = json.loads((vectors / "hpke.json").read_text())["vectors"][number]
    encryption, aead = vector.pop("encryption"), vector.pop("aead_id")
    parts = {name: bytes.fromhex(text) for name, text in vector.items()}
    secret = shared(parts["skEm"], parts["pkRm"], parts["enc"] + parts["pkRm"])
    assert secret == shared(parts["skRm"], parts["enc"], parts["enc"] + parts["pkRm"]) == parts["shared_secret"]
    key, nonce = schedule(secret, parts["info"], aead)
    assert (key, nonce) == (parts["key"], parts["base_nonce"])
    said = {name: bytes.fromhex(encryption[name]) for name in ("nonce", "aad", "pt", "ct")}
    assert said["nonce"] == nonce  # of the first message
    assert AESGCM(key).encrypt(nonce, said["pt"], said["aad"]) == said["ct"]


@settings(deadline=None, max_examples=25)
@given(st.binary(min_size=96, max_size=96), st.binary(max_size=100), st.binary(max_size=200))
def test_both_open_what_either_sealed(seed, secret, purpose):
    companions = Companions(seed)
    x25519 = companions.public.x25519
    assert open_by_the_rfc(seed[32:64], seal(x25519, secret, purpose), purpose) == secret
    assert companions.open(seal_by_the_rfc(x25519, secret, purpose), purpose) == secret


def test_every_altered_byte_another_purpose_and_another_key_are_found():
    companions = Companions(bytes(range(96)))
    sealed = companions.public.seal(b"secret", b"purpose")
    for position in range(len(sealed)):
        altered = bytearray(sealed)
        altered[position] ^= 1
        with pytest.raises(DecryptionFailed):
            companions.open(bytes(altered), b"purpose")
    for cut in range(len(sealed)):
        with pytest.raises(DecryptionFailed):
            companions.open(sealed[:cut], b"purpose")
    for purpose in (b"", b"purpos", b"purpose\0"):
        with pytest.raises(DecryptionFailed):
            companions.open(sealed, purpose)
    with pytest.raises(DecryptionFailed):
        Companions(bytes(96)).open(sealed, b"purpose")
