"""What a job says of a failure: nothing of the keeper's disk, and what a request can say instead of options."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.errors import BadRecordings, UsageError
from api.http import problems
from api.service.wording import worded
from gen.errors import NotAudio

HOME = Path("/srv/stemmata")
ID = "rDo8Xr0eYVvQ1uYV5bS0x-"


def said(text: str) -> str:
    return worded(text, uploads=HOME / "uploads", jobs=HOME / "jobs", home=HOME)


def test_files_go_by_their_names_and_options_by_their_fields() -> None:
    path = HOME / "uploads" / ID / "new" / "cut.wav"
    text = said(str(BadRecordings([(path, NotAudio(f"{path}: no sound"))])))
    assert "  new/cut.wav\n    NotAudio: new/cut.wav: no sound" in text
    assert "leave them out with skip_bad: true (the record" in text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"{HOME}/uploads/{ID}: holds no audio", "the upload: holds no audio"),
        (f"{HOME}/jobs/{ID}/track-1.wav: altered", "track-1.wav: altered"),
        (f"{HOME}/keys/a.json and /mnt{HOME}/a", f"keys/a.json and /mnt{HOME}/a"),
        ("no share; --all pulls for all", "no share; everybody: true pulls for all"),
        ("--seconds 2: between 3 and 5", "seconds 2: between 3 and 5"),
        ("try a higher --temperature, another --morph style", "try a higher temperature, another morph_style"),
        ("a--all.wav, --all.wav", "a--all.wav, --all.wav"),  # names of files
        (
            "buy one with: stemmata license buy 3 --use train; or --use train",
            "buy one with: stemmata license buy 3 --use train; or uses train",
        ),
    ],
)
def test_words(text: str, wanted: str) -> None:
    assert said(text) == wanted


def test_a_problem_names_fields() -> None:
    told = problems.problem(UsageError("--until 2001-01-01: that is over already"))
    assert told["detail"] == "until 2001-01-01: that is over already"
