"""Erasing a key: for good, of one asset alone, and going on after a kill."""

import contextlib
import shutil
import signal
import subprocess
import sys

import pytest

from ledger.errors import KeyDamaged, NotFound, StoreFault
from ledger.vault import DataKey, Vault

N = 1 << 4


@pytest.fixture
def vault(tmp_path):
    return Vault.open(tmp_path / "vault", "p", scrypt_n=N)


def test_an_erased_key_is_gone_and_the_others_stay(vault):
    vault.put("one", DataKey.new())
    vault.put("two", kept := DataKey.new())
    assert vault.holds("one")
    assert vault.erase("one")
    assert not vault.holds("one")
    with pytest.raises(NotFound, match="'one'"):
        vault.get("one")
    assert vault.get("two") == kept
    assert not vault.erase("one")
    again = Vault.open(vault.folder, "p")
    with pytest.raises(NotFound):
        again.get("one")
    assert again.get("two") == kept


def test_the_very_file_is_overwritten_before_it_loses_its_name(vault, tmp_path):
    vault.put("asset", DataKey.new())
    # A second name of the file shows what became of its bytes.
    (tmp_path / "other name").hardlink_to(vault._path("asset"))
    before = (tmp_path / "other name").read_bytes()
    vault.erase("asset")
    after = (tmp_path / "other name").read_bytes()
    assert len(after) == len(before)
    assert sum(one == other for one, other in zip(before, after, strict=True)) < len(before) / 10


def test_a_backup_of_the_whole_vault_brings_a_key_back_and_one_of_the_rest_does_not(vault, tmp_path):
    """What the documentation says of copies is so."""
    vault.put("asset", key := DataKey.new())
    shutil.copytree(vault.folder, tmp_path / "backup")
    vault.erase("asset")
    assert Vault.open(tmp_path / "backup", "p").get("asset") == key
    (tmp_path / "backup" / "vault.json").unlink()
    with pytest.raises(KeyDamaged):
        Vault.open(tmp_path / "backup", "p", scrypt_n=N)


def test_a_new_key_after_an_erasure_is_another_one(vault):
    vault.put("asset", old := DataKey.new())
    vault.erase("asset")
    vault.put("asset", new := DataKey.new())
    assert vault.get("asset") == new != old


def test_a_damaged_key_is_erased_all_the_same(vault):
    vault.put("asset", DataKey.new())
    vault._path("asset").write_bytes(b"\0")
    assert vault.erase("asset")
    with pytest.raises(NotFound):
        vault.get("asset")


def test_what_cannot_be_erased_is_said(vault):
    vault._path("asset").mkdir()
    with pytest.raises(StoreFault, match="could not be erased"):
        vault.erase("asset")


KILLED = """
import os, signal, sys
from pathlib import Path
from ledger.vault import Vault
vault = Vault.open(Path(sys.argv[1]), "p")
calls, real = 0, {name: getattr(os, name) for name in ("open", "pwrite", "fsync", "unlink", "close")}
def counted(name):
    def call(*arguments, **options):
        global calls
        if calls == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        calls += 1
        return real[name](*arguments, **options)
    return call
for name in real:
    setattr(os, name, counted(name))
vault.erase("asset")
"""


@pytest.mark.parametrize("call", range(8))
def test_an_erasure_that_is_killed_goes_on(vault, call):
    """Killed before each call of the system that it makes."""
    vault.put("asset", key := DataKey.new())
    vault.put("other", other := DataKey.new())
    done = subprocess.run([sys.executable, "-c", KILLED, str(vault.folder), str(call)], check=False)
    assert done.returncode == -signal.SIGKILL
    if vault.holds("asset"):
        with contextlib.suppress(KeyDamaged):
            assert vault.get("asset") == key
        assert vault.erase("asset")
    assert not vault.holds("asset")
    assert not vault.erase("asset")
    assert vault.get("other") == other
    assert list((vault.folder / "keys").iterdir()) == [vault._path("other")]
