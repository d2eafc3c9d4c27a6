"""Licenses as the directory has them: ``/v1/licenses``."""

# No postponed annotations: FastAPI reads those of its handlers.

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel

from api.errors import UsageError
from api.http import paging
from api.http.openapi import problems_of
from api.http.paging import Account, Cut, Number, cut
from api.http.reading import read
from api.http.routes.tracks import address
from api.http.shapes import License
from api.service.directory import Directory
from api.service.service import Service


class LicenseList(BaseModel):
    """A page of licenses."""

    licenses: list[License]
    next: str | None


def create_router(service: Service) -> APIRouter:
    """The route of licenses."""
    router, directory = APIRouter(prefix="/licenses", tags=["licenses"]), Directory.of(service)

    @router.get("", response_model=LicenseList, responses=problems_of(400))
    async def some(
        request: Request,
        piece: Annotated[Cut, Depends(cut)],
        dataset: Number = None,
        model: Number = None,
        licensee: Account = None,
        payee: Account = None,
    ) -> Response:
        """Licenses, valid or not, of a dataset or of a model; `payee` was paid for them."""
        if dataset is not None and model is not None:
            raise UsageError("dataset and model: a license is of one of them")
        page = await read(
            service,
            directory.licenses,
            dataset=dataset,
            model=model,
            licensee=address(licensee),
            payee=address(payee),
            after=piece.after,
            most=piece.most,
            newest=piece.newest,
        )
        return paging.answer(request, "licenses", page, License.of)

    return router
