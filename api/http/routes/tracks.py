"""Tracks as the directory has them: ``/v1/tracks``."""

# No postponed annotations: FastAPI reads those of its handlers.

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel

from api.errors import NoSuchThing
from api.http import etags, paging
from api.http.openapi import problems_of
from api.http.paging import Account, Cut, Number, cut
from api.http.reading import read
from api.http.shapes import Track
from api.service import track_ids
from api.service.directory import Directory
from api.service.service import Service
from ledger.address import Address

Token = Annotated[
    str,
    Path(
        pattern=track_ids.PATTERN,
        description="The track's token, decimal, or its watermark, 16 hex digits; 16 digits alone are a token.",
        examples=["11493574928574839201"],
    ),
]


class TrackList(BaseModel):
    """A page of tracks."""

    tracks: list[Track]
    next: str | None


def create_router(service: Service) -> APIRouter:
    """The routes of tracks."""
    router, directory = APIRouter(prefix="/tracks", tags=["tracks"]), Directory.of(service)

    @router.get("", response_model=TrackList)
    async def some(
        request: Request,
        piece: Annotated[Cut, Depends(cut)],
        owner: Account = None,
        creator: Account = None,
        model: Number = None,
        dataset: Number = None,
    ) -> Response:
        """Tracks, of an owner, a creator or a model if wanted; `dataset` names one that their income is owed to."""
        page = await read(
            service,
            directory.tracks,
            owner=address(owner),
            creator=address(creator),
            model=model,
            dataset=dataset,
            after=piece.after,
            most=piece.most,
            newest=piece.newest,
        )
        return paging.answer(request, "tracks", page, Track.of)

    @router.get("/{id}", response_model=Track, responses=problems_of(404))
    async def one(request: Request, id: Token) -> Response:  # noqa: A002
        """A track."""
        found = await read(service, directory.track, track_ids.token(id))
        if found is None:
            raise NoSuchThing(track_ids.missing(id))
        return etags.answer(request, etags.as_bytes(Track.of(found).model_dump(mode="json")))

    return router


def address(text: str | None) -> Address | None:
    """An account that a query names. Raises :class:`~ledger.errors.Malformed` where its checksum does not hold."""
    return None if text is None else Address.parse(text)
