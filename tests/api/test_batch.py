"""Whole folders: nothing ends the run, nothing is done twice, and a kill loses nothing."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from errands import Stillborn, errand

from api.errors import HomeBusy
from api.settings import Settings
from api.workflows.batch import Auditor, Tally, batch, end_of, files, state, write
from api.workflows.crew import Crew, Limits, Lost
from api.workflows.inbox import watch
from api.workflows.journal import Journal, Line, Stamp, settled
from gen.audio import save
from gen.waveform import Waveform

DIGEST = "ab" * 32


def now() -> datetime:
    return datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)


def tone(path: Path, hertz: float = 440.0, seconds: float = 1.0) -> Path:
    time_ = np.arange(round(seconds * 8000)) / 8000
    save(path, Waveform(0.5 * np.sin(2 * np.pi * hertz * time_, dtype=np.float32)[np.newaxis], 8000))
    return path


def outcome(verdict: str) -> Line:
    return {
        "sha256": DIGEST,
        "outcome": {"verdict": verdict, "file": "x", "conclusions": [], "tracks": [], "seconds": 1.0},
    }


class Here:
    """Does the job in this process, and keeps a list of what it was given."""

    def __init__(self, job: Any) -> None:
        self.job, self.given = job, list[str]()

    def run(self, paths: Iterator[Path]) -> Iterator[tuple[Path, Line | Lost]]:
        for path in paths:
            self.given.append(path.name)
            yield path, self.job(path)


# -- the crew


def test_whatever_a_file_does_to_its_process_the_others_are_done() -> None:
    names = ["a", "dies", "b", "hangs", "eats", "fails", "c", "dies", "d"]
    with Crew(errand, 2, Limits(seconds=1.0, memory=1 << 28)) as crew:
        answers = [(path.name, answer) for path, answer in crew.run(iter(map(Path, names)))]
        again = [answer for _, answer in crew.run(iter([Path("e")]))]
    assert sorted(name for name, _ in answers) == sorted(names)
    said = dict(answers)
    assert {name: said[name] for name in "abcd"} == {name: {"done": name} for name in "abcd"}
    assert said["dies"] == Lost("its process died (SIGKILL)")
    assert said["hangs"] == Lost("not done after 1 s")
    assert isinstance(said["eats"], dict) and said["eats"]["error"]["name"] == "TooExpensive"
    assert said["fails"] == {"error": {"name": "ValueError", "message": "no such thing"}}
    assert again == [{"done": "e"}]


def test_processes_that_do_not_start_are_an_error_with_a_name() -> None:
    with Crew(Stillborn(), 1) as crew, pytest.raises(ChildProcessError, match=r"does not start \(exit status 3\)"):
        list(crew.run(iter([Path("a")])))


# -- the journal


def test_a_journal_finds_what_it_was_told_by_name_and_by_bytes(tmp_path: Path) -> None:
    path, stamp = tmp_path / "journal", Stamp(5, 7)
    with Journal(path, "s") as journal:
        journal.add("b", stamp, {"sha256": DIGEST, "n": 1})
        journal.add("a\udcff", stamp, {"sha256": None, "n": 2})
        journal.add("b", stamp, {"sha256": DIGEST, "n": 3})
    with Journal(path, "s") as journal:
        assert [line["n"] for line in journal.lines()] == [2, 3]
        found = journal.find("b", stamp)
        assert found is not None and found["n"] == 3
        assert journal.find("b", Stamp(5, 8)) is None
        same = journal.same(DIGEST)
        assert same is not None and same["n"] == 3
    with Journal(path, "another state") as journal:
        assert journal.find("b", stamp) is None and not journal.has_digests


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_line_that_a_kill_cut_off_is_dropped_and_written_again(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal"
    with Journal(path, "s") as journal:
        journal.add("a", Stamp(1, 1), {"sha256": None})
        whole = path.stat().st_size
        journal.add("b", Stamp(2, 2), {"sha256": None})
    os.truncate(path, path.stat().st_size - cut)
    with Journal(path, "s") as journal:
        assert path.stat().st_size == whole
        assert [line["file"] for line in journal.lines()] == ["a"]
        journal.add("b", Stamp(2, 2), {"sha256": None})
        assert [line["file"] for line in journal.lines()] == ["a", "b"]


def test_two_runs_do_not_write_into_one_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal", "s"), pytest.raises(HomeBusy, match="another run"):
        Journal(tmp_path / "journal", "s")
    Journal(tmp_path / "journal", "s").__exit__(None, None, None)


# -- a run


def test_which_files_are_audited(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("b.wav", "sub/a.mp3", "out/x.wav", ".hidden/y.wav", ".z.wav", "b.wav.audit.html", "b.wav.audit.json"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "link.wav").symlink_to(tmp_path / "b.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    assert [str(path.relative_to(tmp_path)) for path in files(tmp_path, tmp_path / "out")] == ["b.wav", "sub/a.mp3"]


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ((), 0),
        (("verified", "skipped"), 0),
        (("verified", "unknown"), 3),
        (("unknown", "failed"), 1),
        (("failed", "unverifiable"), 5),
        (("unverifiable", "invalid", "failed", "unknown"), 4),
    ],
)
def test_the_exit_code_is_the_worst_files(ends: tuple[str, ...], code: int) -> None:
    tally = Tally()
    tally.ends.update(ends)
    assert tally.exit_code == code


def test_what_could_not_be_checked_is_tried_again_and_nothing_else(tmp_path: Path) -> None:
    verdicts = {"a": "verified", "b": "unverifiable", "c": "invalid"}
    for name in verdicts:
        (tmp_path / name).write_text(name)
    auditor = Auditor(Settings(tmp_path / "home"), tmp_path, now)
    crew: Any = Here(lambda path: {**outcome(verdicts[path.name]), "sha256": path.name * 64})
    with Journal(tmp_path / ".journal", "s") as journal:
        paths = list(files(tmp_path))
        assert batch(auditor, paths, journal, crew).exit_code == 4
        tally = batch(auditor, paths, journal, crew)
    assert crew.given == ["a", "b", "c", "b"]
    assert tally.before == 2


def test_the_same_bytes_under_another_name_are_not_audited_again(tmp_path: Path) -> None:
    auditor = Auditor(Settings(tmp_path / "home"), tmp_path / "in", now)
    (tmp_path / "in").mkdir()
    tone(tmp_path / "in" / "a.wav")
    crew: Any = Here(auditor)
    with Journal(tmp_path / "journal", "s") as journal:
        batch(auditor, list(files(tmp_path / "in")), journal, crew)
        (tmp_path / "in" / "a.wav").rename(tmp_path / "in" / "b.wav")
        tone(tmp_path / "in" / "c.wav", 660)
        tally = batch(auditor, list(files(tmp_path / "in")), journal, crew)
        lines = {line["file"]: line for line in journal.lines()}
    assert crew.given == ["a.wav", "c.wav"] and tally.before == 1
    assert lines["b.wav"]["outcome"]["file"] == "b.wav"
    assert lines["b.wav"]["sha256"] == lines["a.wav"]["sha256"] != lines["c.wav"]["sha256"]


def test_a_table_that_no_spreadsheet_runs_and_no_name_breaks(tmp_path: Path) -> None:
    names = ["=cmd|' /C calc'!A0", 'a,\n"b"', "\udcff.wav", "+1", "z"]
    with Journal(tmp_path / "journal", "s") as journal:
        for name in names[:-1]:
            journal.add(name, Stamp(1, 1), {**outcome("verified"), "audited": "2026-11-23T10:00:00Z"})
        broken = {
            "error": {"name": "CorruptAudio", "message": "z: torn"},
            "sha256": None,
            "audited": "2026-11-23T10:00:00Z",
        }
        journal.add("z", Stamp(1, 1), broken)
        write(tmp_path, journal.lines)
    with (tmp_path / "audits.csv").open(newline="", encoding="utf-8") as table:
        rows = {row["file"]: row for row in csv.DictReader(table)}
    assert set(rows) == {"'=cmd|' /C calc'!A0", 'a,\\n"b"', "\\udcff.wav", "'+1", "z"}
    assert rows["z"]["verdict"] == "failed" and rows["z"]["remark"] == "CorruptAudio: z: torn"
    full = [json.loads(line) for line in (tmp_path / "audits.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(full) == len(names)
    assert [end_of(line) for line in full].count("verified") == 4


def test_the_state_is_another_with_another_chain_or_other_reports(tmp_path: Path) -> None:
    from api.home import Home

    settings = Settings(tmp_path)
    plain = Auditor(settings, tmp_path, now)
    before = state(Home(settings), plain)
    assert state(Home(settings), Auditor(settings, tmp_path, now, ("html",))) != before
    (tmp_path / "deployment.json").write_text("{}")
    assert state(Home(settings), plain) != before


def test_answers_settle_but_for_what_could_not_be_checked() -> None:
    assert [settled(outcome(verdict)) for verdict in ("verified", "invalid", "unknown", "unverifiable")] == [
        True,
        True,
        True,
        False,
    ]
    assert settled({"error": {}}) and settled({"skipped": "no audio"})


def listing(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "audits.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    inbox, out = tmp_path / "in", tmp_path / "in-audits"
    inbox.mkdir()
    for number in range(12):
        tone(inbox / f"{number:02}.wav", 300 + number, 2.0)
    (inbox / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    (inbox / "torn.wav").write_bytes((inbox / "00.wav").read_bytes()[:30])
    environment = {**os.environ, "STEMMATA_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", "from api.cli import main; main()", "audit", "--batch", str(inbox), "--json"]
    running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = out / "journal.jsonl"
    deadline = time.monotonic() + 120
    while not journal.exists() or journal.read_bytes().count(b"\n") < 3:
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    running.kill()
    running.wait()
    done = journal.read_bytes().count(b"\n")
    assert not (out / "audits.csv").exists()
    second = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert second.returncode == 1, second.stderr
    said = json.loads(second.stdout)
    assert said["files"] == 14 and said["before"] >= done
    assert said["ends"] == {"failed": 1, "skipped": 1, "unknown": 12}
    assert [line["file"] for line in listing(out)] == sorted(
        [*(f"{n:02}.wav" for n in range(12)), "cover.jpg", "torn.wav"]
    )


# -- the inbox


def test_a_watched_file_is_audited_once_and_only_when_it_is_whole(tmp_path: Path) -> None:
    inbox, clock = tmp_path / "in", [0.0]
    inbox.mkdir()
    auditor = Auditor(Settings(tmp_path / "home"), inbox, now, ("json",))
    half, whole = inbox / "half.wav", tone(inbox / "whole.wav")
    (inbox / "empty.wav").touch()

    def step(seconds: float) -> None:
        """Time passes, and somebody goes on copying."""
        clock[0] += seconds
        if clock[0] <= 20:
            half.write_bytes(whole.read_bytes()[: int(clock[0]) * whole.stat().st_size // 20])
        if clock[0] > 60:
            raise KeyboardInterrupt

    def watched(journal: Journal) -> list[tuple[float, str, str]]:
        crew: Any = Here(auditor)
        seen = []
        with pytest.raises(KeyboardInterrupt):
            for path, line in watch(auditor, journal, crew, clock=lambda: clock[0], sleep=step):
                seen.append((clock[0], path.name, end_of(line)))
        return seen

    with Journal(tmp_path / "journal", "s") as journal:
        assert watched(journal) == [(10.0, "whole.wav", "unknown"), (30.0, "half.wav", "unknown")]
    assert {path.name for path in inbox.iterdir()} >= {"half.wav.audit.json", "whole.wav.audit.json"}
    clock[0] = 0.0
    half.unlink()
    with Journal(tmp_path / "journal", "s") as journal:
        assert [name for _, name, _ in watched(journal)] == ["half.wav"]  # it is another file now
