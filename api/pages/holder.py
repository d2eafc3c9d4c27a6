"""*Holder*: my datasets, their terms and consent, who trained on them, and what they earned."""

# No postponed annotations: FastAPI reads those of its handlers.

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from api.errors import ApiError, NotPermitted, UsageError
from api.pages import holdings
from api.pages.door import After, Door, Known, Reader, Said, onward
from api.pages.errands import ask
from api.pages.layout import page
from api.service.currencies import Currencies
from api.service.directory import Directory
from api.service.service import Service
from ledger.errors import LedgerError

_ON_A_PAGE: Final = 12
Token = Annotated[int, Path(ge=1, lt=2**53)]


def create_router(service: Service) -> APIRouter:
    """A holder's pages, and what their forms ask for."""
    router = APIRouter(route_class=Door)
    directory = Directory.of(service)

    @router.get("/recordings")
    def mine(request: Request, who: Known, after: After = None) -> Response:
        """The reader's datasets, the newest first."""
        found = directory.datasets(owner=who.address, after=after, most=_ON_A_PAGE, newest=True)
        names = Currencies(service)
        with service.home.reading() as ledger:
            datasets = [ledger.contracts.dataset(entry.id) for entry in found.entries]
            held = [holdings.holding(ledger, directory, names, dataset) for dataset in datasets]
        return page(request, "holder.html", holdings=held, next=found.next)

    def show(request: Request, who: Reader, number: int, problem: Exception | None = None) -> Response:
        """A dataset of the reader's."""
        names = Currencies(service)
        with service.home.reading() as ledger:
            entry = ledger.contracts.dataset(number)
            if entry.owner != who.address:
                raise NotPermitted(f"dataset {number} is not yours; its public page is /datasets/{number}")
            one = holdings.holding(ledger, directory, names, entry)
            due = holdings.dues(service, ledger, number)
        return page(
            request,
            "holding.html",
            200 if problem is None else 400,
            reader=who,
            one=one,
            terms=one.terms,
            dues=due,
            licenses=holdings.licenses(directory, names, number),
            models=holdings.models(directory, number),
            problem=problem,
        )

    @router.get("/recordings/{number}")
    def one(request: Request, who: Known, number: Token) -> Response:
        """A dataset of the reader's."""
        return show(request, who, number)

    @router.post("/recordings/{number}/terms")
    def terms(request: Request, who: Known, number: Token, said: Said) -> Response:
        """Ask for other terms."""
        asked = {name: str(said.get(name, "")) for name in ("price", "share", "mining")}
        try:
            until, uses = str(said.get("until", "")) or "never", tuple(map(str, said.getlist("uses"))) or ("none",)
            asked |= {name: str(said[name]) for name in ("currency", "decimals") if said.get(name)}
            job = ask(service, who, "terms", id=number, until=until, uses=uses, **asked)
        except (ApiError, LedgerError) as problem:
            return show(request, who, number, problem)
        return onward(f"/jobs/{job.id}")

    @router.post("/recordings/{number}/withdraw")
    def withdraw(request: Request, who: Known, number: Token, said: Said) -> Response:
        """Ask for the end of consent; the reader has to say twice that it is meant."""
        try:
            if said.get("sure") != "yes":
                raise UsageError("sure: say that you mean it, since it is for good")
            job = ask(service, who, "withdraw", id=number)
        except (ApiError, LedgerError) as problem:
            return show(request, who, number, problem)
        return onward(f"/jobs/{job.id}")

    return router
