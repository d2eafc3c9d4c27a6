"""Registering a folder: each file once, several at a time; stopped anywhere, it goes on and registers once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chords import chords
from shell import Shell
from story import PASSPHRASE, TERMS, new_home, new_key, now

from api import intake, private_names
from api.data_keys import of_recordings
from api.errors import BadRecordings, NamesForgotten, RecordingChanged
from api.home import Home
from api.settings import Settings
from api.workflows import datasets
from api.workflows.datasets import Registered
from api.workflows.recordings import Report
from gen.audio import load, save
from ledger import unixfs
from ledger.contracts import Contracts, DatasetEntry
from ledger.digest import Digest
from ledger.records import DatasetRecord


class Stopped(BaseException):
    """What no handler expects."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = new_home(Settings(home=tmp_path_factory.mktemp("registration") / "home", passphrase=PASSPHRASE))
    new_key(made, "anna")
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four recordings that no other test has."""
    made = tmp_path / "recordings"
    (made / "b side").mkdir(parents=True)
    seed = int.from_bytes(hashlib.sha256(bytes(tmp_path)).digest()[:4])
    for number, name in enumerate(("one.wav", "two.flac", "b side/three.wav", "b side/four.wav")):
        save(made / name, chords(3.0, seed + number))
    return made


def add(
    home: Home,
    folder: Path,
    report: Report = lambda phase, done, total: None,
    *,
    key: str = "anna",
    skip_bad: bool = False,
    allow_overlap: bool = False,
) -> Registered:
    return datasets.add(
        Home(home.settings),  # as another process would
        folder,
        title="songs",
        license_="MIT",
        terms=TERMS,
        signer=home.signer(key),
        now=now,
        report=report,
        skip_bad=skip_bad,
        allow_overlap=allow_overlap,
    )


def record_of(home: Home, done: Registered) -> DatasetRecord:
    with home.ledger() as ledger:
        return datasets.show(ledger, done.entry.id)[1]


def notes_of(home: Home, folder: Path) -> Path:
    return home.path / "intake" / f"{intake.name(home.vault(), folder)}.jsonl"


def count(home: Home) -> int:
    with home.ledger() as ledger:
        return len(list(ledger.contracts.datasets()))


def test_what_the_record_says_holds_of_the_files_and_of_the_bytes_under_each_cid(home: Home, folder: Path) -> None:
    record = record_of(home, add(home, folder))
    key, store = home.vault().get(record.asset), home.store()
    files = {Digest.of(path.read_bytes()): path for path in folder.rglob("*.*")}
    assert [item.sha256 for item in record.recordings] == sorted(files)
    for item in record.recordings:
        path, ciphertext = files[item.sha256], store.read_bytes(item.content.cid)
        wave = load(path)
        assert (item.size, item.frames, item.rate, item.channels) == (path.stat().st_size, wave.frames, wave.rate, 2)
        assert item.pcm.raw == wave.pcm_sha256()
        assert hashlib.sha256(ciphertext).hexdigest() == str(item.content.sha256)
        assert item.content.profile == unixfs.PROFILE
        assert datasets.decrypt(ciphertext, key, record.asset, item.sha256) == path.read_bytes()
    names = private_names.read(home, record.root)
    assert {digest: name.text for digest, name in names.items()} == {
        digest: str(path.relative_to(folder)) for digest, path in files.items()
    }
    assert [names[item.sha256].commitment for item in record.recordings] == [
        item.name_commitment for item in record.recordings
    ]


def test_progress_counts_every_byte_once(home: Home, folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    add(home, folder, lambda phase, done, total: seen.append((done, total)))
    size = sum(path.stat().st_size for path in folder.rglob("*.*"))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {size}
    assert seen[-1] == (size, size)


@pytest.mark.parametrize("calls", [1, 3, 4])
def test_stopped_anywhere_it_registers_nothing_and_goes_on(home: Home, folder: Path, calls: int) -> None:
    before, left = count(home), iter(range(calls))

    def until_stopped(phase: str, done: int, total: int) -> None:
        if next(left, None) is None:
            raise Stopped

    with pytest.raises(Stopped):
        add(home, folder, until_stopped)
    assert count(home) == before
    begun = list(intake.pending(home))
    assert (len(begun) > 0) == (calls > 1)
    done = add(home, folder)
    assert not done.already
    assert count(home) == before + 1
    named = {part.cid for item in record_of(home, done).recordings for part in (item.content, item.fingerprint)}
    assert set(begun) <= named
    assert list(intake.pending(home)) == []


@pytest.mark.slow
def test_a_torn_note_and_a_lost_block_cost_only_time(home: Home, folder: Path) -> None:
    left = iter(range(4))

    def until_stopped(phase: str, done: int, total: int) -> None:
        if next(left, None) is None:
            raise Stopped

    with pytest.raises(Stopped):
        add(home, folder, until_stopped)
    first, *_ = intake.pending(home)
    home.store().path(first.digest).unlink()
    notes = notes_of(home, folder)
    notes.write_bytes(notes.read_bytes() + b'{"file": "12')
    record = record_of(home, add(home, folder))
    for item in record.recordings:
        home.store().check(item.content.cid)
    assert first not in {item.content.cid for item in record.recordings}
    assert add(home, folder).already


def test_a_file_that_changes_while_it_is_read_is_noticed(home: Home, folder: Path) -> None:
    before = count(home)

    def write(phase: str, done: int, total: int) -> None:
        for path in folder.rglob("*.wav"):
            with path.open("ab") as file:
                file.write(b"more")

    with pytest.raises(RecordingChanged, match=r"\.wav changed while it was being registered; add the folder again"):
        add(home, folder, write)
    assert count(home) == before
    assert len(record_of(home, add(home, folder)).recordings) == 4


def test_a_file_that_was_changed_and_dated_back_is_noticed(home: Home, folder: Path) -> None:
    before = count(home)

    def write(phase: str, done: int, total: int) -> None:
        for path in folder.rglob("*.wav"):
            status = path.stat()
            with path.open("rb+") as file:
                file.seek(-4, os.SEEK_END)
                file.write(b"more")
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    with pytest.raises(RecordingChanged, match=r"\.wav changed while it was being registered"):
        add(home, folder, write)
    assert count(home) == before


@pytest.mark.slow
def test_two_at_once_register_one_dataset(home: Home, folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "the same elsewhere"
    shutil.copytree(folder, copy)
    before = count(home)
    with ThreadPoolExecutor(3) as pool:
        done = [work.result() for work in [pool.submit(add, home, each) for each in (folder, folder, copy)]]
    assert count(home) == before + 1
    assert len({each.entry.id for each in done}) == 1
    assert sorted(each.already for each in done) == [False, True, True]


@pytest.mark.slow
def test_a_folder_that_grew_is_another_dataset_under_another_key(home: Home, folder: Path) -> None:
    small = record_of(home, add(home, folder))
    shutil.copy(folder / "one.wav", folder / "one more time.wav")  # the same recording: nothing new
    assert add(home, folder).already
    save(folder / "five.wav", chords(3.0, 99))
    large = record_of(home, add(home, folder, allow_overlap=True))
    assert len(large.recordings) == len(small.recordings) + 1
    assert large.asset != small.asset
    vault = home.vault()
    keys = [vault.get(of_recordings(record.asset, record.root, record.holder)) for record in (small, large)]
    assert keys[0] != keys[1]
    assert not {item.content for item in small.recordings} & {item.content for item in large.recordings}


@pytest.mark.slow
def test_a_folder_with_bad_files_goes_on_once_they_are_mended(home: Home, folder: Path) -> None:
    (folder / "five.wav").write_text("these are my notes")
    with pytest.raises(BadRecordings, match=r"five\.wav"):
        add(home, folder)
    done = add(home, folder, skip_bad=True)
    assert done.omitted == (("five.wav", "NotAudio"),)
    assert add(home, folder, skip_bad=True).already
    (folder / "five.wav").unlink()
    assert add(home, folder).already


def test_names_whose_key_was_erased_are_forgotten_and_nothing_else_is(home: Home, folder: Path) -> None:
    done = add(home, folder)
    assert home.vault().erase(private_names.asset(done.entry.root))
    with pytest.raises(NamesForgotten, match=str(done.entry.root)):
        private_names.read(home, done.entry.root)
    said = Shell(home.path).run("dataset", "show", str(done.entry.id))
    assert said.code == 0
    assert "one.wav" not in said.out
    record = record_of(home, done)
    assert all(str(item.sha256) in said.out for item in record.recordings)
    item = record.recordings[0]
    ciphertext = home.store().read_bytes(item.content.cid)
    assert datasets.decrypt(ciphertext, home.vault().get(record.asset), record.asset, item.sha256)


@pytest.mark.slow
def test_a_copy_of_a_labelled_folder_is_decoded_once(home: Home, folder: Path, tmp_path: Path) -> None:
    (folder / "labels.csv").write_text("file,genre\none.wav,waltz\n", encoding="utf-8")
    add(home, folder)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    assert add(home, copy).already
    notes = {path: path.read_bytes() for path in home.folder("intake").iterdir()}
    assert add(home, copy).already and add(home, folder).already
    assert {path: path.read_bytes() for path in home.folder("intake").iterdir()} == notes


def test_the_notes_of_a_registration_tell_no_name(home: Home, folder: Path) -> None:
    # Names so long that no fingerprint in base64 holds them by chance.
    (folder / "one.wav").rename(folder / "firsttakeofall.wav")
    (folder / "b side").rename(folder / "othersideofit")
    add(home, folder)
    notes = notes_of(home, folder).read_bytes()
    for word in (b"firsttakeofall", b"othersideofit", str(folder).encode(), folder.name.encode()):
        assert word not in notes


@pytest.mark.slow
def test_a_registration_that_is_given_up_leaves_nothing_to_keep(home: Home, folder: Path) -> None:
    left = iter(range(4))

    def until_stopped(phase: str, done: int, total: int) -> None:
        if next(left, None) is None:
            raise Stopped

    shell = Shell(home.path)
    assert shell.json("dataset", "abandon", str(folder))["already"]
    with pytest.raises(Stopped):
        add(home, folder, until_stopped)
    asset = json.loads(notes_of(home, folder).read_text().splitlines()[0])["asset"]
    assert list(intake.pending(home))
    elsewhere = folder.rename(folder.with_name("moved"))
    assert not shell.json("dataset", "abandon", str(folder))["already"]
    assert list(intake.pending(home)) == []
    assert not home.vault().holds(asset)
    done = add(home, elsewhere)
    assert not done.already
    assert "no registration of it is open" in shell.run("dataset", "abandon", str(elsewhere)).out
    assert add(home, elsewhere).already


@pytest.mark.slow
def test_who_guesses_the_path_of_a_folder_finds_it_confirmed_nowhere(home: Home, folder: Path, tmp_path: Path) -> None:
    """What notes and locks are called depends on what lies in the vault."""
    other = new_home(replace(home.settings, home=tmp_path / "home"))
    new_key(other, "anna")
    for each in (home, other):
        add(each, folder)
    called = [
        {path.name for part in ("intake", "locks") for path in (each.path / part).iterdir()} for each in (home, other)
    ]
    assert called[0] & called[1] == {"datasets.lock", "keys.lock"}


def test_notes_that_are_damaged_are_begun_anew_under_another_key(home: Home, folder: Path) -> None:
    left = iter(range(4))

    def until_stopped(phase: str, done: int, total: int) -> None:
        if next(left, None) is None:
            raise Stopped

    with pytest.raises(Stopped):
        add(home, folder, until_stopped)
    notes = notes_of(home, folder)
    asset = json.loads(notes.read_text().splitlines()[0])["asset"]
    notes.write_text(notes.read_text().replace('"rate": 44100', '"rate": 0'))
    assert record_of(home, add(home, folder)).asset != asset
    assert not home.vault().holds(asset)


@pytest.mark.slow
def test_what_a_killed_run_had_sent_is_recorded_under_names_that_are_known(
    home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a network: its transaction was on its way, and is mined while the same command runs again."""
    real, sent = Contracts.register_dataset, list[tuple[Any, ...]]()

    def dies(*arguments: Any) -> DatasetEntry:
        sent.append(arguments)
        raise Stopped

    def mined_before(self: Contracts, *arguments: Any) -> DatasetEntry:
        real(self, *sent[0][1:])
        return real(self, *arguments)

    monkeypatch.setattr(Contracts, "register_dataset", dies)
    with pytest.raises(Stopped):
        add(home, folder)
    monkeypatch.setattr(Contracts, "register_dataset", mined_before)
    done = add(home, folder)
    monkeypatch.undo()
    assert (done.already, str(done.entry.record)) == (True, str(sent[0][3]))
    assert add(home, folder).already
    record = record_of(home, done)
    names = private_names.read(home, record.root)
    assert len(names) == 4
    assert all(names[item.sha256].commitment == item.name_commitment for item in record.recordings)
    assert home.vault().holds(of_recordings(record.asset, record.root, record.holder))


@pytest.mark.slow
@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGINT])
def test_killed_for_real_at_any_moment_it_goes_on(home: Home, folder: Path, signal_: signal.Signals) -> None:
    for number in range(12):
        save(folder / f"long {number}.wav", chords(20.0, 1000 * signal_ + number))  # no other case's
    before = count(home)
    command = [sys.executable, "-c", "from api.cli import main; main()", "dataset", "add", str(folder)]
    command += ["--title", "songs", "--license", "MIT", "--price", "0.01", "--share", "5", "--key", "anna", "--json"]
    environment = {**os.environ, "STEMMATA_HOME": str(home.path), "STEMMATA_PASSPHRASE": PASSPHRASE}
    notes, killed = notes_of(home, folder), 0
    for files in (1, 4, 9, 14):
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            while process.poll() is None and lines(notes) <= files:
                time.sleep(0.01)
            killed += process.poll() is None
            process.send_signal(signal_)
            _, error = process.communicate()
            assert b"Traceback" not in error, error.decode()
    assert killed >= 3
    assert count(home) - before <= 1
    add(home, folder)
    assert count(home) == before + 1
    assert not list(home.folder("tmp").iterdir())


def lines(notes: Path) -> int:
    return notes.read_bytes().count(b"\n") if notes.exists() else 0
