"""Scores of the package music21, performed by FluidSynth (Debian's fluidsynth and fluid-soundfont-gm)."""

import csv
import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from gen.corpus import scan

ROOT = Path(__file__).parent.parent.parent
SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not shutil.which("fluidsynth") or not SOUNDFONT.exists(), reason="needs FluidSynth's programs"),
    pytest.mark.skipif(
        not all(importlib.util.find_spec(name) for name in ("music21", "mido")), reason="needs pip install music21 mido"
    ),
]


def render(folder, *options):
    command = [sys.executable, ROOT / "scripts" / "render_scores.py", folder, "--workers", "1", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_composer_becomes_recordings_with_labels_and_sources(tmp_path):
    # Madrigals have chord names above the staff, which music21 writes as notes that never end.
    done = render(tmp_path, "--styles", "monteverdi", "--minutes", "1")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "monteverdi"
    labels = rows(folder / "labels.csv")
    sources = rows(tmp_path / "SOURCES.csv")
    used = [row for row in sources if row["recording"]]
    assert [row["file"] for row in labels] == sorted(row["recording"] for row in used)
    assert labels[0]["composer"] == "Claudio Monteverdi"
    music21 = Path(importlib.util.find_spec("music21").origin).parent
    for row in used:
        score = music21 / "corpus" / row["score"]
        assert row["sha256"] == hashlib.sha256(score.read_bytes()).hexdigest()
        about = soundfile.info(folder / row["recording"])
        assert (about.samplerate, about.channels, about.subtype) == (44100, 2, "PCM_16")
        assert about.duration == pytest.approx(float(row["seconds"]), abs=0.1)
        assert about.duration < 720
    assert [path.name for path in scan(folder).recordings] == [row["file"] for row in labels]

    # What is there is kept; what is not is made again, the same.
    first = folder / used[0]["recording"]
    before = hashlib.sha256(first.read_bytes()).hexdigest(), first.stat().st_mtime_ns
    render(tmp_path, "--styles", "monteverdi", "--minutes", "1")
    assert first.stat().st_mtime_ns == before[1]
    first.unlink()
    render(tmp_path, "--styles", "monteverdi", "--minutes", "1")
    assert hashlib.sha256(first.read_bytes()).hexdigest() == before[0]


def test_an_encoding_in_which_a_right_is_claimed_is_left_out(tmp_path):
    assert render(tmp_path, "--styles", "bach", "--minutes", "0.3").returncode == 0
    sources = rows(tmp_path / "SOURCES.csv")
    left_out = [row for row in sources if row["left_out_because"]]
    assert any("Greentree" in row["left_out_because"] for row in left_out)
    assert all(row["recording"] == "" for row in left_out)
    assert all(row["recording"] for row in sources if not row["left_out_because"])


def test_without_the_soundfont_it_says_what_to_install(tmp_path):
    done = render(tmp_path / "out", "--soundfont", tmp_path / "none.sf2")
    assert done.returncode == 1
    assert "apt install fluidsynth fluid-soundfont-gm" in done.stderr
    assert not (tmp_path / "out").exists()
