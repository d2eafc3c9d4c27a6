"""Models as the directory has them: ``/v1/models``."""

# No postponed annotations: FastAPI reads those of its handlers.

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel

from api.errors import NoSuchThing
from api.http import etags, paging
from api.http.openapi import problems_of
from api.http.paging import Account, Cut, Number, cut
from api.http.reading import read
from api.http.routes.datasets import Number as Token
from api.http.routes.tracks import address
from api.http.shapes import Model, OwedTo, WholeModel
from api.service.directory import Directory
from api.service.service import Service


class ModelList(BaseModel):
    """A page of models."""

    models: list[Model]
    next: str | None


def create_router(service: Service) -> APIRouter:
    """The routes of models."""
    router, directory = APIRouter(prefix="/models", tags=["models"]), Directory.of(service)

    @router.get("", response_model=ModelList)
    async def some(
        request: Request, piece: Annotated[Cut, Depends(cut)], owner: Account = None, dataset: Number = None
    ) -> Response:
        """Models; `dataset` names one that they were trained on."""
        page = await read(
            service,
            directory.models,
            owner=address(owner),
            dataset=dataset,
            after=piece.after,
            most=piece.most,
            newest=piece.newest,
        )
        return paging.answer(request, "models", page, Model.of)

    @router.get("/{id}", response_model=WholeModel, responses=problems_of(404))
    async def one(request: Request, id: Token) -> Response:  # noqa: A002
        """A model, with what its tracks owe to others."""
        found = await read(service, directory.model, id)
        if found is None:
            raise NoSuchThing(f"no model {id} is known here")
        dues = [OwedTo.of(due) for due in await read(service, directory.dues, id)]
        whole = WholeModel(**Model.of(found).model_dump(), dues=dues)
        return etags.answer(request, etags.as_bytes(whole.model_dump(mode="json")))

    return router
