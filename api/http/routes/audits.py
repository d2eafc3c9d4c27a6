"""The public detector: a file in, a job out that tells where it comes from. Nobody has to say who they are."""

# No postponed annotations: FastAPI reads those of its handlers.

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile

from api.errors import UsageError
from api.http import forms
from api.http.job_shapes import JobShape
from api.http.openapi import problems_of
from api.http.rates import limited
from api.http.routes.jobs import accepted
from api.service import asking
from api.service.job import Job
from api.service.kinds.checking import Audit
from api.service.service import Service
from api.service.uploads import Uploads, safe

_PIECE = 1 << 18
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "audio/*": {},
            "application/octet-stream": {},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "search_speed": {"type": "string", "enum": ["on"]},
                    },
                    "required": ["file"],
                }
            },
        },
    }
}


def create_router(service: Service) -> APIRouter:
    """The route of the detector."""
    router = APIRouter(tags=["audits"])

    @router.post(
        "/audits",
        status_code=202,
        response_model=JobShape,
        responses=problems_of(400, 413, 415),
        dependencies=[Depends(limited("audit"))],
        openapi_extra=_BODY,
    )
    async def check(
        request: Request,
        name: Annotated[str, Query(max_length=200, description="What the file is called.")] = "audio",
        search_speed: Annotated[bool, Query(description="Search for the mark at other speeds too.")] = False,
    ) -> JSONResponse:
        """Tell where a file comes from: it is the body, or `file` in a form. It is deleted when that is told."""
        return accepted(service, await received(service, request, name=name, search_speed=search_speed))

    return router


async def received(service: Service, request: Request, *, name: str = "audio", search_speed: bool = False) -> Job:
    """Take the file of a request in, and ask for its audit. Raises what :meth:`Uploads.receive` does."""
    uploads = Uploads.of(service)
    pieces: AsyncIterator[bytes] = request.stream()
    size = forms.length(request)

    async def admit(size: int, here: int = 0) -> None:
        await run_in_threadpool(uploads.admit, None, size, here)

    await admit(size or 1)
    if forms.kind(request) == forms.MULTIPART:
        form = await forms.read(request, admit)
        sent = form.get("file")
        if not isinstance(sent, UploadFile):
            raise UsageError("file: the form has no file of this name")
        name, pieces, size = sent.filename or name, _pieces(sent), sent.size
        search_speed = search_speed or form.get("search_speed") == "on"
    upload = await run_in_threadpool(uploads.make, None)
    try:
        await uploads.receive(upload, _plain(name), pieces, size)
        asked = Audit(upload=upload.id, search_speed=search_speed)
        return await run_in_threadpool(asking.ask, service, None, asked)
    except BaseException:
        await asyncio.shield(run_in_threadpool(uploads.drop, upload.id))  # at once, also where whoever sent it hung up
        raise


async def _pieces(sent: UploadFile) -> AsyncIterator[bytes]:
    while piece := await sent.read(_PIECE):
        yield piece


def _plain(name: str) -> str:
    """The name of a file that somebody sends in, without folders; where it is no name here, another in its place."""
    last = name.replace("\\", "/").rpartition("/")[2].strip().lstrip(".")
    try:
        return str(safe(last))
    except UsageError:
        return "audio"
