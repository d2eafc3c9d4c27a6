"""How uvicorn speaks HTTP here: with a bound on the time and the size of a request's head, which it has not by itself.

Whoever opens a connection and never says what for, or says it a byte at a time, holds nothing for long.
"""

from __future__ import annotations

import asyncio

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_CONNECTIONS = 1000
"""That one process has open at a time; more are answered with 503."""

MOST_OF_ONE = 300
"""Of these, by one network address, where no proxy stands before us; more are closed as they come."""

MOST_HEAD_BYTES = 32768
"""Of one request line with all its headers, or of what comes beside a body; more without an end is refused with 400."""

HEAD_SECONDS = 10.0
"""In which the head of a request has to be here, from the connection or from its own first byte."""


class Configuration(uvicorn.Config):
    """How uvicorn is to serve an application here.

    It believes no ``X-Forwarded-For``, whoever sends it (:func:`api.http.rates.network_address` does, where proxies are
    named), speaks no WebSocket, and writes down no request (:mod:`api.http.logs` does).
    """

    def __init__(self, app: ASGIApp, *, proxies: int = 0, grace: int = 10) -> None:
        """Serve ``app`` behind so many proxies; requests in work have ``grace`` seconds left once it is to end."""
        super().__init__(
            app,
            http=PatientProtocol,
            ws="none",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            h11_max_incomplete_event_size=MOST_HEAD_BYTES,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=grace,
        )
        self.alone = not proxies


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's, with a clock beside each head that is on its way, and a bound on what is neither head nor body."""

    _deadline: asyncio.TimerHandle | None = None
    _head_due = True
    _loose = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection: from now on its first head is waited for."""
        super().connection_made(transport)
        self._wait()
        if isinstance(self.config, Configuration) and self.config.alone and self._of_the_same() > MOST_OF_ONE:
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Bytes of a head or a body."""
        if self.cycle is None or self.cycle.response_complete:
            self._head_due = True
        self._loose += len(data)
        super().data_received(data)
        if self._loose > MOST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("Head too long.")
        if self._head_due:
            self._wait()
        else:
            self._done()

    def on_headers_complete(self) -> None:
        """The end of a head; what follows is its body, or the next head."""
        super().on_headers_complete()
        self._head_due, self._loose = False, 0

    def on_body(self, body: bytes) -> None:
        """A piece of a body, whose size and pace the application minds."""
        super().on_body(body)
        self._loose = 0

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of a connection."""
        self._done()
        super().connection_lost(exc)

    def _of_the_same(self) -> int:
        """How many connections the address at the other end has, with this one."""
        mine = self.client and self.client[0]
        return sum(1 for other in self.connections if (client := getattr(other, "client", None)) and client[0] == mine)

    def _wait(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _done(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
