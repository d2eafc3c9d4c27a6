"""Signing in and out: ``/v1/signin``, ``/v1/signout`` and ``/v1/account``."""

# No postponed annotations: FastAPI reads those of its handlers.

from datetime import timedelta
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.errors import NotPermitted
from api.http.caller import Caller, csrf_token, signed_in
from api.http.cookies import Begun, begin, forget, session_token
from api.http.openapi import problems_of
from api.http.rates import limited
from api.service.accounts import chain_id, chain_of, refuse_ended, signs_here
from api.service.nonces import LASTS, Nonces
from api.service.service import Service
from api.service.sessions import Sessions
from api.service.tokens import Tokens
from ledger.address import Address
from ledger.signin import LONGEST, SignIn

STATEMENT = "Sign in to Stemmata. This costs nothing and sends no transaction."

_ADDRESS = "0x71C7656EC7ab88b098defB751B7401B5f6d8976F"


class ChallengeRequest(BaseModel):
    """Who wants to sign in."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"address": _ADDRESS}})

    address: str = Field(max_length=42, description="The account, 0x and 40 hex digits.")


class Challenge(BaseModel):
    """What the account's wallet is to sign."""

    message: str = Field(description="For `personal_sign` (EIP-191), as it is. A message of EIP-4361.")
    nonce: str = Field(description="The nonce in it; good once. Whoever writes the message anew has to keep it.")
    expires: int = Field(description="Unix time, in seconds, until which it has to come back.")


class SignInRequest(BaseModel):
    """A message, signed."""

    model_config = ConfigDict(extra="forbid")

    message: str = Field(max_length=LONGEST, description="The message of EIP-4361 that was signed.")
    signature: str = Field(
        max_length=2 * LONGEST + 2,
        pattern="^0x([0-9a-fA-F]{2})+$",
        description="Its signature: 65 bytes of a key, or what the account's contract takes for one "
        "(ERC-1271), wrapped where it is not there yet (ERC-6492).",
    )


class SignedIn(BaseModel):
    """A session, which the cookie of the answer carries."""

    address: str
    csrf: str = Field(description="To be sent along as `X-CSRF-Token` with every request that changes something.")
    expires: int = Field(description="Unix time, in seconds, after which it is over in any case.")

    @classmethod
    def of(cls, begun: Begun) -> Self:
        """As the answer says it."""
        return cls(address=str(begun.account), csrf=begun.csrf, expires=begun.expires)


class Account(BaseModel):
    """Who is asking, and how what it does is signed."""

    address: str
    scopes: list[str]
    signs_here: bool = Field(description="Jobs sign with the account's key, which lies here.")
    chain: int = Field(description="Id of the chain (EIP-155).")
    wallet: bool = Field(description="Whether a wallet can send transactions: the chain is no embedded one.")
    csrf: str | None = Field(description="Of a session: to be sent along as `X-CSRF-Token`. A token needs none.")


def create_router(service: Service) -> APIRouter:
    """The routes of signing in."""
    router = APIRouter(tags=["account"])
    asked_seldom = [Depends(limited("signin"))]

    @router.post("/signin/challenge", dependencies=asked_seldom, responses=problems_of(400))
    def challenge(body: ChallengeRequest) -> Challenge:
        """A message for a wallet to sign."""
        account, now = Address.parse(body.address), service.now()
        nonce, ends = Nonces(service.database).give(now), now + timedelta(seconds=LASTS)
        message = SignIn(
            domain=service.settings.domain,
            address=account,
            uri=f"{service.settings.site}/",
            chain_id=chain_id(service.home),
            nonce=nonce,
            issued_at=f"{now:%Y-%m-%dT%H:%M:%SZ}",
            statement=STATEMENT,
            expires=f"{ends:%Y-%m-%dT%H:%M:%SZ}",
        )
        return Challenge(message=str(message), nonce=nonce, expires=int(ends.timestamp()))

    @router.post("/signin", dependencies=asked_seldom, responses=problems_of(400, 403))
    def sign_in(request: Request, response: Response, body: SignInRequest) -> SignedIn:
        """Sign in with a signed message; a session begins."""
        message, now = SignIn.parse(body.message), service.now()
        message.check(service.settings.site, chain_id(service.home), now)
        Nonces(service.database).use(message.nonce, now)  # first of all, so that no message is tried twice
        message.verify(bytes.fromhex(body.signature[2:]), lambda: chain_of(service.home))
        refuse_ended(service.home, message.address)
        return SignedIn.of(begin(request, response, message.address, now))

    @router.post("/signout", status_code=204, responses=problems_of(401, 403))
    def sign_out(
        request: Request, response: Response, who: Annotated[Caller, Depends(signed_in)], everywhere: bool = False
    ) -> None:
        """End this session; with `everywhere`, all sessions and API tokens of the account."""
        if who.session is None:
            raise NotPermitted("a token is ended by its account: DELETE /v1/tokens/{id}")
        if everywhere:
            Sessions(service.database).end_all(who.address)
            Tokens(service.database).end_all(who.address)
        else:
            Sessions(service.database).end(session_token(request) or "")
        forget(request, response)

    @router.get("/account", responses=problems_of(401, 403))
    def account(request: Request, who: Annotated[Caller, Depends(signed_in)]) -> Account:
        """Who is asking."""
        return Account(
            address=str(who.address),
            scopes=sorted(who.scopes),
            signs_here=signs_here(service.home, who.address),
            chain=chain_id(service.home),
            wallet=service.home.settings.rpc_url is not None,
            csrf=None if who.session is None else csrf_token(request),
        )

    return router
