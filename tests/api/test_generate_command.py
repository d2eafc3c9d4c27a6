"""What ``stemmata generate`` and ``audit`` refuse before they open anything."""

from pathlib import Path

import pytest
from shell import Shell


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--morph", "nowhere"], "--morph 'nowhere'"),
        (["--morph", "seed=-1"], "--morph 'seed=-1'"),
        (["--morph", "style=1:x"], "--morph style '1:x'"),
        (["--label", "mood=3"], "--label 'mood=3'"),
        (["--label", "genre=blue"], "--label 'genre=blue'"),
        (["--style", "1;2"], "--style '1;2'"),
        (["--temperature", "9"], "--temperature '9'"),
        (["--top-p", "0"], "--top-p '0'"),
        (["--beams", "65"], "--beams"),
        (["--variations", "0"], "--variations"),
        (["--repeat-limit", "nan"], "--repeat-limit nan"),
        (["--primer", "nothing.wav"], "--primer"),
    ],
)
def test_wishes_that_make_no_sense_are_usage_errors(tmp_path: Path, arguments: list[str], said: str) -> None:
    out = tmp_path / "out.wav"
    result = Shell(tmp_path / "home").run("generate", "--model", "1", "--out", str(out), "--key", "carl", *arguments)
    assert result.code == 2
    assert said in result.err
    assert not out.exists()


@pytest.mark.parametrize("arguments", [["--key", "carl"], ["--report", "r.json"], ["--primer", __file__]])
def test_options_that_go_together_are_asked_for_together(tmp_path: Path, arguments: list[str]) -> None:
    result = Shell(tmp_path / "home").run("audit", __file__, *arguments)
    assert result.code == 2
    assert "go" in result.err
