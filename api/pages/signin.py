"""Signing in: with a wallet of the browser, or at a demonstration with one of the keys that lie here."""

# No postponed annotations: FastAPI reads those of its handlers.

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.datastructures import FormData
from fastapi.responses import Response

from api.errors import NoSuchThing
from api.http import forms
from api.http.cookies import begin
from api.http.rates import limited
from api.http.routes.demo import at_home, lent
from api.pages.door import SIGN_IN, inside, onward
from api.pages.layout import page
from api.service.service import Service


def create_router(service: Service) -> APIRouter:
    """The page where one signs in, and what it does without scripts."""
    router = APIRouter()

    @router.get(SIGN_IN)
    def ask(request: Request, demo: Annotated[bool, Depends(_offers_keys)], next: str | None = None) -> Response:  # noqa: A002
        """The page; ``next`` is where the reader wanted to go."""
        keys = service.home.keystore().names() if demo else ()
        return page(request, "signin.html", next=inside(next), demo=demo, keys=keys)

    @router.post(SIGN_IN, dependencies=[Depends(at_home), Depends(limited("signin"))])
    def sign_in(request: Request, said: Annotated[FormData, Depends(_form)]) -> Response:
        """Sign in with a key of the demonstration."""
        account = lent(service, str(said.get("key", "")))
        response = onward(inside(str(said.get("next", ""))))
        begin(request, response, account, service.now())
        return response

    return router


async def _offers_keys(request: Request) -> bool:
    """Whether the reader sits before a demonstration."""
    try:
        await at_home(request)
    except NoSuchThing:
        return False
    return True


async def _form(request: Request) -> FormData:
    return await forms.read(request)
