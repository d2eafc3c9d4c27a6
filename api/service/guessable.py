"""Secrets that are none, since they stand in examples: a service for the world does not begin with one."""

from __future__ import annotations

import re
from typing import Final

from api.errors import UsageError
from api.service.settings import ServiceSettings
from api.settings import Settings

_KNOWN: Final = re.compile(
    r"(admin|change.?(it|me)|default|demo|example|let.?me.?in|open.?sesame|pass(phrase)?|passw[o0]rd|postgres(ql)?|qwerty"
    r"|root|secret|stemmata(.?demo)?|test|x+|(1234567890?)?)[\W_0-9]*",
    re.IGNORECASE,
)
SHORTEST: Final = 8


def guessable(secret: str) -> bool:
    """Whether anybody would try it first: it is in an example, or has fewer than eight characters."""
    return len(secret) < SHORTEST or _KNOWN.fullmatch(secret.strip()) is not None


def refuse_guessable(settings: Settings, service: ServiceSettings) -> None:
    """Raise :class:`~api.errors.UsageError` that names the setting, and not what it says; a demo may have any."""
    if service.demo:
        return
    for name, secret in (
        ("STEMMATA_PASSPHRASE", settings.passphrase),
        ("STEMMATA_DATABASE: its password", _password(service.database)),
        ("STEMMATA_METRICS_TOKEN", service.metrics_token),
    ):
        if secret is not None and guessable(secret):
            raise UsageError(
                f"{name} is one that anybody would try first; choose another, of {SHORTEST} characters or more, such "
                "as `openssl rand -hex 24` gives. (stemmata serve --demo takes any, on this machine alone.)"
            )


def _password(database: str) -> str | None:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(database)
    except (ArgumentError, ValueError):
        raise UsageError("STEMMATA_DATABASE cannot be understood: postgresql://USER:PASSWORD@HOST/NAME") from None
    return None if url.password is None else str(url.password)
