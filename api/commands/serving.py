"""What the commands that serve over HTTP share: a place to listen at, and a server there until it is stopped."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from api.console import Console
from api.errors import UsageError

if TYPE_CHECKING:
    from fastapi import FastAPI

Command = TypeVar("Command", bound=Callable[..., object])


def place_options(port: int) -> Callable[[Command], Command]:
    """``--host`` and ``--port``, with this port if none is said."""

    def add(command: Command) -> Command:
        kind = click.IntRange(0, 65535)
        with_port = click.option("--port", default=port, show_default=True, type=kind, help="0 for any that is free.")
        host = click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
        return host(with_port(command))

    return add


def serve(make: Callable[[], FastAPI], host: str, port: int, console: Console, what: str) -> None:
    """Serve what ``make`` makes, which may ask for a passphrase, until it is stopped; the URL is said first."""
    import copy

    import uvicorn
    from uvicorn.config import LOGGING_CONFIG

    with listening(host, port) as place:
        url = url_of(place)
        console.result({"url": url}, f"serving {what} at {url}, until stopped")
        sys.stdout.flush()
        logging = copy.deepcopy(LOGGING_CONFIG)  # its access log would follow the one object on standard output
        logging["handlers"]["access"]["stream"] = "ext://sys.stderr"
        config = uvicorn.Config(make(), ws="none", server_header=False, log_config=logging)
        with contextlib.suppress(KeyboardInterrupt):  # which is how it ends
            uvicorn.Server(config).run(sockets=[place])


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises :class:`UsageError` where nobody can."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, UnicodeError) as error:
        reason = str(error)
        if isinstance(error, OSError):
            reason = "another program does" if error.errno == errno.EADDRINUSE else str(error.strerror)
        raise UsageError(
            f"nobody can listen at {host}, port {port}: {reason}; choose another with --host and --port"
        ) from None


def url_of(place: socket.socket) -> str:
    """Where it is reached from this machine, if it listens there."""
    host, port = place.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
