"""The pages behind a sign-in: who reads them, what a form of theirs sent, and where the reader goes from there."""

# No postponed annotations: FastAPI reads those of its dependencies.

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.datastructures import FormData
from fastapi.responses import RedirectResponse, Response
from fastapi.routing import APIRoute

from api.errors import NotSignedIn
from api.home import Home
from api.http import forms
from api.http.caller import caller, service_of
from api.pages.language import language_of
from api.reports.texts import Language
from api.service.keys import in_wallet
from api.service.uploads import Uploads
from ledger.address import Address

SIGN_IN = "/sign-in"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who is signed in.

    local: the account's key is in this home, so that jobs sign with it. wallet: the account's own wallet can be asked,
    since the chain is no embedded one. language: that of the page.
    """

    address: Address
    local: bool
    wallet: bool
    language: Language

    @property
    def able(self) -> bool:
        """Whether anything can be done for the account that needs its key."""
        return self.local or self.wallet


class Door(APIRoute):
    """A page that nobody sees without signing in: whoever is not is led there, and back afterwards."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with the way to the sign-in around it."""
        handle = super().get_route_handler()

        async def opened(request: Request) -> Response:
            try:
                return await handle(request)
            except NotSignedIn:
                path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                query = urlencode({"next": path}) if request.method == "GET" else ""
                return RedirectResponse(f"{SIGN_IN}?{query}".rstrip("?"), 303)

        return opened


async def maybe_reader(request: Request) -> Reader | None:
    """Who reads a page that is for everybody; None where nobody is signed in. Raises as :func:`caller`."""
    found = await caller(request)
    if found is None or found.session is None:  # pages are for browsers; a token is for programs
        return None
    home = service_of(request).home
    local = await run_in_threadpool(_is_local, home, found.address)
    return Reader(found.address, local, home.settings.rpc_url is not None, language_of(request))


async def reader(request: Request) -> Reader:
    """Who reads a page, with the check against forged forms. Raises :class:`NotSignedIn`, and as :func:`caller`."""
    found = await maybe_reader(request)
    if found is None:
        raise NotSignedIn("sign in first")
    return found


async def form(request: Request, who: Annotated[Reader, Depends(reader)]) -> FormData:
    """What a form sent, once its reader has been let in. Raises what :meth:`Uploads.admit` does, before files are read
    for which the reader has no room."""
    uploads = Uploads.of(service_of(request))

    async def admit(size: int, here: int) -> None:
        await run_in_threadpool(uploads.admit, who.address, size, here)

    return await forms.read(request, admit)


def _is_local(home: Home, account: Address) -> bool:
    return home.settings.passphrase is not None and not in_wallet(home, account)


def inside(path: str | None, otherwise: str = "/account") -> str:
    """Where to go after signing in: a path of this site, whatever was asked for."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")) or any(ord(sign) < 33 for sign in path):
        return otherwise
    return path


def onward(path: str) -> Response:
    """The answer to a form: to the page that shows what came of it, which a reload does not send again."""
    return RedirectResponse(path, 303)


def moved(request: Request, path: str) -> Response:
    """The answer at another address of a page: on to the one that stays, with the same query."""
    return RedirectResponse(path + (f"?{request.url.query}" if request.url.query else ""), 308)


After = Annotated[int | None, Query(ge=0, lt=2**63)]
"""Where a list goes on: the ``next`` of the page before."""
Known = Annotated[Reader, Depends(reader)]
MaybeKnown = Annotated[Reader | None, Depends(maybe_reader)]
Said = Annotated[FormData, Depends(form)]
