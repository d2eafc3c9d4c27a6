"""A home that was interrupted while it was made, lost a file, or is opened by a person who mistypes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from api.errors import UsageError
from api.home import Home
from api.settings import Settings
from ledger import signing
from ledger.chain import Chain
from ledger.digest import Digest
from ledger.errors import ChainUnreachable, WrongPassphrase
from ledger.keys import LocalSigner
from ledger.records import Terms
from ledger.vault import Vault


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(Settings(home=tmp_path / "home", passphrase="open sesame"))


class Killed(BaseException):
    """What no handler expects."""


def test_a_lost_deployment_file_is_found_again(home: Home) -> None:
    signer = LocalSigner.generate()
    with home.ledger() as ledger:
        home.fund(ledger, signer)
        entry = ledger.contracts.register_dataset(
            signer, Digest.of(b"r"), Digest.of(b"d"), "cid", Terms(0, 0, ("train",))
        )
        addresses = ledger.contracts.deployment.tracks
    (home.path / "deployment.json").unlink()
    assert home.exists
    with home.ledger() as ledger:
        assert ledger.contracts.deployment.tracks == addresses
        assert ledger.contracts.dataset(1) == entry


@pytest.mark.parametrize("made", range(5))
def test_a_kill_at_any_step_of_the_first_opening_leaves_a_home_that_opens(
    home: Home, monkeypatch: pytest.MonkeyPatch, made: int
) -> None:
    create, left = Chain.create, iter(range(made))

    def until_killed(*arguments: object) -> object:
        if next(left, None) is None:
            raise Killed
        return create(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Chain, "create", until_killed)
        patch.setattr("ledger.deployment.Deployment.write", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed), home.ledger():
            pass
    assert not (home.path / "deployment.json").exists()
    with home.ledger() as ledger:
        assert ledger.contracts.tracks() == ()
        first = ledger.contracts.deployment
    with home.ledger() as ledger:
        assert ledger.contracts.deployment == first


def answering(*words: str) -> Iterator[str]:
    yield from words


def test_a_new_vaults_passphrase_is_asked_twice(tmp_path: Path) -> None:
    def home(*words: str) -> Home:
        answers = answering(*words)
        return Home(Settings(home=tmp_path / "home"), lambda prompt: next(answers))

    with pytest.raises(UsageError, match="differ"):
        home("sesame", "seasme").vault()
    assert not (tmp_path / "home" / "vault" / "vault.json").exists()
    home("sesame", "sesame").vault()
    home("sesame").vault()
    with pytest.raises(WrongPassphrase):
        home("seasme").vault()


def test_a_passphrase_in_another_encoding_opens_the_vault_it_made(tmp_path: Path) -> None:
    home = Home(Settings(home=tmp_path / "home", passphrase="s\udce9same"))
    home.vault()
    home.vault()


def test_an_empty_passphrase_makes_no_vault(tmp_path: Path) -> None:
    with pytest.raises(WrongPassphrase, match="empty"):
        Home(Settings(home=tmp_path / "home", passphrase="")).vault()


def test_a_key_is_there_however_its_name_is_typed(home: Home) -> None:
    home.keystore().new("Zoë", "open sesame", scrypt_n=2)
    assert home.keystore().has(unicodedata.normalize("NFD", "Zoë"))
    assert not home.keystore().has("Zoe")


def test_co_signing_is_a_matter_of_policy(home: Home) -> None:
    home.keystore().new("anna", "open sesame", scrypt_n=2)
    signer = home.signer("anna")
    assert signer.companions is not None
    without = Home(replace(home.settings, cosign=False))
    assert len(signing.sign(b"{}", signer).signatures) == 2
    assert len(signing.sign(b"{}", without.signer("anna")).signatures) == 1
    # What is sealed to the account opens all the same.
    assert without.companions("anna").public == signer.companions.public


def test_each_passphrase_is_asked_for_once_and_a_wrong_one_is_not_kept(tmp_path: Path) -> None:
    Vault.open(tmp_path / "vault", "of the vault", scrypt_n=2**12)
    answers = iter(("slip", "another slip"))
    asked = []

    def ask(question: str) -> str:
        asked.append(question)
        return next(answers)

    home = Home(Settings(home=tmp_path), ask)
    Home(home.settings).keystore().new("anna", "of the key", scrypt_n=2)
    for opens in (home.vault, lambda: home.signer("anna")):
        with pytest.raises(WrongPassphrase):
            opens()
    answers = iter(("of the vault", "of the key"))
    for _ in range(2):
        home.vault()
        home.signer("anna")
        home.companions("anna")
    assert asked == 2 * ["Passphrase for the vault", "Passphrase for key 'anna'"]


def test_a_home_opens_a_key_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.keystore().new("anna", "open sesame", scrypt_n=2)
    signer = home.signer("anna")
    monkeypatch.setattr("ledger.keyfile.KeyFile.decrypt", lambda *_: pytest.fail("opened again"))
    assert home.signer("anna") is signer


def test_a_home_is_read_while_a_command_has_its_chain_open(home: Home) -> None:
    signer = LocalSigner.generate()
    with home.reading() as reading:  # a new home gets its chain first
        assert reading.contracts.datasets() == ()
    with home.ledger() as ledger:
        home.fund(ledger, signer)
        terms = Terms(0, 0, ("train",))
        entry = ledger.contracts.register_dataset(signer, Digest.of(b"r"), Digest.of(b"d"), "cid", terms)
        with home.reading() as reading:
            assert reading.contracts.datasets() == (entry,)
    (home.path / "chain" / "chain.sqlite").unlink()
    with pytest.raises(ChainUnreachable), home.reading():
        pass
