"""*Market*: tracks for sale; the price, and who gets what of it, before anybody pays."""

# No postponed annotations: FastAPI reads those of its handlers.

import re
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from api.currency import ETHER, Currency
from api.errors import ApiError, NoSuchThing, UsageError
from api.home import Ledger
from api.pages import sale
from api.pages.door import After, Door, Known, MaybeKnown, Reader, Said, moved, onward
from api.pages.errands import ask
from api.pages.errands import offer as offered
from api.pages.layout import page
from api.service import track_ids
from api.service.currencies import Currencies
from api.service.directory import Directory
from api.service.job import Job
from api.service.jobs import Jobs
from api.service.service import Service
from ledger.address import Address
from ledger.errors import LedgerError, Malformed, NotFound

_ON_A_PAGE: Final = 12
_TRACK: Final = re.compile(r"[0-9a-f]{16}")


def create_router(service: Service) -> APIRouter:
    """The market's pages, and how one buys there."""
    router = APIRouter(route_class=Door)
    directory = Directory.of(service)

    @router.get("/market")
    def market(request: Request, after: After = None) -> Response:
        """Tracks for sale, the newest offers first."""
        now = int(service.now().timestamp())
        names, found = Currencies(service), directory.offers(at=now, after=after, most=_ON_A_PAGE, newest=True)
        offers = [
            {
                "id": f"{one.track.id:016x}",
                "path": f"/tracks/{one.track.id}",
                "creator": one.track.creator,
                "model": one.track.model,
                "money": names.money(one.listing.price, one.listing.currency),
            }
            for one in found.entries
        ]
        return page(request, "market.html", offers=offers, next=found.next)

    def show(
        request: Request, who: Reader | None, track: str, currency: str = "", problem: Exception | None = None
    ) -> Response:
        """An offer as the chain has it now; for the track's owner a form beside it, with a price in ``currency``."""
        with service.home.reading() as ledger:
            values = _offer(ledger, service, track)
        mine, coin = who is not None and values["owner"] == who.address, ETHER
        if mine:  # nobody else names a currency, which may be any contract, for the node to run
            try:
                coin = _named(service, currency)
            except (ApiError, LedgerError) as fault:
                problem = problem or fault
        return page(
            request,
            "offer.html",
            200 if problem is None else 400,
            **values,
            reader=who,
            own=mine,
            coin=coin,
            wanted=currency,
            underway=None if who is None else _underway(service, who.address, track),
            problem=problem,
        )

    @router.get("/market/{track}")
    def offer(
        request: Request,
        who: MaybeKnown,
        track: Annotated[str, Path(pattern=track_ids.PATTERN)],
        currency: Annotated[str, Query(max_length=100)] = "",
    ) -> Response:
        """A track for sale; a token's number leads to it, and sixteen digits alone are a watermark."""
        try:
            stays = track_ids.watermark(track)
        except ValueError:
            raise NoSuchThing("there is no such track") from None
        if stays != track:
            return moved(request, f"/market/{stays}")
        return show(request, who, track, currency.strip())

    @router.post("/market/{track}/buy")
    def buy(request: Request, who: Known, track: str, said: Said) -> Response:
        """Buy it at the price and in the currency that were shown, or not at all."""
        try:
            seen = {"price": str(said.get("price", "")), "currency": str(said.get("currency", ""))}
            job = ask(service, who, "buy", track=track, **seen)
        except (ApiError, LedgerError) as problem:
            return show(request, who, track, problem=problem)
        return onward(f"/jobs/{job.id}")

    @router.post("/market/{track}/list")
    def list_(request: Request, who: Known, track: str, said: Said) -> Response:
        """Put a track of the reader's up for sale, or change the offer."""
        asked = {name: str(said.get(name, "")) for name in ("currency", "decimals", "until")}
        try:
            seen = {name: value for name, value in asked.items() if value}
            job = offered(service, who, track, str(said.get("price", "")).strip(), **seen)
        except (ApiError, LedgerError) as problem:
            return show(request, who, track, asked["currency"], problem)
        return onward(f"/jobs/{job.id}")

    @router.post("/market/{track}/end")
    def end(who: Known, track: str) -> Response:
        """End an offer of the reader's."""
        return onward(f"/jobs/{ask(service, who, 'unlist', track=track).id}")

    return router


def _offer(ledger: Ledger, service: Service, track: str) -> dict[str, Any]:
    from api.workflows import market

    if not _TRACK.fullmatch(track):  # anything else would be taken for a file
        raise NoSuchThing("there is no such track")
    try:
        found = market.show(ledger, track)
    except NotFound:
        raise NoSuchThing("there is no such track") from None
    return {
        "id": track,
        "path": f"/tracks/{found.track.id}",
        "creator": found.track.creator,
        "owner": found.track.owner,
        "model": found.track.model,
        "sale": sale.of(ledger, found, service.now(), Currencies(service).of),
    }


def _named(service: Service, text: str) -> Currency:
    """The currency that a seller names: a token as it describes itself, or ether where nothing is said."""
    if not text:
        return ETHER
    try:
        address = Address.parse(text)
    except Malformed as error:
        raise UsageError(f"currency {text!r}: {error}; write a token's address, or nothing for ether") from None
    return Currencies(service).ask(address)


def _underway(service: Service, account: Address, track: str) -> Job | None:
    """A job in work that is about to change what a reader sees here: the latest that offers this track, or buys it."""
    jobs = Jobs.of(service)
    found = (job for kind in ("list", "unlist", "buy") for job in jobs.going(account, kind))
    return max((job for job in found if job.request["track"] == track), key=lambda job: job.number, default=None)
