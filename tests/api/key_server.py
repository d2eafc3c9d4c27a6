"""A key service on a free loopback port, in a thread of the test's own process; and one that lies."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import uvicorn
from fastapi import FastAPI

from api.home import Home
from api.http.keys import create_keys_app


def clock() -> datetime:
    return datetime.now(UTC)


@contextmanager
def serving(home: Home, now: Callable[[], datetime] = clock) -> Iterator[str]:
    """The URL of the holder's key service."""
    with running(create_keys_app(home, now)) as url:
        yield url


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """The URL of an application."""
    config = uvicorn.Config(app, port=0, ws="none", log_level="info", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        end = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive(), "the server ended at once"
            assert time.monotonic() < end, "the server does not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def answering(status: int, body: bytes, pause: float = 0.0, **headers: str) -> Iterator[str]:
    """The URL of a service that says this to whatever it is asked, with ``pause`` seconds before every byte."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if not headers.keys() & {"Content-Length", "Transfer-Encoding"}:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # who asked has had enough
                for piece in [body[at : at + 1] for at in range(len(body))] if pause else [body]:
                    time.sleep(pause)
                    self.wfile.write(piece)

        def log_message(self, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
