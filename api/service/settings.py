"""Settings of the service: what the environment says beside :class:`api.settings.Settings`, read once, by the shell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from api.errors import UsageError

_PORTS = {"http": 80, "https": 443}


THIS_MACHINE = ("127.0.0.1", "::1", "localhost")
"""The hosts that reach nobody but this machine."""


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """How the service is reached, where it keeps its own state, and what one caller may ask of it.

    ``site``      the address that the world reaches it at, without a path (``STEMMATA_SITE``, such as
                  ``https://music.example``; default ``http://127.0.0.1:8750``): the domain that sign-ins name, and what
                  the stable addresses of tracks begin with
    ``database``  where accounts, jobs and the directory are (``STEMMATA_DATABASE``: ``postgresql://…``; default a
                  SQLite file in the home; or ``STEMMATA_DATABASE_FILE``, a file whose first line says it); never
                  shown, since it may hold a password
    ``demo``      a service to look at on one machine: it offers its own keys for signing in (``STEMMATA_DEMO``, on or
                  off, default off)
    ``proxies``   how many proxies stand before it, each of which adds to ``X-Forwarded-For`` (``STEMMATA_PROXIES``,
                  default 0: the header is not believed)
    ``metrics_token``  what a scraper has to say as a bearer (``STEMMATA_METRICS_TOKEN``); without it metrics are for
                  this machine alone; never shown
    ``quota``     jobs that one account may have waiting or running at a time (``STEMMATA_QUOTA``, default 8)
    ``rate``      requests that one network address may make in a second, in the long run, of each process
                  (``STEMMATA_RATE``, default 50; eight times as many at once)
    ``upload``    most bytes of one file that is sent in (``STEMMATA_UPLOAD``, default 256 MiB)
    """

    site: str = "http://127.0.0.1:8750"
    database: str = field(default="", repr=False)
    demo: bool = False
    proxies: int = 0
    metrics_token: str | None = field(default=None, repr=False)
    quota: int = 8
    rate: int = 50
    upload: int = 256 << 20

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], home: Path) -> ServiceSettings:
        """Read the variables above; an empty variable counts as unset. Raises :class:`UsageError`."""
        default = cls()
        return cls(
            site=_site(environ.get("STEMMATA_SITE") or default.site),
            database=_database(environ) or f"sqlite:///{home / 'service.sqlite'}",
            demo=_switch(environ, "STEMMATA_DEMO"),
            proxies=_count(environ, "STEMMATA_PROXIES", default.proxies, least=0),
            metrics_token=environ.get("STEMMATA_METRICS_TOKEN") or None,
            quota=_count(environ, "STEMMATA_QUOTA", default.quota),
            rate=_count(environ, "STEMMATA_RATE", default.rate),
            upload=_count(environ, "STEMMATA_UPLOAD", default.upload),
        )

    @property
    def domain(self) -> str:
        """Host and port, as a sign-in names them (EIP-4361: an RFC 3986 authority)."""
        return urlsplit(self.site).netloc

    @property
    def hostname(self) -> str:
        """The host alone."""
        return urlsplit(self.site).hostname or ""

    @property
    def secure(self) -> bool:
        """Whether it is reached over TLS, so that cookies may ask for that."""
        return self.site.startswith("https://")


def _database(environ: Mapping[str, str]) -> str | None:
    said, named = environ.get("STEMMATA_DATABASE"), environ.get("STEMMATA_DATABASE_FILE")
    if not named:
        return said or None
    if said:
        raise UsageError("STEMMATA_DATABASE and STEMMATA_DATABASE_FILE both name a database: keep one of them")
    try:
        lines = Path(named).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"STEMMATA_DATABASE_FILE: {named} cannot be read") from None
    if not lines or not lines[0].strip():
        raise UsageError(f"STEMMATA_DATABASE_FILE: the first line of {named} is empty")
    return lines[0].strip()


def _site(text: str) -> str:
    """As browsers write an origin (RFC 6454): small letters, and no port that goes without saying."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    more = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if not host or not host.isascii() or parts.scheme not in _PORTS or more:
        raise UsageError(f"STEMMATA_SITE {text!r}: an address such as https://music.example, without a path")
    place = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{place}" if port in (None, _PORTS[parts.scheme]) else f"{parts.scheme}://{place}:{port}"


def _switch(environ: Mapping[str, str], name: str) -> bool:
    said = environ.get(name) or "off"
    if said not in ("on", "off"):
        raise UsageError(f"{name} {said!r}: on or off")
    return said == "on"


def _count(environ: Mapping[str, str], name: str, default: int, *, least: int = 1) -> int:
    said = environ.get(name)
    if not said:
        return default
    try:
        count = int(said)
    except ValueError:
        count = least - 1
    if count < least:
        raise UsageError(f"{name} {said!r}: a whole number, {least} or more")
    return count
