"""The command line as a process: exit codes, one JSON object and nothing else, errors that say what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from chords import chords
from shell import Shell

from api.home import Home
from gen.audio import save
from ledger import file
from ledger.digest import Digest
from ledger.vault import Vault

PASSPHRASE = "open sesame"


def run(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``stemmata`` with nobody at the terminal."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STEMMATA_")}
    return subprocess.run(
        [sys.executable, "-c", "from api.cli import main; main()", *words],
        env={
            **clean,
            "STEMMATA_HOME": str(home),
            "STEMMATA_PASSPHRASE": PASSPHRASE,
            "STEMMATA_INSTRUMENT": "off",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def said(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The one JSON object on standard output; fails if there is anything beside it."""
    assert done.stdout.count("\n") == 1, done.stdout
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "home"
    Vault.open(path / "vault", PASSPHRASE, scrypt_n=2**12)
    return path


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("録音")
    save(folder / "ça va, Дмитрий.wav", chords(3.0, 1))
    save(folder / "二.wav", chords(3.0, 2, channels=1))
    return folder


TERMS = ("--title", "T", "--license", "CC0-1.0", "--price", "0.05", "--share", "5")


@pytest.mark.slow  # nine processes
def test_register_show_and_license(home: Path, recordings: Path) -> None:
    made = run(home, "key", "new", "anna", "--json")
    assert (made.returncode, made.stderr) == (0, "")
    assert said(made)["key"] == "anna"
    assert said(run(home, "key", "new", "anna", "--json")) == said(made) | {"already": True, "ended": None}

    added = run(home, "dataset", "add", str(recordings), *TERMS, "--key", "anna", "--json")
    assert (added.returncode, added.stderr) == (0, "")
    dataset = said(added)
    assert dataset["dataset"] == 1
    assert dataset["recordings"] == 2
    assert {"root", "cid", "record"} <= dataset.keys()
    assert said(run(home, "dataset", "add", str(recordings), *TERMS, "--key", "anna", "--json"))["already"] is True

    shown = said(run(home, "dataset", "show", "1", "--json"))
    assert shown["holder"] == said(made)["address"]
    assert shown["price"] == "0.05"
    assert {item["name"] for item in shown["recordings"]} == {"ça va, Дмитрий.wav", "二.wav"}
    assert {
        item["name"] for item in said(run(home, "dataset", "show", "1", "--json", STEMMATA_PASSPHRASE=""))["recordings"]
    } == {None}

    run(home, "key", "new", "carl")
    bought = said(run(home, "license", "buy", "1", "--use", "train", "--key", "carl", "--json"))
    assert (bought["license"], bought["already"]) == (1, False)
    assert said(run(home, "license", "buy", "1", "--use", "train", "--key", "carl", "--json"))["already"] is True


@pytest.mark.parametrize(
    ("words", "code", "name"),
    [
        (("dataset", "show", "99", "--json"), 1, "NotFound"),
        (("license", "buy", "1", "--use", "train", "--key", "nobody", "--json"), 1, "KeyNotFound"),
        (("key", "new", "../up", "--json"), 1, "BadKeyName"),
        (("train", "--dataset", "1", "--preset", "gigantic", "--key", "x", "--json"), 1, "ConfigError"),
    ],
)
def test_a_named_error_is_one_object_and_an_exit_code(home: Path, words: tuple[str, ...], code: int, name: str) -> None:
    done = run(home, *words)
    assert done.returncode == code
    assert said(done)["error"]["name"] == name
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("dataset", "add", "/nowhere", *TERMS, "--key", "anna"),
        ("license", "buy", "0", "--use", "train", "--key", "anna"),
        ("audit", "/nowhere.mp3"),
        ("generate", "--model", "1"),
        ("sing",),
    ],
)
def test_usage_errors_exit_2(home: Path, words: tuple[str, ...]) -> None:
    done = run(home, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_usage_errors_are_one_object_too(home: Path) -> None:
    done = run(home, "audit", "/nowhere.mp3", "--json")
    assert done.returncode == 2
    assert "nowhere.mp3" in said(done)["error"]["message"]


def test_a_license_that_is_no_spdx_identifier_is_refused(home: Path, recordings: Path) -> None:
    words = ("--title", "T", "--license", "nonsense!", "--price", "0", "--share", "0", "--key", "anna")
    done = run(home, "dataset", "add", str(recordings), *words)
    assert done.returncode == 2
    assert "SPDX" in done.stderr


@pytest.mark.slow
def test_a_folder_with_bad_files_is_refused_by_name(home: Path, tmp_path: Path) -> None:
    (tmp_path / "diary.mp3").write_text("dear diary")
    (tmp_path / "loop").symlink_to(tmp_path)
    save(tmp_path / "good.wav", chords(2.0, 5))
    run(home, "key", "new", "beth")
    done = run(home, "dataset", "add", str(tmp_path), *TERMS, "--key", "beth")
    assert done.returncode == 1
    assert "diary.mp3" in done.stderr
    assert "--skip-bad" in done.stderr


def test_auditing_what_is_no_audio_is_a_usage_error(home: Path, tmp_path: Path) -> None:
    letter = tmp_path / "letter.mp3"
    letter.write_text("dear auditor")
    done = run(home, "audit", str(letter))
    assert done.returncode == 2
    assert "letter.mp3" in done.stderr


def test_auditing_unknown_music_exits_3(home: Path, tmp_path: Path) -> None:
    save(tmp_path / "other.wav", chords(6.0, 50))
    done = run(home, "audit", str(tmp_path / "other.wav"), "--json")
    assert done.returncode == 3
    assert said(done)["verdict"] == "unknown"


@pytest.mark.slow
def test_what_was_generated_here_and_never_minted_is_told_of(home: Path, tmp_path: Path) -> None:
    save(tmp_path / "mine.wav", chords(6.0, 50))
    assert "has not minted it" not in run(home, "audit", str(tmp_path / "mine.wav")).stdout
    (home / "drafts").mkdir(parents=True, exist_ok=True)
    (home / "drafts" / f"{Digest.of_file(tmp_path / 'mine.wav')}.json").write_text("{}")
    done = run(home, "audit", str(tmp_path / "mine.wav"))
    assert (done.returncode, "has not minted it: stemmata mint" in done.stdout) == (3, True)


def test_auditing_with_the_chain_out_of_reach_exits_5(home: Path, tmp_path: Path) -> None:
    save(tmp_path / "other.wav", chords(6.0, 50))
    done = run(home, "audit", str(tmp_path / "other.wav"), "--json", STEMMATA_RPC="http://127.0.0.1:9")
    assert done.returncode == 5
    assert said(done)["verdict"] == "unverifiable"


def test_nobody_to_ask_for_a_passphrase(home: Path) -> None:
    done = run(home, "key", "new", "zoe", STEMMATA_PASSPHRASE="")
    assert done.returncode == 2
    assert "STEMMATA_PASSPHRASE" in done.stderr


def test_help_needs_no_heavy_library() -> None:
    script = (
        "import sys\n"
        "from api.cli import stemmata\n"
        "stemmata.main(['--help'], standalone_mode=False)\n"
        "heavy = {'torch', 'librosa', 'numba', 'web3', 'numpy', 'scipy', 'eth_tester', 'rich'} & set(sys.modules)\n"
        "sys.exit(','.join(sorted(heavy)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "audit" in done.stdout


def test_without_the_studio_training_says_what_to_install() -> None:
    script = "import sys; sys.modules['yaml'] = None; from api.cli import main; main()"
    words = ("train", "--dataset", "1", "--key", "x")
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "pip install '.[studio]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_leaves_one_object_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Home, "keystore", stopped)
    done = Shell(tmp_path).run("key", "list", "--json")
    assert done.code == 130
    assert done.object["error"]["name"] == "Stopped"
    assert Shell(tmp_path).run("key", "list").out == ""


def test_a_folder_that_is_missing_is_named_and_no_other_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"make it first: '.*/none'$"):
        file.write(tmp_path / "none" / "out.json", lambda out: out.write(b"{}"))
