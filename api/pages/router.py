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
from api.pages.cover import Covers
from api.pages.proofs import Proofs
from api.service.service import Service


def create_pages_router(service: Service) -> APIRouter:
    """The pages, for an application to mount at its root."""
    router = APIRouter(include_in_schema=False)
    shown = Proofs(service.home), Covers(service.home)  # of all pages: so much is made at once, and no more
    # What is trained comes before what has been: /models/new is no model.
    for part in (
        check.create_router(service),
        market.create_router(service),
        training.create_router(service),
        provenance.create_router(service, *shown),
        anchored.create_router(service, *shown),
        signin.create_router(service),
        account.create_router(service),
        job.create_router(service),
        creator.create_router(service),
        works.create_router(service),
        register.create_router(service),
        holder.create_router(service),
    ):
        router.include_router(part, dependencies=[Depends(caller)])

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
