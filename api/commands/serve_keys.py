"""``stemmata serve-keys``: hand out data keys to licensees, over HTTP."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys

import click

from api.commands import json_option
from api.console import Console, ask_passphrase
from api.errors import UsageError
from api.home import Home
from api.settings import Settings


@click.command("serve-keys")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", default=8750, show_default=True, type=click.IntRange(0, 65535), help="0 for any that is free.")
@json_option
@click.pass_obj
def serve_keys(settings: Settings, host: str, port: int, as_json: bool) -> None:
    """Give the keys of this home's datasets and sealed models to whoever the chain says is licensed, until stopped.

    Keys are sealed to the licensee. Beyond this machine, put a server with TLS before it.
    """
    import copy

    import uvicorn
    from uvicorn.config import LOGGING_CONFIG

    from api.http.keys import create_keys_app

    home = Home(settings, ask_passphrase)
    if not home.exists:
        raise UsageError(f"{home.path} holds no datasets and no models to give keys of; is STEMMATA_HOME right?")
    with _listening(host, port) as place:
        url = _url(place)
        Console(as_json).result({"url": url}, f"serving keys at {url}, until stopped")
        sys.stdout.flush()
        logging = copy.deepcopy(LOGGING_CONFIG)  # its access log would follow the one object on standard output
        logging["handlers"]["access"]["stream"] = "ext://sys.stderr"
        config = uvicorn.Config(create_keys_app(home), ws="none", server_header=False, log_config=logging)
        with contextlib.suppress(KeyboardInterrupt):  # which is how it ends
            uvicorn.Server(config).run(sockets=[place])


def _listening(host: str, port: int) -> socket.socket:
    """Raises :class:`UsageError` where nobody can listen."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = "another program does" if error.errno == errno.EADDRINUSE else str(error.strerror)
        raise UsageError(
            f"nobody can listen at {host}, port {port}: {reason}; choose another with --host and --port"
        ) from None


def _url(place: socket.socket) -> str:
    host, port = place.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
