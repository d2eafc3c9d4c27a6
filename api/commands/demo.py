"""``stemmata demo``: the whole story in one command."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands import json_option, now
from api.console import Console
from api.settings import Settings


@click.command()
@click.option(
    "--audio",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Use your own recordings: two sub-folders of DIR, one for each holder.",
)
@click.option(
    "--folder",
    default="stemmata-demo",
    show_default=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where everything is left.",
)
@json_option
@click.pass_obj
@click.pass_context
def demo(context: click.Context, settings: Settings, audio: Path | None, folder: Path, as_json: bool) -> None:
    """Register, license, train, generate, mint and audit once, with real parts, in a few minutes.

    The instrument that comes with the package plays the track; a small model is trained beside it. Of recordings of
    your own that model plays. Uses a home and keys of its own inside the folder. Run again, it finds what is done
    already and goes on. Exit code 0 if the audit of the piece says verified and the audit of the altered copy does not.
    """
    import torch  # noqa: F401 (whoever has only the auditor's part shall know before the work begins)

    from api import demo as story

    console = Console(as_json)
    stage = story.Stage(say=console.say, progress=console.progress, now=now)
    told = story.run(folder.absolute(), audio.absolute() if audio else None, settings.instrument, stage)
    if as_json:
        console.result(told, "")
    as_told = told["audit"]["verdict"] == "verified" and (told["tampered"] or {}).get("verdict") == "invalid"
    context.exit(0 if as_told else 1)
