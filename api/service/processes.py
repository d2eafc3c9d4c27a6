"""What the children of ``stemmata serve`` and ``stemmata work`` do: answer requests, and work."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection
from typing import TYPE_CHECKING

from api.home import Home
from api.service.service import Service
from api.service.settings import ServiceSettings
from api.settings import Settings

if TYPE_CHECKING:
    from api.service.worker import Pace

_LAST_REQUESTS = 10
"""Seconds that requests in work have left once the process is to end."""


def answer(settings: Settings, service_settings: ServiceSettings, place: socket.socket, together: bool = False) -> None:
    """Answer requests that come to a listening socket, until SIGTERM; those in work are finished first.

    ``together``: with other processes that the same one began, which all count as one.
    """
    import uvicorn

    from api.http import logs, metrics

    logs.configure()
    if together:
        metrics.share(Home(settings).folder("metrics"), os.getppid())
    from api.http.app import create_app
    from api.http.protocol import Configuration

    service = Service.open(Home(settings), service_settings)
    try:
        config = Configuration(create_app(service), proxies=service_settings.proxies, grace=_LAST_REQUESTS)
        uvicorn.Server(config).run(sockets=[place])
    finally:
        service.close()


def work(
    settings: Settings, service_settings: ServiceSettings, without: Collection[str] = (), pace: Pace | None = None
) -> None:
    """Do jobs until SIGTERM; one in work has a while left, and is given back then."""
    from api.http import logs
    from api.service.supervisor import stopping
    from api.service.worker import Worker

    logs.configure()

    stop = stopping()
    service = Service.open(Home(settings), service_settings)
    try:
        Worker(service, stop, without, pace).run()
    finally:
        service.close()
