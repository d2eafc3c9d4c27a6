"""Options of ``stemmata audit`` for reports that people read."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands import Command
from api.reports.texts import LANGUAGES


def report_options(command: Command) -> Command:
    """``--html``, ``--pdf`` and ``--lang``."""
    place = click.Path(dir_okay=False, path_type=Path)
    words = "The language of what people read.  [default: en]"
    command = click.option("--lang", "language", default="en", type=click.Choice(LANGUAGES), help=words)(command)
    command = click.option("--pdf", metavar="OUT.pdf", type=place, help="Write the report as a document.")(command)
    return click.option("--html", metavar="OUT.html", type=place, help="Write the report as one page.")(command)
