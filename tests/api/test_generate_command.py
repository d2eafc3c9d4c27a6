"""What ``stemmata generate`` and ``audit`` refuse before they open anything."""

from pathlib import Path

import pytest
from shell import Shell
from story import Story

from gen.generate import Generator
from ledger.digest import Digest


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


@pytest.mark.slow
def test_a_command_that_was_given_before_says_so_and_makes_nothing(
    story: Story, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["generate", "--model", str(story.model), "--seconds", "3", "--key", "carl", "--out"]
    first = shell.json(*words, str(tmp_path / "a.wav"))
    assert first["already"] is False
    another = tmp_path / "another.wav"
    another.write_bytes(b"RIFF")
    shell.json(*words, str(tmp_path / "b.wav"), "--seed", "1")
    monkeypatch.setattr(Generator, "record", lambda *_: pytest.fail("it was made again"))
    assert shell.json(*words, str(tmp_path / "a.wav")) == {**first, "already": True}
    assert "a.wav  3.0 s (made before)" in shell.run(*words, str(tmp_path / "a.wav")).out
    absent = shell.run(*words, str(tmp_path / "c.wav"), "--device", "cuda:99")
    assert (absent.code, "device: " in absent.err, "choose cpu" in absent.err) == (1, True, True), absent
    # Another file, another track, and of several variations the second only.
    for out, more in (("another.wav", []), ("b.wav", []), ("b.wav", ["--variations", "2"])):
        if more:
            another.rename(tmp_path / "b-2.wav")
        result = shell.run(*words, str(tmp_path / out), *more)
        assert result.code == 2 and "exists and is another file" in result.err, result
    monkeypatch.undo()
    # What another source would make of it is not known before it is made.
    monkeypatch.setattr("api.workflows.made_before.code_digest", lambda: Digest.of(b"another"))
    assert shell.json(*words, str(tmp_path / "a.wav"))["already"] is True


def test_a_file_is_no_model_and_a_file_that_is_no_audio_is_said_to_be_that(tmp_path: Path) -> None:
    shell, file = Shell(tmp_path / "home"), tmp_path / "track.wav"
    file.write_bytes(b"no sound")
    for words in (["model", "audit", str(file)], ["model", "audit", "0"], ["model", "audit", "²"]):
        result = shell.run(*words)
        assert result.code == 2 and "a model has a number" in result.err
        assert (f"`stemmata audit {file}`" in result.err) == (words[-1] == str(file))
    result = shell.run("audit", str(file))
    assert result.code == 2 and result.err.count("Error: ") == 1 and "NotAudio" not in result.err, result.err


@pytest.mark.parametrize("arguments", [["--key", "carl"], ["--report", "r.json"], ["--primer", __file__]])
def test_options_that_go_together_are_asked_for_together(tmp_path: Path, arguments: list[str]) -> None:
    result = Shell(tmp_path / "home").run("audit", __file__, *arguments)
    assert result.code == 2
    assert "go" in result.err
