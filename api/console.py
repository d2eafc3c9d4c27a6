"""What a person or a pipe sees: one JSON object or lines on standard output, progress on a terminal only."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import click


@dataclass(frozen=True, slots=True)
class Console:
    """Where a command speaks. ``as_json`` keeps standard output for the one object."""

    as_json: bool = False

    def result(self, content: dict[str, Any], text: str) -> None:
        """The command's outcome, in the form that was asked for."""
        click.echo(json.dumps(content, ensure_ascii=False) if self.as_json else text)

    def say(self, text: str) -> None:
        """A remark on the way; not part of the outcome."""
        click.echo(text, err=self.as_json)

    @contextlib.contextmanager
    def progress(self, *, in_bytes: bool = False) -> Iterator[Callable[[str, int, int | None], None]]:
        """A progress bar on a terminal and none in a pipe; the yielded function takes phase, done and total.

        ``in_bytes`` shows MB and MB/s instead of bare numbers. A total of None is not known: the bar only moves then.
        """
        if not sys.stderr.isatty():
            yield lambda phase, done, total: None
            return
        from rich import progress as columns
        from rich.console import Console as RichConsole

        counts = (
            (columns.DownloadColumn(), columns.TransferSpeedColumn()) if in_bytes else (columns.MofNCompleteColumn(),)
        )
        shown = (columns.TextColumn("{task.description}"), columns.BarColumn(), *counts, columns.TimeRemainingColumn())
        with columns.Progress(*shown, console=RichConsole(stderr=True), transient=True) as bars:
            tasks: dict[str, Any] = {}

            def update(phase: str, done: int, total: int | None) -> None:
                head = phase.split("\t", maxsplit=1)[0]
                if head not in tasks:
                    tasks[head] = bars.add_task(head, total=total)
                bars.update(tasks[head], completed=done, total=total, description=phase.replace("\t", "  "))

            yield update


def counted(number: int, noun: str) -> str:
    """A number with its noun, which takes an s where it is not one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def confirm(question: str, option: str) -> None:
    """Ask on the terminal whether to go on; "no" stops. Without a terminal say which option answers instead."""
    from api.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody to ask here; say {option}")
    click.confirm(question, abort=True, err=True)


def ask_passphrase(prompt: str) -> str:
    """Ask on the terminal, unseen; without a terminal say what to set instead."""
    from api.errors import PassphraseMissing

    if not sys.stdin.isatty():
        raise PassphraseMissing(f"{prompt}: nobody to ask here; set STEMMATA_PASSPHRASE, or STEMMATA_PASSPHRASE_FD")
    return str(click.prompt(prompt, hide_input=True, err=True))
