"""Signing in to a demonstration with one of the keys that lie here: ``/v1/signin/demo``, on this machine alone."""

# No postponed annotations: FastAPI reads those of its handlers.

import contextlib
import ipaddress

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.errors import NoSuchThing
from api.http.cookies import begin, service_of
from api.http.rates import limited
from api.http.routes.signin import SignedIn
from api.service.accounts import refuse_ended
from api.service.service import Service
from api.service.settings import THIS_MACHINE
from ledger.address import Address
from ledger.errors import KeyFault


class DemoRequest(BaseModel):
    """Which key to sign in with."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "anna"}})

    name: str = Field(max_length=80)


class DemoKey(BaseModel):
    """A key that lies here."""

    name: str
    address: str


async def at_home(request: Request) -> None:
    """Let through whoever sits at this machine. Raises :class:`NoSuchThing` for anybody else."""
    settings, peer = service_of(request).settings, request.client
    try:
        near = peer is not None and ipaddress.ip_address(peer.host).is_loopback
    except ValueError:
        near = False
    # Somebody else's request looks local too where a proxy on this machine passes it on.
    passed_on = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via"))
    named = request.url.hostname in (settings.hostname, *THIS_MACHINE)  # what asks for another name was led here
    if not settings.demo or settings.proxies or passed_on or not near or not named:
        raise NoSuchThing("this is no demonstration on your own machine: sign in with a wallet")


def lent(service: Service, name: str) -> Address:
    """The account of a demonstration's key. Raises :class:`NoSuchThing`, and :class:`KeyEnded` where it has ended."""
    try:
        account = service.home.keystore().address(name)
    except KeyFault:
        raise NoSuchThing(f"no key named {name!r} lies here") from None
    refuse_ended(service.home, account)
    return account


def create_router(service: Service) -> APIRouter:
    """The routes of a demonstration, which any other service says it has not."""
    router = APIRouter(tags=["account"], include_in_schema=False)

    @router.get("/signin/demo", dependencies=[Depends(at_home)])
    def keys() -> list[DemoKey]:
        """The keys that lie here."""
        keystore, found = service.home.keystore(), []
        for name in keystore.names():
            with contextlib.suppress(KeyFault):
                found.append(DemoKey(name=name, address=str(keystore.address(name))))
        return found

    @router.post("/signin/demo", dependencies=[Depends(at_home), Depends(limited("signin"))])
    def sign_in(request: Request, response: Response, body: DemoRequest) -> SignedIn:
        """Sign in with one of them."""
        return SignedIn.of(begin(request, response, lent(service, body.name), service.now()))

    return router
