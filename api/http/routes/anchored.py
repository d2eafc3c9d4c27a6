"""Tracks that were anchored and have no token yet, each with its proof: ``/v1/anchored``."""

# No postponed annotations: FastAPI reads those of its handlers.

from typing import Annotated, Self

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from api.errors import NoSuchThing
from api.http import etags
from api.http.openapi import problems_of
from api.http.shapes import Account, Block, Cid, Hex256, Ppm, Time, Tx, account
from api.service.anchorings import Anchorings
from api.service.service import Service
from ledger.anchored import Anchored
from ledger.contracts import TrackEntry

Mark = Annotated[
    str,
    Path(
        pattern="^[0-9a-fA-F]{16}$", description="The track's watermark, in hexadecimal.", examples=["9f81a26b1c3d4e5f"]
    ),
]


class AnchoredTrack(BaseModel):
    """A track in a batch whose root its creator put on chain, and what leads from its leaf to that root (RFC 9162)."""

    watermark: str = Field(pattern="^[0-9a-f]{16}$", examples=["9f81a26b1c3d4e5f"])
    claim: Hex256 = Field(description="With `sha256` and `record`, in this order, the 96 bytes of the leaf.")
    sha256: Hex256 = Field(description="Of the audio file.")
    record: Hex256 = Field(description="Of the track record, which is not signed.")
    cid: Cid
    root: Hex256
    index: int = Field(ge=0, description="The leaf's place, counted from 0.")
    size: int = Field(ge=1, description="How many leaves there are.")
    path: list[Hex256] = Field(description="The inclusion proof, from the leaf upwards (RFC 9162, section 2.1.3).")
    model: int
    creator: Account
    royalty_ppm: Ppm
    block: Block
    time: Time
    tx: Tx

    @classmethod
    def of(cls, entry: TrackEntry, place: Anchored) -> Self:
        """The shape of an entry."""
        return cls(
            watermark=f"{entry.id:016x}",
            claim=str(entry.claim),
            sha256=str(entry.audio),
            record=str(entry.record),
            cid=entry.cid,
            root=str(place.root),
            index=place.proof.index,
            size=place.proof.size,
            path=[str(one) for one in place.proof.path],
            model=entry.model,
            creator=account(entry.creator),
            royalty_ppm=entry.royalty_ppm,
            block=entry.block,
            time=entry.time,
            tx=entry.tx,
        )


def create_router(service: Service) -> APIRouter:
    """The route of anchored tracks."""
    router, anchorings = APIRouter(prefix="/anchored", tags=["tracks"]), Anchorings.of(service)

    @router.get("/{mark}", response_model=AnchoredTrack, responses=problems_of(403, 404))
    def one(request: Request, mark: Mark) -> Response:
        """A track that was anchored and not minted, as far as the leaves of its batch are in this service's store."""
        with service.home.reading() as ledger:
            entry = anchorings.by_watermark(ledger, int(mark, 16))
        if entry.anchored is None:
            raise NoSuchThing(f"track {mark} is minted: /v1/tracks/{entry.id}")
        return etags.answer(request, etags.as_bytes(AnchoredTrack.of(entry, entry.anchored).model_dump(mode="json")))

    return router
