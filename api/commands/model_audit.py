"""``stemmata model audit``: verify a model and all that it rests on."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands import json_option
from api.commands.audit import EXIT_CODES
from api.console import Console
from api.errors import UsageError
from api.home import Home
from api.settings import Settings


@click.command("audit")
@click.argument("model_id", metavar="ID", callback=lambda context, option, text: _number(text))
@json_option
@click.pass_obj
@click.pass_context
def model_audit(context: click.Context, settings: Settings, model_id: int, as_json: bool) -> None:
    """Verify model ID: record, signatures, licenses, datasets, and the weights themselves.

    In a new home model 1 is the instrument that comes with the package. Exit code 0: verified. 4: something is wrong.
    5: could not be checked.
    """
    from api import report as reports
    from api.reports.terminal import model_as_text
    from api.workflows.model_audit import audit

    outcome = audit(Home(settings), model_id)
    Console(as_json).result(reports.model_as_json(outcome), model_as_text(outcome))
    context.exit(EXIT_CODES[outcome.verdict])


def _number(text: str) -> int:
    """The model's number. Raises UsageError for anything else, such as a file, which another command audits."""
    if text.isascii() and text.isdigit() and len(text) < 78 and int(text):
        return int(text)
    hint = f"; a track's file is audited by `stemmata audit {text}`" if Path(text).exists() else ""
    raise UsageError(f"ID {text!r}: a model has a number, 1 or more, as `stemmata train` says it{hint}")
