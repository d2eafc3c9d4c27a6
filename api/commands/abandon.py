"""``stemmata dataset abandon``: give up a registration that was begun."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands import json_option
from api.console import Console, ask_passphrase
from api.home import Home
from api.settings import Settings


@click.command("abandon")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def abandon(settings: Settings, folder: Path, as_json: bool) -> None:
    """Give up the registration of DIR that `dataset add` began and did not end; DIR itself may be gone.

    What was noted of it and the key of what it encrypted are erased, and `content gc` collects the ciphertext. Datasets
    are not touched: see `dataset forget`.
    """
    from api import intake

    home = Home(settings, ask_passphrase)
    done = intake.abandon(home, home.vault(), folder)
    said = "given up; stemmata content gc removes what it had stored" if done else "no registration of it is open"
    Console(as_json).result({"folder": str(folder), "already": not done}, f"{folder}: {said}")
