"""``stemmata serve-keys``: hand out data keys to licensees, over HTTP."""

from __future__ import annotations

import click

from api.commands import json_option
from api.commands.serving import place_options, serve
from api.console import Console, ask_passphrase
from api.errors import UsageError
from api.home import Home
from api.settings import Settings


@click.command("serve-keys")
@place_options(8750)
@json_option
@click.pass_obj
def serve_keys(settings: Settings, host: str, port: int, as_json: bool) -> None:
    """Give the keys of this home's datasets and sealed models to whoever the chain says is licensed, until stopped.

    Keys are sealed to the licensee. Beyond this machine, put a server with TLS before it.
    """
    from api.http.keys import create_keys_app

    home = Home(settings, ask_passphrase)
    if not home.exists:
        raise UsageError(f"{home.path} holds no datasets and no models to give keys of; is STEMMATA_HOME right?")
    serve(lambda: create_keys_app(home), host, port, Console(as_json), "keys")
