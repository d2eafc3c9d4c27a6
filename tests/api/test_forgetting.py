"""Erasing a key forgets names or recordings for good, and every proof stays what it is."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest
from shell import Shell
from story import MICRO, PASSPHRASE, TERMS, Story, now

from api import private_names
from api.home import Home
from api.workflows import datasets, forgetting, opening, training
from ledger.cid import Cid
from ledger.errors import DecryptionFailed, NotFound
from ledger.findings import Verdict
from ledger.vault import DataKey, decrypt_bytes


@pytest.fixture
def home(story: Story, tmp_path: Path) -> Home:
    """A copy of the story's home, to forget in."""
    shutil.copytree(story.home.path, tmp_path / "home")
    return Home(replace(story.home.settings, home=tmp_path / "home"))


def forget(home: Home, *, recordings: bool = False) -> forgetting.Forgotten:
    return forgetting.forget(home, 1, recordings=recordings, confirm=lambda record: None)


def test_names_are_gone_for_good_and_every_proof_stays(story: Story, home: Home) -> None:
    before = replace(story, home=home).audit(story.track)
    with home.ledger() as ledger:
        root = ledger.contracts.dataset(1).root
    listing = private_names.path(home, root)
    ciphertext = listing.read_bytes()
    assert len(private_names.read(home, root)) == 2
    done = forget(home)
    assert (done.names, done.recordings, done.recordings_open) == (True, False, True)
    assert private_names.read(home, root) == {}
    assert not listing.exists()
    # Not even a copy of the listing opens with any key that is left.
    vault, left = home.vault(), []
    for path in (home.path / "vault" / "keys").iterdir():
        left.append(vault.get(json.loads(path.read_text())["asset"]))
    assert len(left) >= 3
    for key in left:
        with pytest.raises(DecryptionFailed):
            decrypt_bytes(io.BytesIO(ciphertext), key, private_names.asset(root).encode())
    after = replace(story, home=home).audit(story.track)
    assert before.verdict is Verdict.VERIFIED
    assert after == before
    # The other dataset's names are not touched, and training goes on.
    with home.ledger() as ledger:
        assert len(private_names.read(home, ledger.contracts.dataset(2).root)) == 2
    assert opening.data_key(home, vault, "dataset", 1, signer=story.creator, now=now)


def test_no_note_of_the_folder_is_left(home: Home) -> None:
    notes = home.path / "intake"
    with home.ledger() as ledger:
        assets = [datasets.show(ledger, number)[1].asset for number in (1, 2)]
    held = [[asset in path.read_text() for path in notes.iterdir()].count(True) for asset in assets]
    assert held == [1, 1]
    locks = {path: path.stat().st_ino for path in (home.path / "locks").glob("intake-*")}
    forget(home)
    assert [[asset in path.read_text() for path in notes.iterdir()].count(True) for asset in assets] == [0, 1]
    # Their lock stays: whoever waits for it and whoever comes later have to meet at one file.
    assert {path: path.stat().st_ino for path in (home.path / "locks").glob("intake-*")} == locks


def test_recordings_that_are_forgotten_open_for_nobody_new(story: Story, home: Home) -> None:
    before = replace(story, home=home).audit(story.track)
    done = forget(home, recordings=True)
    assert (done.names, done.recordings, done.recordings_open) == (True, True, False)
    for name in ("carl", "anna"):  # a licensee, and the holder
        with pytest.raises(NotFound, match="it was forgotten, or lies with the holder"):
            training.train(home, [1], preset=MICRO, seed=8, signer=home.signer(name), now=now)
    assert replace(story, home=home).audit(story.track) == before
    # What was trained before stays, and is found again.
    assert training.train(home, [1, 2], preset=MICRO, seed=1, signer=story.creator, now=now).already


def test_once_more_forgets_nothing(home: Home) -> None:
    forget(home)
    again = forget(home)
    assert (again.names, again.recordings, again.recordings_open) == (False, False, True)
    assert forget(home, recordings=True).recordings
    assert not forget(home, recordings=True).recordings


def test_registering_the_same_folder_again_brings_no_names_back(story: Story, home: Home) -> None:
    forget(home)
    source = next(story.folder.glob("recordings in C"))
    again = datasets.add(
        home, source, title="again", license_="CC0-1.0", terms=TERMS, signer=home.signer("anna"), now=now
    )
    assert (again.already, again.entry.id) == (True, 1)
    assert private_names.read(home, again.entry.root) == {}


def held(home: Home) -> dict[str, DataKey]:
    """Every key of recordings in the vault, by its name."""
    vault = home.vault()
    names = [json.loads(path.read_text())["asset"] for path in (home.path / "vault" / "keys").iterdir()]
    return {name: vault.get(name) for name in names if name.startswith("dataset:")}


@pytest.mark.slow
@pytest.mark.parametrize("lost", [False, True], ids=["with its record", "while its record is lost"])
def test_recordings_that_came_in_again_are_forgotten_under_every_key(
    story: Story, home: Home, tmp_path: Path, lost: bool
) -> None:
    """A copied or touched folder is encrypted anew, before its recordings turn out to be a dataset's already."""
    source = tmp_path / "recordings"
    shutil.copytree(next(story.folder.glob("recordings in C")), source)
    with home.ledger() as ledger:
        entry, record = datasets.show(ledger, 1)
        block = ledger.store.path(Cid.parse(entry.cid).digest)
    before, during = held(home), dict[str, DataKey]()
    if lost:
        block.rename(tmp_path / "record")

    def add() -> None:
        done = datasets.add(
            home,
            source,
            title="x",
            license_="MIT",
            terms=TERMS,
            signer=home.signer("anna"),
            now=now,
            report=lambda phase, done, total: during.update(held(home)),
        )
        assert (done.already, done.entry.id) == (True, 1)

    add()
    assert len(during) == len(before) + 1
    assert (held(home) == before) is not lost
    add()  # nothing has changed, and nothing is encrypted anew
    assert len(during) == len(before) + 1
    for path in source.iterdir():
        path.touch()
    add()
    assert len(during) == len(before) + 2
    if lost:
        (tmp_path / "record").rename(block)
    assert forget(home, recordings=True).recordings_open is False
    others = {name for name in before if not name.startswith(record.asset)}
    assert set(held(home)) == others


def test_somebody_who_does_not_agree_loses_nothing(home: Home) -> None:
    def no(record: object) -> None:
        raise click.Abort

    with pytest.raises(click.Abort):
        forgetting.forget(home, 1, confirm=no)
    with home.ledger() as ledger:
        assert len(private_names.read(home, ledger.contracts.dataset(1).root)) == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from api.home import Home
from api.settings import Settings
from api.workflows import forgetting
from ledger import file, vault
home = Home(Settings(home=Path(sys.argv[1]), passphrase=sys.argv[2]))
calls, real = 0, {name: getattr(os, name) for name in ("pwrite", "unlink", "fsync")}
def counted(name):
    def call(*arguments, **options):
        global calls
        if calls == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        calls += 1
        return real[name](*arguments, **options)
    return call
def confirm(record):
    for name in real:
        setattr(os, name, counted(name))
forgetting.forget(home, 1, recordings=True, confirm=confirm)
"""


@pytest.mark.parametrize("call", [1, 2, 6, 9, 13])
def test_a_run_that_is_killed_goes_on(story: Story, home: Home, call: int) -> None:
    """Killed before one of the calls by which it overwrites, removes or flushes a file."""
    command = [sys.executable, "-c", KILLED, str(home.path), PASSPHRASE, str(call)]
    done = subprocess.run(command, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    forget(home, recordings=True)
    with home.ledger() as ledger:
        root, asset = ledger.contracts.dataset(1).root, datasets.show(ledger, 1)[1].asset
    vault = home.vault()
    assert not vault.holds(private_names.asset(root))
    assert not vault.holds(asset)
    assert private_names.read(home, root) == {}
    again = forget(home, recordings=True)
    assert (again.names, again.recordings) == (False, False)


def test_what_remains_is_said(story: Story, home: Home) -> None:
    shell = Shell(home.path)
    assert "--yes" in shell.refusal("dataset", "forget", "1", code=2)
    said = shell.run("dataset", "forget", "1", "--yes")
    assert said.code == 0, said.err
    assert "dataset 1: forgotten: file names and salts" in said.out
    assert "title 'studies'" in said.out
    assert "of 2 of 2 recordings in this home: this home can open it; --recordings forgets that too" in said.out
    assert "the dataset, 1 license, 1 model and 1 track that rest on it" in said.out
    assert "copies of this home" in said.out and "on sale" not in said.out
    remains = shell.json("dataset", "forget", "1", "--recordings", "--yes")
    assert (remains["forgotten"], remains["already"]) == (["recordings"], False)
    assert remains["remains"]["opens"] is False
    assert remains["remains"]["licensees"] == 1
    assert remains["remains"]["onSale"] is True
    again = shell.run("dataset", "forget", "1", "--recordings", "--yes").out
    assert "nothing left to forget" in again
    assert "on sale" in again and "stemmata dataset withdraw 1" in again
    shell.json("dataset", "withdraw", "1", "--key", "anna", "--yes")
    assert "on sale" not in shell.run("dataset", "forget", "1", "--recordings", "--yes").out
    shown = shell.json("dataset", "show", "1")
    assert [item["name"] for item in shown["recordings"]] == [None, None]
    assert "no dataset 9" in shell.refusal("dataset", "forget", "9", "--yes")
