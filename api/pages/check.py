"""*Check a track*: send a file in, and see where it comes from. Nobody has to sign in for it."""

# No postponed annotations: FastAPI reads those of its handlers.

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.pages.layout import page
from api.service.service import Service


def create_router(service: Service) -> APIRouter:
    """The first page, and the page of each check."""
    router = APIRouter()

    @router.get("/")
    def first(request: Request) -> Response:
        """Where a file is sent in."""
        return page(request, "check.html")

    return router
