"""A folder is looked at before it is registered: what is wrong, what is there twice, of what there is little."""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from chords import chords
from shell import Shell

from gen.audio import Waveform, encode, save
from gen.confined import ConfinedDecoder
from gen.decode import Decoded

ALONE = {"STEMMATA_CORPUS_ENGINE": "local:1"}
"""Works in the test's own process; `tests/gen/test_engine.py` has the others."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("report") / "tapes"
    (made / "b").mkdir(parents=True)
    first = chords(14.0, 1)
    save(made / "one.wav", first)
    encode(made / "b" / "one again.mp3", Waveform(first.samples[:, :-44100], 44100), 96)
    clipped = np.clip(chords(9.0, 2).samples * 20, -0.9, 0.9).astype(np.float32)
    save(made / "loud.wav", Waveform(clipped, 44100))
    (made / "broken.wav").write_bytes(b"RIFF" + bytes(100))
    with (made / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "genre", "artist"])
        table.writerows([["one.wav", "Waltz", "Zelda Quux"], ["loud.wav", "Noise", ""], ["gone.wav", "Waltz", ""]])
    return made


@pytest.mark.slow
def test_all_of_it_is_said_and_nothing_written_but_figures(folder: Path, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "home", ALONE)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    found = shell.json("dataset", "report", str(folder))
    assert [item["file"] for item in found["recordings"]] == ["b/one again.mp3", "loud.wav", "one.wav"]
    one = found["recordings"][2]
    assert one["seconds"] == 14.0
    assert one["loudness"]["true_peak"] < 0
    assert one["labels"]["artist"] == "Zelda Quux"
    assert one["description"] is None or one["description"]["tempo"] > 0
    assert "clipping" in [defect["defect"] for defect in found["recordings"][1]["defects"]]
    assert [(item["file"], item["error"]["name"]) for item in found["refused"]] == [("broken.wav", "NotAudio")]
    assert found["copies"] == [["one.wav", "b/one again.mp3"]]
    assert found["unmatched"] == ["gone.wav"]
    counted = found["balance"]
    assert (counted["takes"], counted["copies"], round(counted["seconds"])) == (2, 1, 23)
    assert [(group["name"], round(group["seconds"])) for group in counted["groups"]["artist"]] == [
        ("Zelda Quux", 14),
        (None, 9),
    ]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert [path.name for path in (tmp_path / "home").iterdir()] in ([], ["measured"])
    kept = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())
    assert len(kept) < 100_000 and b"one" not in kept and b"Quux" not in kept


@pytest.mark.slow
def test_the_second_report_decodes_nothing(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("librosa")
    pytest.importorskip("torch")
    decoded: list[str] = []
    decode = ConfinedDecoder.__call__

    def counted(self: ConfinedDecoder, file: BinaryIO, name: str, most_samples: int) -> Decoded:
        decoded.append(Path(name).name)
        return decode(self, file, name, most_samples)

    monkeypatch.setattr(ConfinedDecoder, "__call__", counted)
    shell = Shell(tmp_path / "home", ALONE)
    first = shell.json("dataset", "report", str(folder))
    assert sorted(decoded) == ["broken.wav", "loud.wav", "one again.mp3", "one.wav"]
    decoded.clear()
    assert shell.json("dataset", "report", str(folder)) == first
    assert decoded == ["broken.wav"]
    shell.json("dataset", "report", str(folder), "--allow-resampled")
    assert "one.wav" in decoded  # other settings are another measurement


def test_an_engine_that_there_is_not_is_named(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("librosa")
    pytest.importorskip("torch")
    shell = Shell(tmp_path / "home", {"STEMMATA_CORPUS_ENGINE": "spark"})
    said = shell.refusal("dataset", "report", str(folder), code=2)
    assert said.startswith("UsageError: STEMMATA_CORPUS_ENGINE: ") and "'spark'" in said


def test_in_words(folder: Path, tmp_path: Path) -> None:
    said = Shell(tmp_path / "home", ALONE).run("dataset", "report", str(folder)).out
    assert said.startswith("3 recordings, 0.6 min\n")
    for line in (
        "refused  broken.wav: NotAudio: ",
        "one take  one.wav, b/one again.mp3\n",
        "labels  gone.wav: no such recording\n",
        "balance  2 takes, 0.4 min; 1 copy of these, 0.2 min, not counted\n",
        "  genre     Waltz: 1, 0.2 min\n",
        "  era       unknown: 2, 0.4 min\n",
        " waves are cut off flat, at ",
    ):
        assert line in said
    if find_spec("torch") and find_spec("librosa"):
        for line in ("\ntempo  ", "\nkey  ", "\nspectrum  centroid ", "  flatness "):
            assert line in said


def test_a_table_that_cannot_be_read_is_named(folder: Path, tmp_path: Path) -> None:
    save(tmp_path / "one.wav", chords(1.0))
    (tmp_path / "labels.csv").write_text("file,mood\none.wav,glad\n")
    said = Shell(tmp_path / "home").refusal("dataset", "report", str(tmp_path))
    assert said.startswith("LabelError: ") and "'mood' is no label" in said
