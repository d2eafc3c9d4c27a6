"""Registering recordings: a folder is dragged onto the page, or its files come with the form."""

# No postponed annotations: FastAPI reads those of its handlers.

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from api.errors import ApiError, UsageError
from api.pages.door import Door, Known, Reader, Said, onward
from api.pages.errands import ask
from api.pages.layout import page
from api.pages.sending import keep
from api.pages.writing import size
from api.service.service import Service
from gen.errors import GenError
from ledger.errors import LedgerError

_FRESH: Final[Mapping[str, Any]] = {"title": "", "license": "", "price": "0.05", "share": "5", "until": ""}
_CHOICES: Final = ("skip_bad", "allow_resampled", "hide_labels")


def create_router(service: Service) -> APIRouter:
    """The form, and what it asks for."""
    router = APIRouter(route_class=Door)

    @router.get("/recordings/new")
    def fresh(request: Request, who: Known) -> Response:
        """Where recordings are registered."""
        return form(request, who, {**_FRESH, "uses": ("train",), "mining": "notAllowed"})

    def form(request: Request, who: Reader, said: Mapping[str, Any], problem: Exception | None = None) -> Response:
        """The form, with what was said before where that could not be done."""
        kept = {name: bool(said.get(name)) for name in _CHOICES}
        return page(
            request,
            "register.html",
            200 if problem is None else 400,
            reader=who,
            said={"title": said["title"], "license": said["license"], **kept},
            terms={**{name: said[name] for name in ("price", "share", "uses", "until", "mining")}, "currency": None},
            most=size(service.settings.upload),
            problem=problem,
        )

    @router.post("/recordings/new")
    async def register(request: Request, who: Known, said: Said) -> Response:
        """Ask for the registration of an upload; without scripts the files come with the form."""
        asked: dict[str, Any] = {name: str(said.get(name, "")) for name in (*_FRESH, "mining")}
        asked |= {"uses": tuple(map(str, said.getlist("uses")))}
        chosen = {name: bool(said.get(name)) for name in _CHOICES}
        try:
            upload = str(said.get("upload", ""))
            sent = [one for one in said.getlist("files") if isinstance(one, UploadFile) and one.filename]
            if not upload and not sent:
                raise UsageError("files: there is none; choose a folder")
            upload = upload or await keep(service, who, sent)
            until = asked["until"] or "never"
            request_ = {**asked, **chosen, "until": until, "upload": upload}
            job = await run_in_threadpool(lambda: ask(service, who, "register", **request_))
        except (ApiError, LedgerError, GenError) as problem:
            return await run_in_threadpool(form, request, who, {**asked, **chosen}, problem)
        return onward(f"/jobs/{job.id}")

    return router
