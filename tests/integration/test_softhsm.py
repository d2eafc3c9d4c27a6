"""Keys in a token behind PKCS#11, here SoftHSM's: what they sign, and every way in which a token says no."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger import signing
from ledger.chain import Chain
from ledger.digest import Digest
from ledger.errors import (
    KeyDamaged,
    KeyNotFound,
    KeyUnfit,
    KeyUnreachable,
    Malformed,
    WrongPassphrase,
)
from ledger.keys import Keystore, LocalSigner
from ledger.pkcs11 import TokenKey, TokenSigner

pytestmark = pytest.mark.integration

QUICK = 2
PIN = "5678-house"
MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
SECP256K1, P256 = "1.3.132.0.10", "1.2.840.10045.3.1.7"


@pytest.fixture(scope="session")
def module() -> str:
    """The path of SoftHSM's library."""
    if shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM is not installed (Debian: apt-get install softhsm2)")
    pytest.importorskip("pkcs11", reason="needs python-pkcs11: pip install '.[hsm]'")
    for path in MODULES:
        if Path(path).exists():
            return path
    pytest.skip("SoftHSM's library is in no place known here")


@pytest.fixture(scope="session")
def house(module: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenKey]:
    """A token with keys on secp256k1, two of them of one label, and one on P-256."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    words = ("--init-token", "--free", "--label", "house", "--so-pin", "1234-officer", "--pin", PIN)
    subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)
    try:
        for label in ("label", "impostor", "twin", "twin"):
            _generate(module, label, SECP256K1)
        _generate(module, "other curve", P256)
        yield TokenKey(module, "house", "label")
    finally:
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before


def _generate(module: str, label: str, curve: str) -> None:
    import pkcs11
    from pkcs11.util.ec import encode_named_curve_parameters

    with pkcs11.lib(module).get_token(token_label="house").open(user_pin=PIN, rw=True) as session:
        named = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}
        parameters = session.create_domain_parameters(pkcs11.KeyType.EC, named, local=True)
        parameters.generate_keypair(store=True, label=label)


@pytest.fixture(scope="session")
def signer(house: TokenKey) -> TokenSigner:
    return house.signer(PIN)


@pytest.fixture
def store(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "keys")


def in_a_process_of_its_own(house: TokenKey, pin: str) -> Any:
    """A process is logged in to a token once for all: what a wrong PIN does is seen in a fresh one."""
    program = (
        "import os\nfrom ledger.pkcs11 import TokenKey\n"
        "try:\n    print(TokenKey(*eval(os.environ['PLACE'])).signer(os.environ['PIN']).address)\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    place = repr((house.module, house.token, house.key))
    environment = {**os.environ, "PLACE": place, "PIN": pin}
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


def test_what_a_token_signs_is_signed_by_its_address(signer: TokenSigner) -> None:
    for number in range(16):
        digest = Digest.of(bytes([number])).raw
        assert signing.recover(digest, signer.sign_digest(digest)) == signer.address
    assert repr(signer) == f"TokenSigner({signer.address})"


def test_the_chain_takes_its_transactions(signer: TokenSigner, tmp_path: Path) -> None:
    somebody = LocalSigner.generate().address
    with Chain.open_embedded(tmp_path) as chain:
        chain.fund(signer.address, 10**18)
        chain.transact(signer, somebody, b"", value=7)
        assert chain.balance(somebody) == 7


def test_a_second_session_of_the_process_finds_the_same_key(house: TokenKey, signer: TokenSigner) -> None:
    assert house.signer(PIN).address == signer.address


def test_a_wrong_pin(house: TokenKey, signer: TokenSigner) -> None:
    said = in_a_process_of_its_own(house, "5678-hause")
    assert said.startswith("WrongPassphrase the PIN does not open token 'house'")
    assert "5678" not in said
    assert in_a_process_of_its_own(house, "").startswith("WrongPassphrase")
    assert in_a_process_of_its_own(house, PIN) == str(signer.address)


def test_what_is_not_there(house: TokenKey) -> None:
    with pytest.raises(KeyNotFound, match="key 'nobody' in token 'house'"):
        replace(house, key="nobody").signer(PIN)
    with pytest.raises(KeyNotFound, match="token 'nowhere'"):
        replace(house, token="nowhere").signer(PIN)
    for path in ("/nothing.so", sys.executable, "/etc/passwd"):
        with pytest.raises(KeyUnreachable, match=path):
            replace(house, module=path).signer(PIN)


def test_what_cannot_sign_for_an_account(house: TokenKey) -> None:
    with pytest.raises(KeyUnfit, match="not on secp256k1"):
        replace(house, key="other curve").signer(PIN)
    with pytest.raises(KeyUnfit, match="several"):
        replace(house, key="twin").signer(PIN)


def test_without_the_package_it_says_what_to_install(house: TokenKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(KeyUnreachable, match=r"stemmata\[hsm\]"):
        house.signer(PIN)


@pytest.mark.parametrize("change", [{"token": ""}, {"key": "a\nb"}, {"module": None}])
def test_labels_are_printable(house: TokenKey, change: dict) -> None:
    with pytest.raises(Malformed, match=next(iter(change))):
        replace(house, **change)


def test_a_name_stands_for_a_key_in_a_token(store: Keystore, house: TokenKey, signer: TokenSigner) -> None:
    assert store.adopt("label", house, PIN, scrypt_n=QUICK) == signer.address
    card = store.card("label")
    assert (card.kind, card.address) == ("pkcs11", signer.address)
    opened = store.unlock("label", PIN)
    envelope = signing.sign(b"{}", opened)
    signing.verify(envelope, signer.address)
    assert card.public is not None
    assert signing.cosignature(envelope, card.public)


def test_a_mistyped_pin_is_not_shown_to_the_token(
    store: Keystore, house: TokenKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.adopt("label", house, PIN, scrypt_n=QUICK)

    def asked(*_: object) -> None:
        raise AssertionError("a token counts wrong PINs")

    monkeypatch.setattr(TokenKey, "signer", asked)
    with pytest.raises(WrongPassphrase, match=r"label\.companions\.json"):
        store.unlock("label", "5678-hause")
    for path in (tmp_path / "keys").iterdir():
        assert PIN.encode() not in path.read_bytes()


def test_an_entry_that_points_to_another_key(store: Keystore, house: TokenKey, tmp_path: Path) -> None:
    store.adopt("label", house, PIN, scrypt_n=QUICK)
    path = tmp_path / "keys" / "label.json"
    path.write_text(path.read_text().replace('"key": "label"', '"key": "impostor"'))
    with pytest.raises(KeyDamaged, match="opens to 0x"):
        store.unlock("label", PIN)
