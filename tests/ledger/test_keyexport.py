"""Exported keys: carried to another home, damaged on the way, and keys that other wallets made."""

import json
import os
import stat
from pathlib import Path

import pytest

from ledger.errors import BadKeyName, KeyDamaged, KeyExists, KeyFault, KeyNotFound, WrongPassphrase
from ledger.keyexport import KeyExport
from ledger.keys import Keystore

QUICK = 2


@pytest.fixture
def store(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "keys")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "elsewhere")


@pytest.fixture
def exported(store: Keystore, tmp_path: Path) -> Path:
    store.new("ana", "secret", scrypt_n=QUICK)
    path = tmp_path / "ana.key"
    KeyExport(*store.files("ana")).write(path)
    return path


@pytest.fixture(scope="module")
def known(vectors: Path) -> dict:
    return json.loads((vectors / "web3_secret_storage.json").read_text())


def test_a_key_comes_out_elsewhere_as_it_went_in(store: Keystore, elsewhere: Keystore, exported: Path) -> None:
    address = elsewhere.add("anna", KeyExport.read(exported), "secret", scrypt_n=QUICK)
    here, there = store.unlock("ana", "secret"), elsewhere.unlock("anna", "secret")
    assert here.address == there.address == address
    assert here.companions is not None
    assert there.companions is not None
    assert here.companions.reveal() == there.companions.reveal()
    assert here.sign_digest(bytes(32)) == there.sign_digest(bytes(32))


def test_an_export_is_its_owners_alone_and_overwrites_nothing(store: Keystore, exported: Path) -> None:
    assert stat.S_IMODE(exported.stat().st_mode) == 0o600
    before = exported.read_bytes()
    with pytest.raises(FileExistsError):
        KeyExport(*store.files("ana")).write(exported)
    assert exported.read_bytes() == before
    signer = store.unlock("ana", "secret")
    assert signer.companions is not None
    for part in (signer._key.secret, signer.companions.reveal()[:32], signer.companions.reveal()[64:]):  # type: ignore[attr-defined]
        assert part.hex().encode() not in before


def test_a_wrong_passphrase_takes_nothing_in(elsewhere: Keystore, exported: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongPassphrase, match=r"ana\.key") as caught:
        elsewhere.add("anna", KeyExport.read(exported), "guess", scrypt_n=QUICK)
    assert "guess" not in str(caught.value)
    assert elsewhere.names() == ()
    assert not (tmp_path / "elsewhere").exists()


def test_every_changed_byte_of_an_export_is_noticed(exported: Path, tmp_path: Path) -> None:
    whole = exported.read_bytes()
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 0x20 if chr(content[place]).isalpha() else 0x01  # a letter's case, or a bit
        with pytest.raises(KeyDamaged, match=r"ana\.key"):
            found = KeyExport.of(exported, bytes(content))
            Keystore(tmp_path / "elsewhere").add("anna", found, "secret", scrypt_n=QUICK)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format":"stemmata key export"}', b"\xff", b" " * 70_000])
def test_a_file_that_is_no_export(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.key").write_bytes(content)
    with pytest.raises(KeyDamaged, match=r"a\.key"):
        KeyExport.read(tmp_path / "a.key")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.key", tmp_path):
        with pytest.raises(KeyNotFound, match=path.name):
            KeyExport.read(path)


def test_companions_of_another_key_do_not_come_in_with_this_one(store: Keystore, elsewhere: Keystore) -> None:
    for name in ("ana", "ben"):
        store.new(name, "secret", scrypt_n=QUICK)
    mixed = KeyExport(store.files("ana")[0], store.files("ben")[1])
    with pytest.raises(KeyDamaged, match="companion keys of"):
        elsewhere.add("anna", mixed, "secret", scrypt_n=QUICK)
    assert elsewhere.names() == ()


@pytest.mark.parametrize("stated", [True, False])
def test_a_key_of_another_wallet(known: dict, elsewhere: Keystore, tmp_path: Path, stated: bool) -> None:
    path = tmp_path / "UTC--wallet"
    path.write_text(json.dumps(known["pbkdf2"] | ({"address": known["address"]} if stated else {})))
    address = elsewhere.add("wiki", KeyExport.read(path), known["password"], scrypt_n=QUICK)
    assert address.raw.hex() == known["address"]
    signer = elsewhere.unlock("wiki", known["password"])
    assert (signer.address, elsewhere.address("wiki")) == (address, address)
    assert signer.companions is not None
    assert elsewhere.card("wiki").public == signer.companions.public


def test_a_wallets_file_that_states_another_address(known: dict, elsewhere: Keystore, tmp_path: Path) -> None:
    path = tmp_path / "wallet.json"
    path.write_text(json.dumps(known["pbkdf2"] | {"address": "00" * 20}))
    with pytest.raises(KeyDamaged, match=r"wallet\.json states the address"):
        elsewhere.add("wiki", KeyExport.read(path), known["password"], scrypt_n=QUICK)
    assert elsewhere.names() == ()


def test_names_are_neither_overwritten_nor_odd(store: Keystore, exported: Path) -> None:
    found = KeyExport.read(exported)
    before = store.files("ana")
    with pytest.raises(KeyExists):
        store.add("ana", found, "secret", scrypt_n=QUICK)
    for name in ("../ana", "ana.companions"):
        with pytest.raises(BadKeyName):
            store.add(name, found, "secret", scrypt_n=QUICK)
    assert store.files("ana") == before


@pytest.mark.parametrize("written", [0, 1])
def test_a_kill_while_a_key_is_taken_in_loses_no_companions(
    store: Keystore, elsewhere: Keystore, exported: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    link, left = os.link, [None] * written

    def until_killed(*arguments: object) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        link(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", until_killed)
        with pytest.raises(KeyboardInterrupt):
            elsewhere.add("anna", KeyExport.read(exported), "secret", scrypt_n=QUICK)
    assert elsewhere.names() == ()
    elsewhere.add("anna", KeyExport.read(exported), "secret", scrypt_n=QUICK)
    elsewhere.unlock("anna", "secret")
    assert elsewhere.card("anna").fingerprint == store.card("ana").fingerprint


def test_every_fault_is_a_key_fault(exported: Path, elsewhere: Keystore) -> None:
    with pytest.raises(KeyFault, match="empty"):
        elsewhere.add("anna", KeyExport.read(exported), "", scrypt_n=QUICK)


def test_other_companions_of_the_same_key_are_not_overwritten(
    elsewhere: Keystore, exported: Path, tmp_path: Path
) -> None:
    found = KeyExport.read(exported)
    elsewhere.add("anna", KeyExport(found.key, None), "secret", scrypt_n=QUICK)
    (tmp_path / "elsewhere" / "anna.json").unlink()
    before = (tmp_path / "elsewhere" / "anna.companions.json").read_bytes()
    with pytest.raises(KeyExists, match="other companion keys"):
        elsewhere.add("anna", found, "secret", scrypt_n=QUICK)
    assert (tmp_path / "elsewhere" / "anna.companions.json").read_bytes() == before
