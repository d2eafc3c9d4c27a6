import json
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import KeyDamaged, KeyExists, Malformed, NotFound, StoreFault, WrongPassphrase
from ledger.vault import DataKey, Vault

N = 1 << 4


@pytest.fixture
def vault(tmp_path):
    return Vault.open(tmp_path / "vault", "correct horse", scrypt_n=N)


def key_file(vault):
    (path,) = (vault.folder / "keys").iterdir()
    return path


def change(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(assets=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), unique=True, max_size=4))
def test_keys_outlive_the_process(vault, assets):
    keys = {asset: DataKey.new() for asset in assets}
    for asset, key in keys.items():
        try:
            vault.put(asset, key)
        except KeyExists:
            keys[asset] = vault.get(asset)
    again = Vault.open(vault.folder, "correct horse")
    assert all(again.get(asset) == key for asset, key in keys.items())


def test_the_wrong_passphrase_does_not_open(vault):
    for passphrase in ("correct hors", "correct horse ", "", "Correct horse"):
        with pytest.raises(WrongPassphrase, match=r"vault\.json"):
            Vault.open(vault.folder, passphrase)


def test_a_passphrase_may_be_typed_in_either_normal_form(tmp_path):
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    Vault.open(tmp_path, composed, scrypt_n=N).put("asset", key := DataKey.new())
    assert Vault.open(tmp_path, decomposed).get("asset") == key


def test_a_missing_key_is_named(vault):
    with pytest.raises(NotFound, match="'nobody'"):
        vault.get("nobody")


def test_a_key_is_never_overwritten(vault):
    key = DataKey.new()
    vault.put("asset", key)
    before = key_file(vault).read_bytes()
    vault.put("asset", key)
    with pytest.raises(KeyExists, match="'asset'"):
        vault.put("asset", DataKey.new())
    assert vault.get("asset") == key
    assert key_file(vault).read_bytes() == before


def test_nothing_on_disk_is_the_key_or_open_to_others(vault):
    key = DataKey.new()
    vault.put("../../etc/asset", key)
    files = [path for path in vault.folder.rglob("*") if path.is_file()]
    assert len(files) == 2
    for path in files:
        assert path.stat().st_mode & 0o777 == 0o600
        assert key.reveal() not in path.read_bytes()
        assert key.reveal().hex() not in path.read_text()
    for folder in (vault.folder, vault.folder / "keys"):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert "horse" not in repr(vault) + str(vars(vault))


def test_the_wrapping_is_aes_256_gcm_bound_to_the_asset(vault):
    vault.put("asset", key := DataKey.new())
    wrapping = json.loads(key_file(vault).read_text())
    cipher = AESGCM(vault._vault_key.reveal())
    nonce, wrapped = bytes.fromhex(wrapping["nonce"]), bytes.fromhex(wrapping["wrapped"])
    assert cipher.decrypt(nonce, wrapped, b"stemmata data key v1\0asset") == key.reveal()


def test_a_key_moved_to_another_asset_does_not_open(vault):
    vault.put("one", DataKey.new())
    path = key_file(vault)
    moved = vault._path("two")
    moved.write_bytes(path.read_bytes())
    with pytest.raises(KeyDamaged, match="'two'"):
        vault.get("two")
    change(moved, asset="two")
    with pytest.raises(KeyDamaged, match="'two'"):
        vault.get("two")


@pytest.mark.parametrize(
    "fields",
    [{"wrapped": "00" * 48}, {"wrapped": ""}, {"wrapped": "xyz"}, {"nonce": "00" * 12}, {"nonce": ""}, {"nonce": 3},
     {"version": 2}, {"asset": None}],
)  # fmt: skip
def test_an_altered_key_file_is_found(vault, fields):
    vault.put("asset", DataKey.new())
    change(key_file(vault), **fields)
    with pytest.raises(KeyDamaged, match="'asset'"):
        vault.get("asset")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b"null", b"{}", b"[" * 100_000], ids=lambda b: repr(b[:4])
)
def test_files_that_are_not_ours_are_damaged_not_crashes(vault, content):
    vault.put("asset", DataKey.new())
    key_file(vault).write_bytes(content)
    with pytest.raises(KeyDamaged):
        vault.get("asset")
    (vault.folder / "vault.json").write_bytes(content)
    with pytest.raises(KeyDamaged, match=r"vault\.json"):
        Vault.open(vault.folder, "correct horse")


@pytest.mark.parametrize("n", [1 << 40, 1, 0, -2, 3, "16", None, True, 16.0])
def test_a_hostile_cost_is_refused_before_it_is_paid(vault, n):
    change(vault.folder / "vault.json", n=n)
    with pytest.raises(KeyDamaged):
        Vault.open(vault.folder, "correct horse")


@pytest.mark.parametrize("field", ["salt", "nonce", "wrapped"])
def test_an_altered_vault_does_not_open(vault, field):
    path = vault.folder / "vault.json"
    text = json.loads(path.read_text())[field]
    change(path, **{field: ("1" if text[0] == "0" else "0") + text[1:]})
    with pytest.raises(WrongPassphrase, match="or the file was altered"):
        Vault.open(vault.folder, "correct horse")


def test_a_lost_vault_file_is_not_replaced_by_one_that_opens_nothing(vault):
    vault.put("asset", DataKey.new())
    (vault.folder / "vault.json").unlink()
    with pytest.raises(KeyDamaged, match="only it opens the keys"):
        Vault.open(vault.folder, "correct horse", scrypt_n=N)


def test_a_file_that_cannot_be_read_is_neither_missing_nor_damaged(vault):
    vault._path("asset").mkdir()
    with pytest.raises(StoreFault, match="cannot be read"):
        vault.get("asset")


def test_a_cost_that_is_no_power_of_two_is_refused(tmp_path):
    with pytest.raises(Malformed, match="power of two"):
        Vault.open(tmp_path, "p", scrypt_n=1000)
    assert not (tmp_path / "vault.json").exists()


RACE = """
import sys
from pathlib import Path
from ledger.vault import DataKey, Vault
sys.stdin.read(1)
vault = Vault.open(Path(sys.argv[1]), "p", scrypt_n=16)
vault.put(sys.argv[2], DataKey.new())
"""


def test_two_processes_create_one_vault(tmp_path):
    processes = [
        subprocess.Popen([sys.executable, "-c", RACE, str(tmp_path / "v"), asset], stdin=subprocess.PIPE, text=True)
        for asset in ("one", "two")
    ]
    for process in processes:
        process.stdin.write("go")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    vault = Vault.open(tmp_path / "v", "p")
    assert vault.get("one") != vault.get("two")
    assert len([path for path in (tmp_path / "v").rglob("*") if path.is_file()]) == 3
