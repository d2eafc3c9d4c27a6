"""Datasets as the directory has them: ``/v1/datasets``."""

# No postponed annotations: FastAPI reads those of its handlers.

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel

from api.errors import NoSuchThing
from api.http import etags, paging
from api.http.openapi import problems_of
from api.http.paging import Account, Cut, cut
from api.http.reading import read
from api.http.routes.tracks import address
from api.http.shapes import Dataset
from api.service.directory import Directory
from api.service.service import Service

Number = Annotated[int, Path(ge=1, lt=1 << 63, description="The token.", examples=[3])]


class DatasetList(BaseModel):
    """A page of datasets."""

    datasets: list[Dataset]
    next: str | None


def create_router(service: Service) -> APIRouter:
    """The routes of datasets."""
    router, directory = APIRouter(prefix="/datasets", tags=["datasets"]), Directory.of(service)

    @router.get("", response_model=DatasetList)
    async def some(
        request: Request, piece: Annotated[Cut, Depends(cut)], owner: Account = None, holder: Account = None
    ) -> Response:
        """Datasets; `holder` registered them, `owner` is paid for them now."""
        whose = {"owner": address(owner), "holder": address(holder)}
        page = await read(service, directory.datasets, **whose, after=piece.after, most=piece.most, newest=piece.newest)
        return paging.answer(request, "datasets", page, Dataset.of)

    @router.get("/{id}", response_model=Dataset, responses=problems_of(404))
    async def one(request: Request, id: Number) -> Response:  # noqa: A002
        """A dataset."""
        found = await read(service, directory.dataset, id)
        if found is None:
            raise NoSuchThing(f"no dataset {id} is known here")
        return etags.answer(request, etags.as_bytes(Dataset.of(found).model_dump(mode="json")))

    return router
