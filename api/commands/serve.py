"""``stemmata serve`` and ``stemmata work``: the service, and workers alone."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from api.commands import json_option
from api.commands.serving import listening, place_options, url_of
from api.console import Console, ask_passphrase
from api.errors import UsageError
from api.home import Home
from api.settings import Settings

if TYPE_CHECKING:
    from api.service.settings import ServiceSettings
    from api.service.supervisor import Role

DEMO_KEYS = ("holder", "creator")


@click.command()
@place_options(8750)
@click.option("--workers", default=2, show_default=True, type=click.IntRange(0, 64), help="Processes that do jobs.")
@click.option(
    "--processes", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes that answer requests."
)
@click.option("--demo", is_flag=True, help="To look at it: make keys, and let the pages of this machine use them.")
@json_option
@click.pass_obj
def serve(settings: Settings, host: str, port: int, workers: int, processes: int, demo: bool, as_json: bool) -> None:
    """Serve the API and the pages of this home, and do its jobs, until stopped.

    No server is needed beside it. STEMMATA_SITE says how the world reaches it, STEMMATA_DATABASE a PostgreSQL database
    that several machines share. With two workers or more, one leaves to the others what takes long.
    """
    from api.service.processes import answer
    from api.service.supervisor import Role

    console = Console(as_json)
    with contextlib.ExitStack() as open_:
        place = open_.enter_context(listening(host, port))
        url = url_of(place).replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
        settings, service_settings = _settings(settings, os.environ, url, host, demo=demo)
        _ready(settings, service_settings)
        roles = [
            Role(f"server {number + 1}", answer, (settings, service_settings, place, processes > 1))
            for number in range(processes)
        ]
        roles += _workers(settings, service_settings, workers)
        content: dict[str, object] = {"url": url, "site": service_settings.site}
        lines = [f"serving at {url}, until stopped"]
        if service_settings.site != url:
            lines.append(f"  the world reaches it at {service_settings.site} (STEMMATA_SITE)")
        if service_settings.demo:
            content["demo"] = list(DEMO_KEYS)
            lines.append(f"  look at it: {url} and sign in there as {' or '.join(DEMO_KEYS)}; it is play money")
        console.result(content, "\n".join(lines))
        sys.stdout.flush()
        _run(roles)


@click.command()
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="Processes that do jobs.")
@json_option
@click.pass_obj
def work(settings: Settings, workers: int, as_json: bool) -> None:
    """Do the jobs of a service whose database and home this machine shares, until stopped.

    With two workers or more, one leaves to the others what takes long.
    """
    settings, service_settings = _settings(settings, os.environ, None, None)
    _ready(settings, service_settings)
    Console(as_json).result({"workers": workers}, f"working for {service_settings.site}, until stopped")
    sys.stdout.flush()
    _run(_workers(settings, service_settings, workers))


def _settings(
    settings: Settings, environ: Mapping[str, str], url: str | None, host: str | None, *, demo: bool = False
) -> tuple[Settings, ServiceSettings]:
    """What the environment says, with a passphrase. Raises UsageError for secrets that are none."""
    from api.service.guessable import refuse_guessable
    from api.service.settings import ServiceSettings

    service = ServiceSettings.from_environ(environ, settings.home)
    if url is not None and not environ.get("STEMMATA_SITE"):
        service = replace(service, site=url)
    service = replace(service, demo=demo or service.demo)
    if service.demo:
        _require_local(service, host)
    if settings.passphrase is None:
        said = _demo_passphrase(settings) if service.demo else Home(settings, ask_passphrase).passphrase("this home")
        settings = replace(settings, passphrase=said)
    refuse_guessable(settings, service)
    return settings, service


def _require_local(service: ServiceSettings, host: str | None) -> None:
    """A demonstration lends its keys: raise UsageError where anybody but this machine could come for them."""
    from api.service.settings import THIS_MACHINE

    if host is not None and host not in THIS_MACHINE:
        raise UsageError(f"a demo is for this machine alone, and --host {host} is for others too: leave one out")
    if service.hostname not in THIS_MACHINE:
        raise UsageError(f"a demo is for this machine alone, and STEMMATA_SITE={service.site} is not: leave one out")
    if service.proxies:
        raise UsageError("a demo is for this machine alone: no proxy stands before it (STEMMATA_PROXIES)")


def _demo_passphrase(settings: Settings) -> str:
    """That of an earlier demo in this home, or one that nobody knows, kept where only its user can read it."""
    path = Home(settings).folder(".") / "demo-passphrase"
    if path.exists():
        return path.read_text().strip()
    made = secrets.token_urlsafe(24)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{made}\n")
    return made


def _ready(settings: Settings, service_settings: ServiceSettings) -> None:
    """See that chain, vault, keys and database open, before anybody is told that they do."""
    from api.service.database import Database

    home = Home(settings)
    with home.ledger():
        pass
    home.vault()
    if service_settings.demo:
        keystore = home.keystore()
        for name in DEMO_KEYS:
            if not keystore.has(name):
                keystore.new(name, home.passphrase(f"key {name!r}"))
    Database.open(service_settings.database).close()


def _workers(settings: Settings, service_settings: ServiceSettings, count: int) -> list[Role]:
    """One of several does nothing that takes long, so that a check does not wait for it."""
    from api.service.kinds import LONG
    from api.service.processes import work as do_work
    from api.service.supervisor import Role

    return [
        Role(f"worker {number + 1}", do_work, (settings, service_settings, LONG if number == 1 else frozenset()))
        for number in range(count)
    ]


def _run(roles: list[Role]) -> None:
    from api.service.supervisor import Supervisor, stopping

    if not Supervisor(roles).run(stopping()):
        raise click.exceptions.Exit(1)
