"""What registering a folder says of its recordings: defects, rates, labels; all of it for the holder alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from chords import chords
from shell import Shell
from story import MICRO, PASSPHRASE, new_home, new_key, now

from api import private_names
from api.home import Home
from api.settings import Settings
from api.workflows import datasets, forgetting, training
from gen.audio import save
from gen.labels import FIELDS
from gen.waveform import Waveform
from ledger.records import LABELS, DatasetRecord, LabelledDatasetRecord

TERMS_SAID = ("--license", "MIT", "--price", "0.01", "--share", "5", "--key", "anna")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = new_home(Settings(home=tmp_path / "home", passphrase=PASSPHRASE))
    new_key(made, "anna")
    return made


@pytest.fixture
def shell(home: Home) -> Shell:
    return Shell(home.path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good recording, one that is clipped, and one at 22050 Hz."""
    made = tmp_path / "recordings"
    (made / "live").mkdir(parents=True)
    save(made / "good.wav", chords(6.0, 901))
    loud = chords(6.0, 902)
    save(made / "live" / "loud.wav", Waveform(np.clip(loud.samples * 8, -0.5, 0.5), loud.rate))
    save(made / "old.wav", chords(6.0, 903).resampled(22050))
    return made


def add(shell: Shell, folder: Path, *more: str) -> dict[str, Any]:
    return shell.json("dataset", "add", str(folder), "--title", "songs", *TERMS_SAID, *more)


def record(home: Home, number: int = 1) -> DatasetRecord:
    with home.ledger() as ledger:
        return datasets.show(ledger, number)[1]


def warnings(done: dict[str, Any]) -> dict[str, list[str]]:
    return {each["file"]: each["warnings"] for each in done["findings"]}


def test_defects_are_told_and_refuse_nothing(home: Home, shell: Shell, folder: Path) -> None:
    (folder / "old.wav").unlink()
    done = add(shell, folder)
    assert warnings(done)["good.wav"] == []
    assert any("are cut off flat" in text for text in warnings(done)["live/loud.wav"])
    found = {each["file"]: each for each in done["findings"]}
    assert found["live/loud.wav"]["loudness"]["integrated"] > found["good.wav"]["loudness"]["integrated"]
    assert {defect["defect"] for defect in found["live/loud.wav"]["defects"]} >= {"clipping"}
    # Once more, nothing is decoded, and the same is told; for people on a line for each file.
    again = add(shell, folder)
    assert again["already"] and again["findings"] == done["findings"]
    text = shell.run("dataset", "add", str(folder), "--title", "songs", *TERMS_SAID).out
    (line,) = [line for line in text.splitlines() if "warning" in line]
    assert "live/loud.wav: " in line and "are cut off flat" in line
    # The record says none of it.
    assert (
        b"clipping" not in json.dumps(record(home).predicate()).encode()
        and b"integrated" not in json.dumps(record(home).predicate()).encode()
    )


def test_no_strangers_file_is_opened_by_a_decoder_in_our_own_process(
    shell: Shell, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **more: object) -> None:
        raise AssertionError("decoded here")

    monkeypatch.setattr("gen.decode.read", refuse)
    monkeypatch.setattr("av.open", refuse)
    monkeypatch.setattr("soundfile.SoundFile", refuse)
    assert add(shell, folder, "--allow-resampled")["recordings"] == 3


def test_less_than_44100_hz_is_accepted_where_that_is_asked_for(home: Home, shell: Shell, folder: Path) -> None:
    said = shell.refusal("dataset", "add", str(folder), "--title", "songs", *TERMS_SAID)
    assert said.startswith("BadRecordings: ") and "RateTooLow" in said
    done = add(shell, folder, "--allow-resampled")
    assert warnings(done)["old.wav"][0] == "22050 Hz: training brings it to 44100 Hz"
    assert {(item.rate, item.frames) for item in record(home).recordings} == {(44100, 6 * 44100), (22050, 6 * 22050)}
    assert shell.json("dataset", "croissant", "1", "--out", str(folder.parent / "sheet.json"))
    sheet = json.loads((folder.parent / "sheet.json").read_text())
    assert "at least 44.1 kHz, but for 1 of a lower rate" in sheet["rai:dataCollection"]


@pytest.mark.slow
def test_training_learns_from_what_has_a_lower_rate(home: Home, shell: Shell, folder: Path) -> None:
    for name in ("good.wav", "live/loud.wav"):
        (folder / name).unlink()
    add(shell, folder, "--allow-resampled")
    signer = home.signer("anna")
    assert training.train(home, [1], preset=MICRO, seed=1, signer=signer, now=now).entry.id == 1


@pytest.mark.slow
def test_what_was_accepted_at_another_rate_has_another_key(home: Home, shell: Shell, folder: Path) -> None:
    def assets() -> list[str]:
        return [record(home, number).asset for number in (1, 2)]

    assert add(shell, folder, "--allow-resampled")["dataset"] == 1
    assert shell.refusal("dataset", "add", str(folder), "--title", "songs", *TERMS_SAID).startswith("BadRecordings: ")
    done = add(shell, folder, "--skip-bad", "--allow-overlap")
    assert (done["dataset"], done["recordings"]) == (2, 2)
    assert len(set(assets())) == 2
    assert add(shell, folder, "--allow-resampled")["dataset"] == 1
    assert add(shell, folder, "--skip-bad")["dataset"] == 2


@pytest.mark.slow
def test_labels_are_shown_to_the_holder_and_forgotten_with_the_names(home: Home, shell: Shell, folder: Path) -> None:
    (folder / "old.wav").unlink()
    with soundfile.SoundFile(folder / "tagged.flac", "w", 44100, 2, format="FLAC") as target:
        target.artist, target.genre = "Brüll Quartet", "from the tags"
        target.write(chords(6.0, 904).samples.T)
    (folder / "labels.csv").write_text(
        "file,genre,work,region\ntagged.flac,waltz,,\nlive/loud.wav,march,Op. 7,Wien\n", encoding="utf-8"
    )
    add(shell, folder)

    def shown() -> dict[str, dict[str, str]]:
        return {item["name"]: item["labels"] for item in shell.json("dataset", "show", "1")["recordings"]}

    assert shown() == {
        "good.wav": {},
        "tagged.flac": {"genre": "waltz", "artist": "Brüll Quartet"},
        "live/loud.wav": {"genre": "march", "work": "Op. 7", "region": "Wien"},
    }
    assert "tagged.flac  genre: waltz  artist: Brüll Quartet" in shell.run("dataset", "show", "1").out
    # Others see none, and nothing that lies open has one.
    strangers = Shell(home.path, {"STEMMATA_PASSPHRASE": ""}).json("dataset", "show", "1")
    assert [item["labels"] for item in strangers["recordings"]] == [None] * 3
    for path in home.path.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert not any(word in data for word in ("Brüll".encode(), b"Op. 7", b"waltz")), path
    # Another table replaces them, and the dataset stays what it was.
    (folder / "labels.csv").write_text("file,genre\ngood.wav,polka\n")
    assert add(shell, folder)["already"]
    assert shown()["good.wav"] == {"genre": "polka"} and shown()["live/loud.wav"] == {}
    assert shown()["tagged.flac"] == {"genre": "from the tags", "artist": "Brüll Quartet"}
    # Without a table nothing is taken back.
    (folder / "labels.csv").unlink()
    assert add(shell, folder)["already"]
    assert shown()["good.wav"] == {"genre": "polka"}
    forgetting.forget(home, 1, confirm=lambda record: None)
    assert private_names.read(home, record(home).root) == {}
    assert add(shell, folder)["already"]
    assert private_names.read(home, record(home).root) == {}


def test_the_record_says_by_numbers_what_belongs_together(home: Home, shell: Shell, folder: Path) -> None:
    (folder / "old.wav").unlink()
    save(folder / "third.wav", chords(6.0, 905))
    (folder / "labels.csv").write_text(
        "file,genre,work\ngood.wav,Waltz,Op. 7\nlive/loud.wav,march,op.  7\nthird.wav,waltz,\n", encoding="utf-8"
    )
    add(shell, folder)
    made = record(home)
    assert isinstance(made, LabelledDatasetRecord) and LABELS == FIELDS
    names = {digest: name.text for digest, name in private_names.read(home, made.root).items()}
    said = {names[item.sha256]: item.labels for item in made.recordings}
    assert said["good.wav"][0] == said["third.wav"][0] != said["live/loud.wav"][0]
    assert said["good.wav"][4] == said["live/loud.wav"][4] == 1 and said["third.wav"][4] == 0
    first = made.recordings[0]
    assert first.labels[0] == 1  # the first to be numbered, whatever its name
    strangers = Shell(home.path, {"STEMMATA_PASSPHRASE": ""}).json("dataset", "show", "1")
    assert strangers["recordings"][0]["label_numbers"] == dict(zip(LABELS, first.labels, strict=True))
    text = Shell(home.path, {"STEMMATA_PASSPHRASE": ""}).run("dataset", "show", "1").out
    assert f"{first.sha256}  genre 1{'  work 1' * bool(first.labels[4])}\n" in text
    # What is said in public stays as it was said, whatever the table says later.
    (folder / "labels.csv").write_text("file,genre\ngood.wav,polka\n")
    assert add(shell, folder)["already"] and record(home) == made


def test_what_belongs_together_can_be_kept_out_of_the_record(home: Home, shell: Shell, folder: Path) -> None:
    (folder / "old.wav").unlink()
    (folder / "labels.csv").write_text("file,genre\ngood.wav,waltz\nlive/loud.wav,waltz\n")
    add(shell, folder, "--hide-labels")
    assert type(record(home)) is DatasetRecord
    shown = shell.json("dataset", "show", "1")["recordings"]
    assert [item["labels"] for item in shown] == [{"genre": "waltz"}] * 2
    assert [item["label_numbers"] for item in shown] == [None] * 2


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("file,genre\ngod.wav,waltz\n", "'god.wav', which is no recording there"),
        ("file,mood\ngood.wav,sad\n", "'mood' is no label"),
        ("name\ngood.wav\n", "no column 'file'"),
    ],
)
def test_a_table_that_makes_no_sense_is_said_before_anything_is_done(
    home: Home, shell: Shell, folder: Path, table: str, said: str
) -> None:
    (folder / "labels.csv").write_text(table)
    refusal = shell.refusal("dataset", "add", str(folder), "--title", "songs", *TERMS_SAID)
    assert refusal.startswith("LabelError: ") and said in refusal
    assert not (home.path / "intake").exists()


@pytest.mark.slow
def test_a_hostile_folder_is_registered_without_what_is_bad_and_never_by_halves(
    home: Home, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "gen")
    import hostile

    folder = tmp_path / "hostile"
    folder.mkdir()
    hostile.put_into(folder)
    (folder / "up").unlink()  # the folder above holds the home
    said = shell.refusal("dataset", "add", str(folder), "--title", "traps", *TERMS_SAID)
    assert said.startswith("BadRecordings: ")
    with home.ledger() as ledger:
        assert list(ledger.contracts.datasets()) == []
    done = add(shell, folder, "--skip-bad")
    found, left = {each["file"] for each in done["findings"]}, {each["file"] for each in done["omitted"]}
    assert len(left) > 100 and found.isdisjoint(left)
    assert all(each["reason"] not in ("AudioError", "Exception") for each in done["omitted"])
    assert {"nan.wav", "zip.wav", "pipe.wav", "socket.wav", "zero.wav", "rate_1.wav", "bomb.flac", "cut_1.mp3"} <= left
    assert {"claims_4_gb.wav", "rf64_lies.wav", "many_chunks.wav", "id3_many_frames.mp3"} <= found
    told = record(home)
    assert len(told.recordings) == done["recordings"] == len(found) and len(told.omitted) == len(left)
    # All that the record names is there and whole, and no decoder is left running.
    assert shell.run("content", "fsck").code == 0
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    commands = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children]
    assert not any(b"gen.decoder" in command for command in commands)
    assert add(shell, folder, "--skip-bad")["already"]
