"""The cookie of a session: how it is named, set and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from api.service.service import Service
from api.service.sessions import LASTS, Sessions, csrf
from ledger.address import Address


@dataclass(frozen=True, slots=True)
class Begun:
    """A session that has just begun. ``expires`` is Unix time, in seconds."""

    account: Address
    csrf: str
    expires: int


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    service: Service = request.app.state.service
    return service


def cookie(service: Service) -> str:
    """The name of the session's cookie; over TLS one that no other host and no plain connection can set."""
    return "__Host-stemmata_session" if service.settings.secure else "stemmata_session"


def session_token(request: Request) -> str | None:
    """What the session's cookie holds, whether or not there is such a session."""
    return request.cookies.get(cookie(service_of(request)))


def begin(request: Request, response: Response, account: Address, now: datetime) -> Begun:
    """Open a session for whoever proved to be the account, and give it to the browser.

    It is always a new one: what a browser came with is never taken over, and ends.
    """
    service = service_of(request)
    sessions = Sessions(service.database)
    if (before := session_token(request)) is not None:
        sessions.end(before)
    token = sessions.open(account, now)
    response.set_cookie(
        cookie(service),
        token,
        max_age=LASTS,
        path="/",
        secure=service.settings.secure,
        httponly=True,
        samesite="lax",
    )
    response.headers["Cache-Control"] = "no-store"
    return Begun(account, csrf(token), int(now.timestamp()) + LASTS)


def forget(request: Request, response: Response) -> None:
    """Take the cookie back from the browser."""
    service = service_of(request)
    response.delete_cookie(cookie(service), path="/", secure=service.settings.secure, httponly=True, samesite="lax")
