"""All pages, and what they load."""

# No postponed annotations: FastAPI reads those of its handlers.

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from api.errors import NoSuchThing
from api.http.caller import caller
from api.pages import (
    account,
    anchored,
    assets,
    check,
    creator,
    holder,
    job,
    market,
    provenance,
    register,
    signin,
    training,
    works,
)
from api.service.service import Service


def create_pages_router(service: Service) -> APIRouter:
    """The pages, for an application to mount at its root."""
    router = APIRouter(include_in_schema=False)
    # What is trained comes before what has been: /models/new is no model.
    for part in (
        check,
        market,
        training,
        provenance,
        anchored,
        signin,
        account,
        job,
        creator,
        works,
        register,
        holder,
    ):
        router.include_router(part.create_router(service), dependencies=[Depends(caller)])

    @router.get("/static/{name}")
    async def static(name: str, request: Request) -> Response:
        """A file that pages load; its name is of its bytes, so it may be kept for good."""
        found = assets.served().get(name)
        if found is None:
            raise NoSuchThing(f"no file {name!r} here")
        headers = {"Cache-Control": assets.FOREVER, "Vary": "Accept-Encoding"}
        if found.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(found.packed, media_type=found.media_type, headers={**headers, "Content-Encoding": "gzip"})
        return Response(found.data, media_type=found.media_type, headers=headers)

    return router
