"""The public look-up: ``/v1/lookup``, from what is heard or held to the track. It needs no account."""

# No postponed annotations: FastAPI reads those of its handlers.

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from api.errors import NoSuchThing
from api.http import etags
from api.http.openapi import problems_of
from api.http.reading import read
from api.http.shapes import Track
from api.service.lookups import By, Lookups
from api.service.service import Service

Sha256 = Annotated[
    str,
    Path(
        pattern="^[0-9a-fA-F]{64}$",
        description="SHA-256 of the whole audio file, in hexadecimal.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    ),
]
Watermark = Annotated[
    str,
    Path(
        pattern="^[0-9a-fA-F]{16}$", description="The 8 bytes of a mark, in hexadecimal.", examples=["9f81a26b1c3d4e5f"]
    ),
]


def create_router(service: Service) -> APIRouter:
    """The routes of the look-up."""
    router, lookups = (
        APIRouter(prefix="/lookup", tags=["look-up"], responses=problems_of(404)),
        Lookups(service.database),
    )

    async def answer(request: Request, by: By, value: bytes) -> Response:
        found = await read(service, lookups.find, by, value)
        if found is None:
            where = f"/v1/anchored/{value.hex()}" if by == "id" else "/v1/anchored, by its watermark"
            raise NoSuchThing(f"no minted track of that is known here; one that was only anchored: {where}")
        return etags.answer(request, found)

    @router.get("/sha256/{digest}", response_model=Track)
    async def by_file(request: Request, digest: Sha256) -> Response:
        """The track of an audio file, by the file's digest."""
        return await answer(request, "audio", bytes.fromhex(digest))

    @router.get("/watermark/{mark}", response_model=Track)
    async def by_watermark(request: Request, mark: Watermark) -> Response:
        """The track of a watermark, as a detector reads it from a copy."""
        return await answer(request, "id", bytes.fromhex(mark))

    return router
