"""The page of a dataset: whose it is, on what terms, the proof of that, and how one gets a license."""

# No postponed annotations: FastAPI reads those of its handlers.

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from api.errors import ApiError, FormUnreadable
from api.pages import licensing
from api.pages.door import Door, Known, MaybeKnown, Reader, Said, onward
from api.pages.errands import ask
from api.pages.language import Words
from api.pages.layout import page
from api.pages.proofs import Proofs
from api.reports.html import SIGN_OF
from api.service.directory import Directory
from api.service.service import Service
from ledger.errors import LedgerError

Number = Annotated[int, Path(ge=1, lt=2**40)]
_NEWEST: Final = 20
"""So many of its models the page names."""
_RECORDINGS: Final = 200
"""So many of its recordings."""


def create_router(service: Service, proofs: Proofs) -> APIRouter:
    """A dataset's page, and the form on it that asks for a license."""
    router, directory = APIRouter(route_class=Door), Directory.of(service)

    def show(request: Request, who: Reader | None, number: int, problem: Exception | None = None) -> Response:
        """The dataset: its proof may be a minute old, and its terms are those of now."""
        from api.workflows import opening

        proof = proofs.dataset(number)
        record = proof.subject.record
        with service.home.reading() as ledger:
            entry = ledger.contracts.dataset(number)
            account = None if who is None else who.address
            offer = licensing.offer(service, ledger, entry, account, service.now())
        return page(
            request,
            "dataset.html",
            200 if problem is None else 400,
            entry=entry,
            record=record,
            offer=offer,
            opens=record is None or opening.lies_here(service.home, entry, record.asset),
            reader=who,
            models=directory.models(dataset=number, most=_NEWEST, newest=True).entries,
            minutes=0.0 if record is None else sum(one.frames / one.rate for one in record.recordings) / 60,
            most=_RECORDINGS,
            sign_of=SIGN_OF,
            proof=proof,
            problem=problem,
        )

    @router.api_route("/datasets/{number}", methods=["GET", "HEAD"])
    def dataset(request: Request, who: MaybeKnown, number: Number) -> Response:
        """A dataset: whose it is, on what terms, and the proof of that."""
        return show(request, who, number)

    @router.post("/datasets/{number}/license")
    def license_(request: Request, who: Known, number: Number, said: Said) -> Response:
        """Ask for a license on the terms that were shown, or for none."""
        try:
            uses = tuple(str(use) for use in said.getlist("uses"))
            if not uses:
                raise FormUnreadable(Words(who.language)("license.uses.none"), who.language)
            seen = {name: str(said.get(name, "")) for name in ("price", "currency", "share", "until")}
            job = ask(service, who, "license", subject="dataset", id=number, uses=uses, **seen)
        except (ApiError, LedgerError) as problem:
            return show(request, who, number, problem)
        return onward(f"/jobs/{job.id}")

    return router
