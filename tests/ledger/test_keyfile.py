"""Key files: those of other wallets, ours in another's hands, and altered or damaged ones."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.errors import KeyDamaged, WrongPassphrase
from ledger.keyfile import SCRYPT_N, KeyFile
from ledger.keys import Keystore, LocalSigner

QUICK = 2
"""scrypt's n: no protection at all, but quick."""


@pytest.fixture
def store(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "keys")


@pytest.fixture(scope="module")
def known(vectors: Path) -> dict:
    return json.loads((vectors / "web3_secret_storage.json").read_text())


def alter(path: Path, change: Callable[[dict], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def flip(text: str) -> str:
    return ("0" if text[0] != "0" else "1") + text[1:]


@pytest.mark.parametrize("kdf", ["scrypt", "pbkdf2"])
def test_the_test_vectors_of_the_format(known: dict, kdf: str, tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "wiki.json", json.dumps(known[kdf]).encode())
    assert file.decrypt(known["password"].encode()).hex() == known["secret"]


def test_a_key_made_elsewhere_can_be_put_into_the_folder(known: dict, tmp_path: Path) -> None:
    (tmp_path / "wiki.json").write_text(json.dumps(known["pbkdf2"] | {"address": known["address"]}))
    store = Keystore(tmp_path)
    assert store.names() == ("wiki",)
    assert store.unlock("wiki", known["password"]).address == store.address("wiki")
    assert str(store.address("wiki")) == "0x008AeEda4D805471dF9b2A5B0f38A0C3bCBA786b"


def test_eth_account_opens_our_files(store: Keystore, tmp_path: Path) -> None:
    from eth_account import Account

    address = store.new("ana", "pässword ключ", scrypt_n=QUICK)
    document = json.loads((tmp_path / "keys" / "ana.json").read_text())
    assert document["version"] == 3
    assert document["crypto"]["kdf"] == "scrypt"
    assert document["crypto"]["kdfparams"]["n"] == QUICK
    secret = Account.decrypt(document, "pässword ключ")
    assert LocalSigner(bytes(secret)).address == address


def test_the_default_cost_is_that_of_wallets() -> None:
    assert SCRYPT_N == 262144
    assert Keystore.new.__kwdefaults__ == {"scrypt_n": SCRYPT_N}


ALTERATIONS: dict[str, Callable[[dict], object]] = {
    "ciphertext": lambda d: d["crypto"].update(ciphertext=flip(d["crypto"]["ciphertext"])),
    "mac": lambda d: d["crypto"].update(mac=flip(d["crypto"]["mac"])),
    "salt": lambda d: d["crypto"]["kdfparams"].update(salt=flip(d["crypto"]["kdfparams"]["salt"])),
    "cost": lambda d: d["crypto"]["kdfparams"].update(n=4),
    "iv": lambda d: d["crypto"]["cipherparams"].update(iv=flip(d["crypto"]["cipherparams"]["iv"])),
    "address": lambda d: d.update(address="00" * 20),
}
DAMAGES: dict[str, Callable[[dict], object]] = {
    "no address": lambda d: d.pop("address"),
    "address of another length": lambda d: d.update(address="00"),
    "no crypto": lambda d: d.pop("crypto"),
    "crypto no object": lambda d: d.update(crypto=[]),
    "no mac": lambda d: d["crypto"].pop("mac"),
    "mac no hex": lambda d: d["crypto"].update(mac="zz"),
    "unknown kdf": lambda d: d["crypto"].update(kdf="argon2"),
    "version 4": lambda d: d.update(version=4),
    "version 9": lambda d: d.update(version=9),
    "n no power of two": lambda d: d["crypto"]["kdfparams"].update(n=3),
    "n a text": lambda d: d["crypto"]["kdfparams"].update(n="2"),
    "n beyond memory": lambda d: d["crypto"]["kdfparams"].update(n=2**40),
    "p beyond time": lambda d: d["crypto"]["kdfparams"].update(p=10**6),
    "no salt": lambda d: d["crypto"]["kdfparams"].pop("salt"),
}


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in ALTERATIONS.items()])
def test_an_altered_file_does_not_open(store: Keystore, tmp_path: Path, change: Callable[[dict], object]) -> None:
    store.new("ana", "secret", scrypt_n=QUICK)
    alter(tmp_path / "keys" / "ana.json", change)
    with pytest.raises((WrongPassphrase, KeyDamaged), match=r"ana\.json"):
        store.unlock("ana", "secret")


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in DAMAGES.items()])
def test_a_damaged_file_is_named(store: Keystore, tmp_path: Path, change: Callable[[dict], object]) -> None:
    store.new("ana", "secret", scrypt_n=QUICK)
    alter(tmp_path / "keys" / "ana.json", change)
    with pytest.raises(KeyDamaged, match=r"ana\.json"):
        store.unlock("ana", "secret")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'{"a":1}', b"[" * 10_000, b" " * 20_000])
def test_a_file_that_is_no_key_file(store: Keystore, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ana.json").write_bytes(content)
    for attempt in (lambda: store.address("ana"), lambda: store.unlock("ana", "secret")):
        with pytest.raises(KeyDamaged, match=r"ana\.json"):
            attempt()


@pytest.mark.parametrize("costs", [{"n": 2**24}, {"r": 2**24}, {"p": 17}, {"c": 10_000_001}])
def test_a_file_that_asks_for_too_much_is_not_even_tried(
    store: Keystore, tmp_path: Path, costs: dict[str, int]
) -> None:
    store.new("ana", "secret", scrypt_n=QUICK)
    alter(tmp_path / "keys" / "ana.json", lambda document: document["crypto"]["kdfparams"].update(costs))
    with pytest.raises(KeyDamaged, match="more memory or time"):
        store.unlock("ana", "secret")


def test_a_large_file_is_not_even_read_to_its_end(store: Keystore, tmp_path: Path) -> None:
    store.new("ana", "secret", scrypt_n=QUICK)
    with (tmp_path / "keys" / "ana.json").open("ab") as file:
        file.write(b" " * 20_000)
    with pytest.raises(KeyDamaged, match="too large"):
        store.unlock("ana", "secret")
