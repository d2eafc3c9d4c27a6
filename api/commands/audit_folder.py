"""``stemmata audit --batch`` and ``--watch``: whole folders, and folders that fill."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from api.commands import Command, now
from api.console import Console, counted
from api.errors import UsageError
from api.home import Home
from api.reports.texts import Language, Texts
from api.reports.visible import visible
from api.settings import Settings

if TYPE_CHECKING:
    from api.workflows.batch import Auditor, Form
    from api.workflows.evidence.hearing import Hearing


MOST_NAMED = 20
"""So many files without a verdict are told of; the table has all."""


@dataclass(frozen=True, slots=True)
class Folders:
    """What was asked of a folder: which, where results go, which reports of each file, and with how many processes."""

    batch: Path | None
    watch: Path | None
    out: Path | None
    each: tuple[str, ...]
    workers: int | None

    def check(self, file: Path | None) -> bool:
        """Whether a folder is to be audited, and not a file. Raises UsageError for both, neither, or parts of it."""
        asked = [name for name, given in (("FILE", file), ("--batch", self.batch), ("--watch", self.watch)) if given]
        if len(asked) != 1:
            said = " and ".join(asked) or "nothing"
            raise UsageError(f"audit one of FILE, --batch DIR and --watch DIR; {said} was given")
        if file is not None and (self.out is not None or self.each or self.workers is not None):
            raise UsageError("--out, --each and --workers go with --batch or --watch")
        return file is None


def folder_options(command: Command) -> Command:
    """``--batch``, ``--watch``, ``--out``, ``--each`` and ``--workers``, as one argument ``folders``."""

    def gathered(**values: Any) -> Any:
        names = ("batch", "watch", "out", "each", "workers")
        folders = Folders(**{name: values.pop(name) for name in names})
        return command(folders=folders, **values)

    gathered.__doc__, gathered.__name__ = command.__doc__, command.__name__
    gathered.__click_params__ = list(getattr(command, "__click_params__", []))  # type: ignore[attr-defined]
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    options = (
        click.option("--batch", metavar="DIR", type=folder, help="Audit every file in DIR and its folders."),
        click.option("--watch", metavar="DIR", type=folder, help="Audit each file that is put into DIR, for ever."),
        click.option(
            "--out",
            metavar="DIR",
            type=click.Path(file_okay=False, path_type=Path),
            help="Where results go.  [default: DIR-audits; with --watch beside each file]",
        ),
        click.option(
            "--each",
            multiple=True,
            type=click.Choice(["json", "html", "pdf"]),
            help="Write such a report of each file; repeat it for more.  [default with --watch: json and html]",
        ),
        click.option(
            "--workers",
            metavar="N",
            type=click.IntRange(1, 64),
            help="How many files at once.  [default: as many as processors, up to 8]",
        ),
    )
    decorated: Any = gathered
    for option in reversed(options):
        decorated = option(decorated)
    return cast(Command, decorated)


def audit_folder(
    settings: Settings, folders: Folders, *, language: Language, hearing: Hearing | None, as_json: bool
) -> int:
    """Do what was asked; the exit code."""
    from api.reports.writing import ready
    from api.workflows.batch import Auditor

    watching = folders.batch is None
    folder = (folders.watch or folders.batch or Path()).resolve()
    each = cast("tuple[Form, ...]", tuple(sorted(set(folders.each))) or (("html", "json") if watching else ()))
    ready(html=None, pdf=Path("each.pdf") if "pdf" in each else None)
    # Nobody signs here, so no process needs the passphrase.
    bare = replace(settings, passphrase=None)
    out = None if folders.out is None else folders.out.resolve()
    if watching:
        auditor = Auditor(bare, folder, now, each, out, language, hearing)
        return _watch(auditor, out or folder / ".stemmata-audit", folders.workers, as_json=as_json)
    out = out or folder.with_name(f"{folder.name}-audits")
    auditor = Auditor(bare, folder, now, each, out / "reports", language, hearing)
    return _batch(auditor, out, folders.workers, as_json=as_json)


def _batch(auditor: Auditor, out: Path, workers: int | None, *, as_json: bool) -> int:
    from api.workflows import batch as workflow
    from api.workflows.crew import Crew
    from api.workflows.journal import Journal

    out.mkdir(parents=True, exist_ok=True)
    paths = list(workflow.files(auditor.place, out))
    console = Console(as_json)
    with (
        Journal(out / workflow.JOURNAL, workflow.state(Home(auditor.settings), auditor)) as journal,
        Crew(auditor, workers or workflow.processors()) as crew,
        console.progress() as report,
    ):
        try:
            tally = workflow.batch(auditor, paths, journal, crew, lambda done, total: report("auditing", done, total))
        finally:
            workflow.write(out, journal.lines)
    ends = dict(sorted(tally.ends.items()))
    content = {
        "files": len(paths),
        "before": tally.before,
        "ends": ends,
        "csv": str(out / "audits.csv"),
        "jsonl": str(out / "audits.jsonl"),
    }
    lines = [f"{counted(len(paths), 'file')}, {tally.before} of them audited before"]
    lines += [f"  {number:>7}  {end}" for end, number in ends.items()]
    lines += [f"{end}: {said}" for end, said in sorted(tally.without)[:MOST_NAMED]]
    if len(tally.without) > MOST_NAMED:
        lines.append(f"and {len(tally.without) - MOST_NAMED} more without a verdict")
    console.result(content, "\n".join([*lines, f"in full: {out / 'audits.csv'}, {out / 'audits.jsonl'}"]))
    return tally.exit_code


def _watch(auditor: Auditor, out: Path, workers: int | None, *, as_json: bool) -> int:
    from api.workflows import batch as workflow
    from api.workflows.crew import Crew
    from api.workflows.inbox import watch
    from api.workflows.journal import Journal

    out.mkdir(parents=True, exist_ok=True)
    said = Texts(auditor.language)
    with (
        Journal(out / workflow.JOURNAL, workflow.state(Home(auditor.settings), auditor)) as journal,
        Crew(auditor, workers or workflow.processors()) as crew,
    ):
        Console(as_json).say(f"watching {auditor.place}; Ctrl-C ends it")
        for path, line in watch(auditor, journal, crew):
            end = workflow.end_of(line)
            word = said(f"verdict.{end}") if "outcome" in line else end
            name = visible(auditor.name(path))
            click.echo(json.dumps({"file": name, "end": end}, ensure_ascii=False) if as_json else f"{word}  {name}")
    return 0
