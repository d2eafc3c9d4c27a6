"""API tokens of an account: ``/v1/tokens``. Made and ended in a session alone, so that no token begets another."""

# No postponed annotations: FastAPI reads those of its handlers.

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from api.errors import NotPermitted
from api.http.caller import SCOPES, Caller, signed_in
from api.http.openapi import problems_of
from api.service.accounts import refuse_ended
from api.service.service import Service
from api.service.tokens import LONGEST, Token, Tokens


class NewToken(BaseModel):
    """What a token is to be for."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"name": "catalogue sync", "scopes": ["read", "jobs"], "seconds": 2592000}},
    )

    name: str = Field(min_length=1, max_length=80, description="What its owner calls it.")
    scopes: list[str] = Field(min_length=1, max_length=len(SCOPES), description=f"Some of {', '.join(sorted(SCOPES))}.")
    seconds: int = Field(ge=1, le=LONGEST, description="Until it ends.")


class KnownToken(BaseModel):
    """A token, without its secret. Times are Unix seconds."""

    id: str
    name: str
    scopes: list[str]
    created: int
    expires: int
    used: int | None = Field(description="About when it was used last.")


class MadeToken(KnownToken):
    """A new token, with its secret."""

    token: str = Field(description="The secret, shown this once: `Authorization: Bearer stm_…`.")


async def in_session(who: Annotated[Caller, Depends(signed_in)]) -> Caller:
    """The caller, where it is a person with a session. Raises :class:`NotPermitted` for a token."""
    if who.session is None:
        raise NotPermitted("tokens are made and ended by a signed-in account, not by a token")
    return who


def create_router(service: Service) -> APIRouter:
    """The routes of API tokens."""
    router, tokens = APIRouter(tags=["account"]), Tokens(service.database)

    @router.post("/tokens", status_code=201, responses=problems_of(400, 401, 403))
    def make(body: NewToken, response: Response, who: Annotated[Caller, Depends(in_session)]) -> MadeToken:
        """Make a token."""
        refuse_ended(service.home, who.address)
        token, secret = tokens.make(who.address, body.name, body.scopes, body.seconds, service.now())
        response.headers["Cache-Control"] = "no-store"
        return MadeToken(token=secret, **_said(token))

    @router.get("/tokens", responses=problems_of(401, 403))
    def all_tokens(who: Annotated[Caller, Depends(in_session)]) -> list[KnownToken]:
        """The account's tokens that have not ended, the oldest first."""
        return [KnownToken(**_said(token)) for token in tokens.of(who.address, service.now())]

    @router.delete("/tokens/{id}", status_code=204, responses=problems_of(401, 403, 404))
    def end(id: str, who: Annotated[Caller, Depends(in_session)]) -> None:  # noqa: A002
        """End a token."""
        tokens.end(who.address, id)

    return router


def _said(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "created": token.created,
        "expires": token.expires,
        "used": token.used,
    }
