"""Audit whole folders: many files at once, each on its own, and what was done stays done.

A file that cannot be audited is a line with its error, never the end of the run. The outcome of a run is a table
(``audits.csv``) and everything in full (``audits.jsonl``), written whole from the journal at its end.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal

from api.home import Home
from api.reports.texts import Language
from api.reports.visible import visible
from api.settings import Settings
from api.workflows.crew import Crew, Lost
from api.workflows.journal import Journal, Line, Stamp, settled
from ledger.digest import Digest

if TYPE_CHECKING:
    from api.workflows.evidence.hearing import Hearing

Form = Literal["json", "html", "pdf"]
MARK: Final = ".audit."
"""Between the name of a file and the ending of its report."""
JOURNAL: Final = "journal.jsonl"
COLUMNS: Final = ("file", "verdict", "cases", "certainty", "tracks", "seconds", "sha256", "audited", "remark")
# The embedded chain is open to one process at a time; more than this would only wait for each other.
MOST_WORKERS: Final = 8
_WORST: Final = (("invalid", 4), ("unverifiable", 5), ("failed", 1), ("unknown", 3))


@dataclass(frozen=True, slots=True)
class Auditor:
    """Audits one file after another, in whatever process; reports in ``forms`` are written before it answers.

    ``place`` is the folder that names of files are told from; reports lie in ``reports`` under the same names, or
    beside the files where that is None.
    """

    settings: Settings
    place: Path
    now: Callable[[], datetime]
    forms: tuple[Form, ...] = ()
    reports: Path | None = None
    language: Language = "en"
    hearing: Hearing | None = field(default=None, repr=False)

    def __call__(self, path: Path) -> Line:
        """``sha256`` and ``audited``, with ``outcome``, ``error`` or, of what is no audio, ``skipped``."""
        from api.report import as_json
        from api.workflows.audit import audit
        from gen.errors import AudioError, NotAudio
        from ledger.records import timestamp

        when = self.now()
        answer: Line = {"sha256": None, "audited": timestamp(when)}
        try:
            answer["sha256"] = str(Digest.of_file(path))
            outcome = audit(Home(self.settings), path, hearing=self.hearing)
            content = as_json(outcome, visible(self.name(path)))
            self._report(path, content, outcome, when)
            return {**answer, "outcome": content}
        except NotAudio as error:
            return {**answer, "skipped": visible(str(error))}
        except (AudioError, OSError) as error:
            return {**answer, "error": {"name": type(error).__name__, "message": visible(str(error))}}

    def name(self, path: Path) -> str:
        """What a file is called within the folder."""
        return str(path.relative_to(self.place))

    def report(self, path: Path, form: Form) -> Path:
        """Where the report of a file lies."""
        folder = path.parent if self.reports is None else self.reports / path.relative_to(self.place).parent
        return folder / f"{path.name}{MARK}{form}"

    def _report(self, path: Path, content: dict[str, Any], outcome: Any, when: datetime) -> None:
        from api.reports import writing
        from ledger import file

        where = {form: self.report(path, form) for form in self.forms}
        for target in where.values():
            target.parent.mkdir(parents=True, exist_ok=True)
        if "json" in where:
            text = json.dumps(content, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace")
            file.write(where["json"], lambda out: out.write(text + b"\n"), mode=0o644)
        html, pdf = where.get("html"), where.get("pdf")
        writing.deliver(Home(self.settings), path, outcome, language=self.language, when=when, html=html, pdf=pdf)


@dataclass
class Tally:
    """How many files came to which end, and how many of them in an earlier run; and which came to no verdict."""

    ends: Counter[str] = field(default_factory=Counter)
    before: int = 0
    without: list[tuple[str, str]] = field(default_factory=list)
    """Each that was skipped or failed: which of these, and its name with the reason."""

    @property
    def exit_code(self) -> int:
        """That of the worst file: something wrong, not checked, not auditable, not known; then verified."""
        return next((code for end, code in _WORST if self.ends[end]), 0)


def end_of(line: Line) -> str:
    """The verdict of a line; ``failed`` for a file that could not be audited, ``skipped`` for one that is no audio."""
    if "outcome" in line:
        return str(line["outcome"]["verdict"])
    return "skipped" if "skipped" in line else "failed"


def processors() -> int:
    """How many processes a run has if nobody says otherwise."""
    return min(MOST_WORKERS, len(os.sched_getaffinity(0)))


def state(home: Home, auditor: Auditor) -> str:
    """What answers depend on beside the file: this version, the contracts, and how it is listened to."""
    from importlib.metadata import version

    where = home.settings.deployment or home.path / "deployment.json"
    contracts = str(Digest.of_file(where)) if where.is_file() else "none"
    how = auditor.hearing
    heard = how and (how.search_speed, [name for name, _ in how.keys], how.trust)
    said = (version("stemmata"), contracts, sorted(auditor.forms), auditor.language, heard)
    return str(Digest.of(repr(said).encode()))[:16]


def files(folder: Path, apart: Path | None = None) -> Iterator[Path]:
    """All regular files of a folder and its folders, by name; without hidden ones, links, reports, and ``apart``."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and Path(place, name) != apart)
        for name in sorted(names):
            path = Path(place, name)
            if not name.startswith(".") and not is_report(name) and path.is_file() and not path.is_symlink():
                yield path


def is_report(name: str) -> bool:
    """Whether a file is one that we wrote."""
    return name.endswith(tuple(f"{MARK}{form}" for form in ("json", "html", "pdf")))


def batch(
    auditor: Auditor,
    paths: Sequence[Path],
    journal: Journal,
    crew: Crew,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Tally:
    """Audit files that the journal does not know yet. ``report`` is told how many are done, of how many."""
    tally = Tally()
    done = 0

    def count(line: Line) -> None:
        nonlocal done
        done += 1
        end = end_of(line)
        tally.ends[end] += 1
        if "outcome" not in line:
            tally.without.append((end, f"{visible(line['file'])}: {_remark(line)}"))
        report(done, len(paths))

    def missing() -> Iterator[Path]:
        for path in paths:
            line = known(auditor, journal, path)
            if line is None:
                stamps[path] = _stamp(path)
                yield path
            else:
                tally.before += 1
                count(line)

    stamps: dict[Path, Stamp] = {}
    for path, answer in crew.run(missing()):
        count(note(auditor, journal, path, stamps.pop(path), answer))
    return tally


def known(auditor: Auditor, journal: Journal, path: Path) -> Line | None:
    """The answer about a file from an earlier run, if it would be the same now; by its name, or else by its bytes."""
    name, stamp = auditor.name(path), _stamp(path)
    line = journal.find(name, stamp)
    if line is None and journal.has_digests and not auditor.forms:
        try:
            line = journal.same(str(Digest.of_file(path)))
        except OSError:
            return None
        if line is not None and settled(line):
            answer: Line = {
                key: line[key] for key in ("sha256", "audited", "outcome", "error", "skipped") if key in line
            }
            if "outcome" in answer:
                answer["outcome"] = {**answer["outcome"], "file": visible(name)}
            return journal.add(name, stamp, answer)
    return line if line is not None and settled(line) else None


def note(auditor: Auditor, journal: Journal, path: Path, stamp: Stamp, answer: Line | Lost) -> Line:
    """Write down what became of a file."""
    from ledger.records import timestamp

    if isinstance(answer, Lost):
        answer = {"error": {"name": "Lost", "message": f"{visible(path.name)}: {answer.reason}; leave it out"}}
    answer = {"sha256": None, "audited": timestamp(auditor.now()), **answer}
    return journal.add(auditor.name(path), stamp, answer)


def write(folder: Path, lines: Callable[[], Iterator[Line]]) -> None:
    """The table and the lines in full, each whole or not at all."""
    from ledger import file

    def table(out: IO[bytes]) -> None:
        text = io.TextIOWrapper(out, "utf-8", "backslashreplace", newline="", write_through=True)
        rows = csv.writer(text)
        rows.writerow(COLUMNS)
        for line in lines():
            rows.writerow([_harmless(cell) for cell in _row(line)])
        text.detach()

    def full(out: IO[bytes]) -> None:
        for line in lines():
            content = {key: value for key, value in line.items() if key not in ("size", "mtime_ns", "state")}
            content["file"] = visible(content["file"])
            out.write(json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")

    file.write(folder / "audits.csv", table, mode=0o644)
    file.write(folder / "audits.jsonl", full, mode=0o644)


def _row(line: Line) -> tuple[str, ...]:
    outcome = line.get("outcome", {"conclusions": [], "tracks": [], "seconds": ""})
    return (
        visible(line["file"]),
        end_of(line),
        "; ".join(one["case"] for one in outcome["conclusions"]),
        "; ".join(one["certainty"] for one in outcome["conclusions"]),
        "; ".join(one["track"] for one in outcome["tracks"]),
        str(outcome["seconds"]),
        line["sha256"] or "",
        line["audited"],
        _remark(line),
    )


def _remark(line: Line) -> str:
    """Why there was no verdict, if there was none."""
    error = line.get("error")
    return str(line.get("skipped", "")) if error is None else f"{error['name']}: {error['message']}"


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula, whatever a file is called."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@") else cell


def _stamp(path: Path) -> Stamp:
    """Of a file that is gone since it was found: one that no file has."""
    try:
        return Stamp.of(path)
    except OSError:
        return Stamp(-1, -1)
