"""``stemmata serve-keys``: hand out data keys to licensees, over HTTP."""

from __future__ import annotations

import click

from api.console import ask_passphrase
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

    app = create_keys_app(Home(settings, ask_passphrase))
    uvicorn.run(app, host=host, port=port, ws="none", server_header=False)
