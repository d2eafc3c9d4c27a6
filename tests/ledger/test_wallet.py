"""A signer whose key is in somebody's wallet: what it signs is checked, and what it cannot do it says."""

import json
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.address import Address
from ledger.chain import Chain
from ledger.errors import KeyDamaged, KeyExists, KeyUnreachable, KeyWithheld, Malformed, Refused, SignatureInvalid
from ledger.keys import Keystore
from ledger.signer import LocalSigner
from ledger.signing import sign, verify
from ledger.wallet import WalletKey, WalletSigner

OWNER, STRANGER = LocalSigner(bytes([1] * 32)), LocalSigner(bytes([2] * 32))


@dataclass
class Person:
    """Somebody with a wallet, who does what they are asked, or something else."""

    key: LocalSigner
    change: Callable[[bytes], bytes] = lambda signature: signature

    def sign(self, message: bytes) -> bytes:
        return self.change(self.key.sign_message(message))

    def send(self, chain_id: int, to: Address | None, data: bytes, value: int, gas: int) -> str:
        raise AssertionError("nobody should have asked")


def signer(person: Person) -> WalletSigner:
    return WalletSigner(OWNER.address).by(person)


@settings(deadline=None, max_examples=20)
@given(st.binary(max_size=200))
def test_a_record_that_a_wallet_signed_is_as_good_as_any(payload: bytes) -> None:
    envelope = sign(payload, signer(Person(OWNER)))
    assert envelope == sign(payload, OWNER)
    verify(envelope, OWNER.address)


def test_both_ways_to_count_v_are_understood() -> None:
    hardware = Person(OWNER, lambda signature: signature[:64] + bytes([signature[64] - 27]))
    assert signer(hardware).sign_message(b"m") == OWNER.sign_message(b"m")


@pytest.mark.parametrize(
    "person",
    [
        Person(STRANGER),
        Person(OWNER, lambda signature: signature[:-1]),
        Person(OWNER, lambda signature: signature[:64] + b"\x05"),
        Person(OWNER, lambda signature: bytes([signature[0] ^ 1]) + signature[1:]),
        Person(OWNER, lambda signature: b""),
    ],
    ids=["another account", "short", "v", "flipped", "nothing"],
)
def test_what_is_no_signature_by_the_account_is_not_taken(person: Person) -> None:
    with pytest.raises(SignatureInvalid):
        signer(person).sign_message(b"what is signed")


def test_it_signs_nothing_that_cannot_be_read() -> None:
    with pytest.raises(KeyWithheld, match="no bare digests"):
        signer(Person(OWNER)).sign_digest(bytes(32))
    with pytest.raises(KeyWithheld, match="hands none out"):
        signer(Person(OWNER)).sign_transaction({})


def test_without_anybody_to_ask_it_says_so_and_never_travels() -> None:
    alone = WalletSigner(OWNER.address)
    with pytest.raises(KeyUnreachable, match="nobody is there"):
        alone.sign_message(b"m")
    with pytest.raises(TypeError):
        pickle.dumps(alone)
    assert repr(alone) == f"WalletSigner({OWNER.address})"


def test_a_wallets_entry_in_a_keystore_has_companions_and_no_secret(tmp_path: Path) -> None:
    keys = Keystore(tmp_path)
    place = WalletKey(str(OWNER.address))
    assert keys.adopt("mine", place, "word", scrypt_n=2**12) == OWNER.address
    keys.adopt("mine", place, "word", scrypt_n=2**12)  # again changes nothing
    with pytest.raises(KeyExists):
        keys.adopt("mine", WalletKey(str(STRANGER.address)), "word", scrypt_n=2**12)
    assert set(json.loads((tmp_path / "mine.json").read_text())) == {"kind", "version", "address", "account"}
    opened = Keystore(tmp_path).unlock("mine", "word")
    assert isinstance(opened, WalletSigner)
    assert opened.companions is not None
    envelope = sign(b"payload", opened.by(Person(OWNER)))
    verify(envelope, OWNER.address)
    assert len(envelope.signatures) == 2


def test_files_of_keys_are_read_once_however_often_a_stranger_is_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, read, listed = Keystore(tmp_path), [], []
    keys.adopt("mine", WalletKey(str(OWNER.address)), "word", scrypt_n=2**12)
    assert keys.name_of(OWNER.address) == "mine"
    status = tmp_path.stat()
    keys.adopt("a", WalletKey(str(STRANGER.address)), "word", scrypt_n=2**12)
    os.utime(tmp_path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as if at once, within a grain of the clock
    assert keys.name_of(STRANGER.address) == "a"
    address, names = keys.address, keys.names
    monkeypatch.setattr(keys, "names", lambda: listed.append(1) or names())
    monkeypatch.setattr(keys, "address", lambda name: read.append(name) or address(name))
    os.utime(tmp_path, (10**9, 10**9))
    assert [keys.name_of(Address(bytes([n] * 20))) for n in range(50)] == [None] * 50
    assert len(listed) == 1
    keys.rename("a", "b")
    assert keys.name_of(STRANGER.address) == "b"
    assert keys.name_of(OWNER.address) == "mine"
    assert read == ["b"]
    (tmp_path / "b.json").unlink()
    assert keys.name_of(STRANGER.address) is None


@pytest.mark.parametrize("account", ["", "0x12", "0x" + "zz" * 20])
def test_an_entry_for_no_account_is_damaged(tmp_path: Path, account: str) -> None:
    with pytest.raises(Malformed):
        WalletKey(account)
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"kind": "wallet", "version": 1, "address": str(OWNER.address), "account": account}))
    with pytest.raises(KeyDamaged):
        Keystore(tmp_path).unlock("mine", "word", companions=False)


def test_no_wallet_reaches_the_embedded_chain(tmp_path: Path) -> None:
    with Chain.open_embedded(tmp_path) as chain:
        chain.fund(OWNER.address, 10**18)
        with pytest.raises(Refused, match="embedded"):
            chain.transact(signer(Person(OWNER)), STRANGER.address, b"", value=1)
        assert chain.balance(STRANGER.address) == 0


def test_a_chain_says_what_was_sent_under_a_hash(tmp_path: Path) -> None:
    with Chain.open_embedded(tmp_path) as chain:
        chain.fund(OWNER.address, 10**18)
        receipt = chain.transact(OWNER, STRANGER.address, b"\x01\x02", value=3)
        sent = chain._network.sent(receipt.tx)
        assert sent is not None
        assert (sent.account, sent.nonce, sent.to, sent.data, sent.value) == (
            OWNER.address,
            0,
            STRANGER.address,
            b"\x01\x02",
            3,
        )
        assert chain._network.sent("0x" + "00" * 32) is None
