"""A key gets another name with its companions; a kill at any step is mended by doing it again."""

import os
import stat
from pathlib import Path

import pytest

from ledger.errors import BadKeyName, KeyExists, KeyNotFound
from ledger.keys import Keystore

WORD = "open sesame"


@pytest.fixture
def keystore(tmp_path: Path) -> Keystore:
    store = Keystore(tmp_path / "keys")
    store.new("anna", WORD, scrypt_n=2)
    return store


def test_a_renamed_key_is_the_same_key(keystore: Keystore, tmp_path: Path) -> None:
    before = keystore.unlock("anna", WORD)
    keystore.rename("anna", "anna@1")
    assert keystore.names() == ("anna@1",)
    after = Keystore(tmp_path / "keys").unlock("anna@1", WORD)
    assert after.address == before.address
    assert before.companions is not None
    assert after.companions is not None
    assert after.companions.public == before.companions.public
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["anna@1.companions.json", "anna@1.json"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in (tmp_path / "keys").iterdir())


def test_another_key_is_not_overwritten(keystore: Keystore) -> None:
    keystore.new("bert", WORD, scrypt_n=2)
    anna, bert = keystore.address("anna"), keystore.address("bert")
    with pytest.raises(KeyExists, match="anna"):
        keystore.rename("anna", "bert")
    assert (keystore.address("anna"), keystore.address("bert")) == (anna, bert)
    assert keystore.unlock("anna", WORD).companions is not None


def test_a_key_that_is_not_there_gets_no_name(keystore: Keystore) -> None:
    with pytest.raises(KeyNotFound, match="bert"):
        keystore.rename("bert", "anna")
    with pytest.raises(BadKeyName):
        keystore.rename("anna", "../anna")


@pytest.mark.parametrize("steps", range(5))
def test_a_kill_at_any_step_is_mended_by_the_same_call(
    keystore: Keystore, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """``steps`` links and unlinks are done, then the process is gone."""
    address, left = keystore.address("anna"), steps

    def counted(done):
        def step(*arguments, **options):
            nonlocal left
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            return done(*arguments, **options)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", counted(os.link))
        patch.setattr(os, "unlink", counted(os.unlink))
        try:
            keystore.rename("anna", "anna@1")
        except KeyboardInterrupt:
            assert steps < 4
    # Wherever it was stopped, the key is there whole under one of its names.
    there = [name for name in ("anna", "anna@1") if keystore.has(name)]
    assert there
    for name in there:
        opened = keystore.unlock(name, WORD)
        assert (opened.address, opened.companions is not None) == (address, True)
    if steps < 4:
        keystore.rename("anna", "anna@1")
    assert keystore.names() == ("anna@1",)
