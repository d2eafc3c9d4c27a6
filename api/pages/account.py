"""An account's page: its key, what is credited to it, its tokens, and what it has asked for."""

# No postponed annotations: FastAPI reads those of its handlers.

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api import terms as words
from api.errors import ApiError, UsageError
from api.http.caller import SCOPES, session_token
from api.pages.door import After, Door, Known, Reader, Said, onward
from api.pages.dues import credited
from api.pages.errands import ask
from api.pages.job import title
from api.pages.layout import page
from api.pages.writing import when
from api.service.accounts import refuse_ended
from api.service.jobs import Jobs
from api.service.service import Service
from api.service.sessions import Sessions
from api.service.tokens import Tokens
from ledger.errors import KeyEnded

_JOBS = 20
"""So many jobs are on one page."""
_DAY = 86400


def create_router(service: Service) -> APIRouter:
    """The account's page, and what its forms do."""
    router = APIRouter(route_class=Door)

    def show(request: Request, who: Reader, before: int | None = None, status: int = 200, **values: Any) -> Response:
        """The page; ``values`` may be the ``problem`` of a form, or the ``secret`` of a new token."""
        said = {"problem": None, "secret": None, **_money(service, who), **_jobs(service, who, before), **values}
        tokens = [
            {
                "id": token.id,
                "name": token.name,
                "scopes": sorted(token.scopes),
                "until": when(token.expires),
                "used": when(token.used),
            }
            for token in Tokens(service.database).of(who.address, service.now())
        ]
        response = page(
            request,
            "account.html",
            status,
            reader=who,
            tokens=tokens,
            scopes=sorted(SCOPES),
            **said,
        )
        if said["secret"] is not None:
            response.headers["Cache-Control"] = "no-store"
        return response

    @router.get("/account")
    def account(request: Request, who: Known, before: After = None) -> Response:
        """The page."""
        return show(request, who, before)

    @router.post("/account/sign-out")
    def sign_out(request: Request, who: Known) -> Response:
        """End this session."""
        Sessions(service.database).end(session_token(request) or "")
        return onward("/")

    @router.post("/account/sign-out-everywhere")
    def sign_out_everywhere(who: Known) -> Response:
        """End all sessions and tokens of the account."""
        Sessions(service.database).end_all(who.address)
        Tokens(service.database).end_all(who.address)
        return onward("/")

    @router.post("/account/tokens")
    def make_token(request: Request, who: Known, said: Said) -> Response:
        """Make a token, and show it this once."""
        days = str(said.get("days", ""))
        scopes = [str(scope) for scope in said.getlist("scope")]
        try:
            if not (days.isascii() and days.isdigit() and len(days) < 5):
                raise UsageError("days: a whole number")
            refuse_ended(service.home, who.address)
            name, tokens = str(said.get("name", "")).strip(), Tokens(service.database)
            _, secret = tokens.make(who.address, name, scopes, int(days) * _DAY, service.now())
        except (ApiError, KeyEnded) as error:
            return show(request, who, status=400, problem=error)
        return show(request, who, secret=secret)

    @router.post("/account/tokens/{id}/end")
    def end_token(who: Known, id: str) -> Response:  # noqa: A002
        """End a token."""
        Tokens(service.database).end(who.address, id)
        return onward("/account#tokens")

    @router.post("/account/income")
    def income(who: Known, said: Said) -> Response:
        """Fetch what is credited in one currency."""
        currency = str(said.get("currency", "")) or None
        return onward(f"/jobs/{ask(service, who, 'income', currency=currency).id}")

    return router


def _money(service: Service, who: Reader) -> dict[str, Any]:
    with service.home.reading() as ledger:
        balance, income = ledger.chain.balance(who.address), credited(service, ledger, who.address)
    return {"balance": words.money(balance, None), "income": income}


def _jobs(service: Service, who: Reader, before: int | None) -> dict[str, Any]:
    found = Jobs.of(service).list(who.address, before, _JOBS + 1)
    shown = [{"id": job.id, "title": title(job), "state": job.state, "made": when(job.made)} for job in found[:_JOBS]]
    return {"jobs": shown, "older": found[_JOBS - 1].number if len(found) > _JOBS else None}
