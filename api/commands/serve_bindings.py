"""``stemmata serve-bindings``: find the manifests of tracks by watermark, fingerprint or file, over HTTP."""

from __future__ import annotations

import click

from api.commands import json_option
from api.commands.serving import place_options, serve
from api.console import Console, ask_passphrase
from api.errors import UsageError
from api.home import Home
from api.settings import Settings


@click.command("serve-bindings")
@place_options(8751)
@json_option
@click.pass_obj
def serve_bindings(settings: Settings, host: str, port: int, as_json: bool) -> None:
    """Answer C2PA's Soft Binding Resolution API for this home's tracks, below /v1, until stopped.

    Whoever asks gets the content credentials of a track by its watermark, its ISCC, or any copy of it. Nobody has to
    say who they are, and nothing that is uploaded is kept. Beyond this machine, put a server with TLS before it.
    """
    from api.http.bindings import create_bindings_app

    home = Home(settings, ask_passphrase)
    if not home.exists:
        raise UsageError(f"{home.path} holds no tracks to find; is STEMMATA_HOME right?")
    serve(lambda: create_bindings_app(home), host, port, Console(as_json), "soft bindings")
