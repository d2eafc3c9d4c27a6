"""The market as the directory has it: what is for sale, ``/v1/offers``, and what was sold, ``/v1/sales``."""

# No postponed annotations: FastAPI reads those of its handlers.

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from api.http import paging
from api.http.paging import Account, Cut, cut
from api.http.reading import read
from api.http.routes.tracks import address
from api.http.shapes import ForSale, Sold
from api.service import track_ids
from api.service.directory import Directory
from api.service.service import Service

Track = Annotated[
    str | None,
    Query(
        pattern=track_ids.PATTERN,
        description="A track's token, decimal, or its watermark, 16 hex digits; 16 digits alone are a token.",
    ),
]


class OfferList(BaseModel):
    """A page of what is for sale."""

    offers: list[ForSale]
    next: str | None


class SaleList(BaseModel):
    """A page of what was sold."""

    sales: list[Sold]
    next: str | None


def create_router(service: Service) -> APIRouter:
    """The routes of the market."""
    router, directory = APIRouter(tags=["market"]), Directory.of(service)

    @router.get("/offers", response_model=OfferList)
    async def offers(request: Request, piece: Annotated[Cut, Depends(cut)], seller: Account = None) -> Response:
        """Tracks that can be bought now. What the chain says when it is paid counts."""
        page = await read(
            service,
            directory.offers,
            at=int(service.now().timestamp()),
            seller=address(seller),
            after=piece.after,
            most=piece.most,
            newest=piece.newest,
        )
        return paging.answer(request, "offers", page, ForSale.of)

    @router.get("/sales", response_model=SaleList)
    async def sales(
        request: Request,
        piece: Annotated[Cut, Depends(cut)],
        track: Track = None,
        seller: Account = None,
        buyer: Account = None,
    ) -> Response:
        """Sales that took place, of a track, a seller or a buyer if wanted."""
        page = await read(
            service,
            directory.sales,
            track=None if track is None else track_ids.token(track),
            seller=address(seller),
            buyer=address(buyer),
            after=piece.after,
            most=piece.most,
            newest=piece.newest,
        )
        return paging.answer(request, "sales", page, Sold.of)

    return router
