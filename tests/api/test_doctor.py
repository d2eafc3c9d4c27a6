"""``stemmata doctor``: each fault is named with what mends it, and a sound home has none."""

import json
import shutil
from pathlib import Path
from unittest import mock

import pytest
from shell import Shell
from story import PASSPHRASE, new_home, new_key

from api.settings import Settings
from api.workflows import doctor


def asked(shell: Shell, code: int = 0) -> dict[str, tuple[str, str, str | None]]:
    said = shell.run("doctor", "--json")
    assert said.code == code, said.out + said.err
    checks = {check["what"]: (check["state"], check["found"], check["remedy"]) for check in said.object["checks"]}
    assert said.object["faults"] == sum(state == "fault" for state, _, _ in checks.values())
    assert (said.object["faults"] > 0) == (code == 1)
    return checks


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    home = new_home(Settings(home=tmp_path_factory.mktemp("doctor") / "home", passphrase=PASSPHRASE))
    new_key(home, "anna")
    with home.ledger():
        pass
    return Shell(home.path)


def test_nothing_is_wrong_before_the_first_command(tmp_path: Path) -> None:
    checks = asked(Shell(tmp_path / "none"))
    assert checks["home"][0] == "note"
    assert not (tmp_path / "none").exists()  # looking makes nothing


def test_a_sound_home_has_no_fault(shell: Shell) -> None:
    checks = asked(shell)
    for what in ("home", "space", "locks", "keys", "passphrase", "chain", "database"):
        assert checks[what][0] == "ok", checks[what]


def test_another_passphrase_is_told_of(shell: Shell) -> None:
    state, found, remedy = asked(Shell(shell.home, {"STEMMATA_PASSPHRASE": "hunter2"}), code=1)["passphrase"]
    assert state == "fault"
    assert remedy
    assert "hunter2" not in found


def test_keys_that_others_can_read_are_named(shell: Shell) -> None:
    key = next((shell.home / "keys").glob("*.json"))
    key.chmod(0o644)
    try:
        state, found, remedy = asked(shell, code=1)["keys"]
    finally:
        key.chmod(0o600)
    assert state == "fault"
    assert key.name in found
    assert str(remedy).startswith("chmod 600")


def test_a_full_disk_is_told_of(shell: Shell) -> None:
    with mock.patch.object(doctor, "ROOM", 1 << 62):
        assert asked(shell, code=1)["space"][0] == "fault"


@pytest.mark.parametrize(
    ("variable", "value", "what"),
    [
        ("STEMMATA_RPC", "http://u:hunter2@127.0.0.1:9", "chain"),
        ("IPFS_API", "/ip4/127.0.0.1/tcp/9", "IPFS node"),
        ("STEMMATA_PINNING", "http://127.0.0.1:9", "pinning service"),
        ("STEMMATA_TSA", "http://127.0.0.1:9/hunter2", "time stamps"),
        ("STEMMATA_TRUST", "/nowhere.pem", "certificates"),
        ("STEMMATA_DATABASE", "postgresql://u:hunter2@127.0.0.1:9/n", "database"),
    ],
)
def test_what_does_not_answer_is_named_without_its_secrets(shell: Shell, variable: str, value: str, what: str) -> None:
    state, found, remedy = asked(Shell(shell.home, {variable: value}), code=1)[what]
    assert state == "fault"
    assert remedy
    assert "hunter2" not in found


def test_a_deployment_of_another_chain_is_told_of(shell: Shell, tmp_path: Path) -> None:
    fields = json.loads((shell.home / "deployment.json").read_text())
    deployment = tmp_path / "deployment.json"
    deployment.write_text(json.dumps(fields | {"tracks": "0x" + "11" * 20}))
    elsewhere = shell.home.parent / "elsewhere"
    shutil.copytree(shell.home, elsewhere)
    shutil.copy(deployment, elsewhere / "deployment.json")
    state, found, remedy = asked(Shell(elsewhere), code=1)["chain"]
    assert state == "fault"
    assert "tracks" in found
    assert "STEMMATA_DEPLOYMENT" in str(remedy)
