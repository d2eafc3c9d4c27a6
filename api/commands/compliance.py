"""``stemmata compliance``: the Code of Practice as a checklist."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands import json_option
from api.console import Console, ask_passphrase
from api.errors import UsageError
from api.home import Home
from api.settings import Settings


@click.command()
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@click.pass_obj
def compliance(settings: Settings, file: Path | None, as_json: bool) -> None:
    """Hold this installation against the EU's Code of Practice on Transparency of AI-Generated Content.

    Each measure is met, partly met, not met, or not applicable, with what was found and what is missing. FILE is a
    track or a copy of one; without it the newest track of the home is looked at. It is no certificate, and no legal
    advice.
    """
    from api import compliance as checklist
    from api.workflows import compliance as checks
    from gen.errors import AudioError

    try:
        about, answers = checks.check(Home(settings, ask_passphrase), file)
    except AudioError as error:
        raise UsageError(str(error)) from error
    Console(as_json).result(checklist.as_json(answers, about), checklist.as_text(answers, about))
