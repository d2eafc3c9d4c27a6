"""A creator's tracks: what they have earned, which of them are for sale, and how one offers them."""

# No postponed annotations: FastAPI reads those of its handlers.

from typing import Any, Final, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.amounts import percent_from_ppm
from api.errors import ApiError
from api.home import Ledger
from api.pages.door import After, Door, Known, Reader, Said, onward
from api.pages.dues import Dues
from api.pages.errands import ask
from api.pages.errands import offer as offered
from api.pages.layout import page
from api.pages.writing import when
from api.service.currencies import Currencies
from api.service.directory import Directory
from api.service.service import Service
from ledger.contracts import TrackEntry
from ledger.errors import LedgerError

_ON_A_PAGE: Final = 12


def create_router(service: Service) -> APIRouter:
    """The page of a reader's music, and what its forms ask for."""
    router = APIRouter(route_class=Door)

    def show(
        request: Request,
        who: Reader,
        which: Literal["made", "owned"] | None = None,
        after: int | None = None,
        problem: Exception | None = None,
    ) -> Response:
        """Tracks that the reader made, or owns, the newest first; where none is asked for, those that there are."""
        directory = Directory.of(service)
        if which is None:
            made = directory.tracks(creator=who.address, most=1).entries
            which = "made" if made or not directory.tracks(owner=who.address, most=1).entries else "owned"
        creator, owner = (who.address, None) if which == "made" else (None, who.address)
        found = directory.tracks(creator=creator, owner=owner, after=after, most=_ON_A_PAGE, newest=True)
        with service.home.reading() as ledger:
            dues = Dues(service, ledger)
            works = [_work(service, ledger, dues, ledger.contracts.track(entry.id), who) for entry in found.entries]
        return page(
            request,
            "works.html",
            200 if problem is None else 400,
            reader=who,
            which=which,
            works=works,
            next=found.next,
            problem=problem,
        )

    @router.get("/music")
    def music(
        request: Request, who: Known, which: Literal["made", "owned"] | None = None, after: After = None
    ) -> Response:
        """The page."""
        return show(request, who, which, after)

    @router.post("/music/{track}/offer")
    def offer(request: Request, who: Known, track: str, said: Said) -> Response:
        """Put a track up for sale."""
        try:
            job = offered(service, who, track, str(said.get("price", "")).strip())
        except (ApiError, LedgerError) as problem:
            return show(request, who, "owned", None, problem)
        return onward(f"/jobs/{job.id}")

    @router.post("/royalties/{track}/pull")
    def pull(who: Known, track: str, said: Said) -> Response:
        """Pull what a track owes to the reader's shares in one currency."""
        currency = str(said.get("currency", "")) or None
        return onward(f"/jobs/{ask(service, who, 'pull', track=track, currency=currency).id}")

    return router


def _work(service: Service, ledger: Ledger, dues: Dues, entry: TrackEntry, who: Reader) -> dict[str, Any]:
    """A track as the reader sees it: all that is theirs of it, as the chain has it now."""
    from api.workflows import market

    offer = market.show(ledger, f"{entry.id:016x}")
    listing = offer.listing
    return {
        "id": f"{entry.id:016x}",
        "path": f"/tracks/{entry.id}",
        "made": entry.creator == who.address,
        "owned": entry.owner == who.address,
        "owner": entry.owner,
        "minted": when(entry.time),
        "royalty": percent_from_ppm(entry.royalty_ppm),
        "due": dues.of(entry.id, lambda share: share.payee == who.address),
        "offer": Currencies(service).money(listing.price, listing.currency) if listing and offer.live else None,
    }
