"""abc2midi, another reader of ABC (Debian's abcmidi), finds the same notes in our scores."""

import shutil
import subprocess
from collections import Counter

import pytest

from gen import score

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not shutil.which("abc2midi") or not shutil.which("midi2abc"), reason="needs Debian's abcmidi"),
]
TICKS = 480  # per quarter note
GRID = 120  # a sixteenth: abc2midi strikes the notes of a chord one after another, up to 40 ticks late


@pytest.mark.parametrize("name", score.names())
def test_abc2midi_reads_the_same_notes(name, tmp_path):
    midi = tmp_path / "tune.mid"
    said = subprocess.run(
        ["abc2midi", score.SCORES / f"{name}.abc", "-o", midi], capture_output=True, text=True, check=True
    )
    assert "Error" not in said.stdout
    assert "Warning" not in said.stdout
    listed = subprocess.run(["midi2abc", midi, "-midigram"], capture_output=True, text=True, check=False).stdout
    rows = [line.split() for line in listed.splitlines()]
    theirs = Counter(
        (round(int(start) / GRID), round(int(end) / GRID), int(pitch))
        for start, end, _, _, pitch, _ in (row for row in rows if len(row) == 6 and row[0].isdigit())
    )
    ours = Counter(
        (round(note.start * TICKS / GRID), round((note.start + note.length) * TICKS / GRID), note.pitch)
        for note in score.load(name).notes
    )
    assert theirs == ours
