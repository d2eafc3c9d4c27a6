"""``stemmata serve-keys``: hand out data keys to licensees, over HTTP."""

from __future__ import annotations

import click

from api.console import ask_passphrase
from api.errors import UsageError
from api.home import Home
from api.settings import Settings


@click.command("serve-keys")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", default=8750, show_default=True, type=click.IntRange(0, 65535), help="0 for any that is free.")
@click.pass_obj
def serve_keys(settings: Settings, host: str, port: int) -> None:
    """Give the keys of this home's datasets and sealed models to whoever the chain says is licensed, until stopped.

    Keys are sealed to the licensee. Beyond this machine, put a server with TLS before it.
    """
    import uvicorn

    from api.http.keys import create_keys_app

    home = Home(settings, ask_passphrase)
    if not home.exists:
        raise UsageError(f"{home.path} holds no datasets and no models to give keys of; is STEMMATA_HOME right?")
    uvicorn.run(create_keys_app(home), host=host, port=port, ws="none", server_header=False)
