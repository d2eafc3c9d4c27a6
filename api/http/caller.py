"""Who is calling: the account behind a session's cookie or an API token, and what it may ask for.

A route that changes anything gets its caller from here, and with it the check that a cookie's owner meant it: whoever
comes with a cookie and an unsafe method has to bring the session's token against forgery (see :mod:`api.http.csrf`).
"""

# No postponed annotations: FastAPI reads those of its dependencies.

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from api.errors import NotPermitted, NotSignedIn
from api.http import csrf
from api.http.cookies import cookie, service_of, session_token
from api.service.accounts import look_after
from api.service.sessions import Sessions, masked
from api.service.tokens import PREFIX, SCOPES, Tokens
from ledger.address import Address

__all__ = ["SCOPES", "Caller", "caller", "cookie", "csrf_token", "needs", "service_of", "session_token", "signed_in"]


@dataclass(frozen=True, slots=True)
class Caller:
    """An account that is asking. ``session`` is the session's id, None for an API token."""

    address: Address
    scopes: frozenset[str]
    session: str | None


def csrf_token(request: Request) -> str:
    """What a form on a page has to bring along as ``csrf``; empty where nobody is signed in, and nothing is needed."""
    token = session_token(request)
    return "" if token is None else masked(token)


async def caller(request: Request) -> Caller | None:
    """The account that is asking, if it says who it is. For use with ``Depends``, or to be called by a page.

    Raises:
        NotSignedIn: a token that there is not, or not any more. (A cookie that has ended counts as none.)
        KeyEnded: the account's key was revoked or rotated since.
        NotPermitted: a cookie and an unsafe method, without the token against forgery.
    """
    if "caller" not in request.scope.setdefault("state", {}):
        request.state.caller = await run_in_threadpool(_find, request)
    found: Caller | None = request.state.caller
    if found is not None and found.session is not None:
        await csrf.check(request, session_token(request) or "")
    return found


async def signed_in(request: Request) -> Caller:
    """The account that is asking. Raises :class:`NotSignedIn` where nobody is signed in, and as :func:`caller`."""
    found = await caller(request)
    if found is None:
        raise NotSignedIn("sign in first, or send an API token: Authorization: Bearer stm_…")
    return found


def needs(scope: str) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency: the caller, where it may do what the scope names. A session may do everything.

    Raises :class:`NotPermitted` for a token without the scope, and as :func:`signed_in`.
    """
    if scope not in SCOPES:
        raise ValueError(f"no scope {scope!r}; there are {', '.join(sorted(SCOPES))}")

    async def permitted(request: Request) -> Caller:
        found = await signed_in(request)
        if scope not in found.scopes:
            raise NotPermitted(f"this token has no scope {scope!r}: make one that has")
        return found

    return permitted


def _find(request: Request) -> Caller | None:
    service, now = service_of(request), service_of(request).now()
    said = request.headers.get("Authorization")
    if said is not None:
        # Who sends a token means the token: a cookie beside it is not looked at.
        kind, _, secret = said.partition(" ")
        secret, tokens, token = secret.strip(), Tokens(service.database), None
        if kind.lower() == "bearer" and secret.startswith(PREFIX):
            token = tokens.find(secret, now)
        if token is None:
            raise NotSignedIn("there is no such token, or not any more")
        if token.due(now):
            look_after(service, token.account)
        if token.due(now) or token.used is None:
            tokens.touch(token.id, now)
        return Caller(token.account, token.scopes, None)
    value, sessions = session_token(request), Sessions(service.database)
    session = sessions.find(value, now) if value else None
    if session is None:
        return None
    if session.due:
        look_after(service, session.account)
        sessions.touch(session.id, now)
    return Caller(session.account, SCOPES, session.id)
