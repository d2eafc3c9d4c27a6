"""Files on their way in, for jobs to work on."""

# No postponed annotations: FastAPI reads those of its handlers.

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from api.http.caller import Caller, needs
from api.http.forms import length
from api.http.job_shapes import Arrived, UploadList, UploadShape
from api.http.openapi import problems_of
from api.service.service import Service
from api.service.uploads import Upload, Uploads

Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{22}$")]
Uploader = Annotated[Caller, Depends(needs("upload"))]

_NONE = problems_of(401, 403, 404)


def create_router(service: Service) -> APIRouter:
    """The routes of uploads."""
    router = APIRouter(tags=["uploads"])
    uploads = Uploads.of(service)

    @router.post("/uploads", status_code=201, response_model=UploadShape, responses=problems_of(401, 403))
    def make(who: Uploader) -> JSONResponse:
        """Begin an upload: a folder that files are put into, each with one request."""
        made = uploads.make(who.address)
        return JSONResponse(_as_json(made), 201, {"Location": f"/v1/uploads/{made.id}"})

    @router.get("/uploads/{id}", response_model=UploadList, responses=_NONE)
    def one(id: Id, who: Uploader) -> JSONResponse:  # noqa: A002
        """How much has arrived, and of what: whoever was cut off goes on with the rest."""
        upload = uploads.get(id, who.address)
        arrived = [{"name": name, "bytes": size} for name, size in uploads.arrived(upload)]
        return JSONResponse({**_as_json(upload), "arrived": arrived})

    @router.put(
        "/uploads/{id}/files/{name:path}",
        response_model=Arrived,
        responses=problems_of(400, 401, 403, 404, 413, 415),
        openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": {}}}},
    )
    async def put(id: Id, name: Annotated[str, Path(max_length=1000)], request: Request, who: Uploader) -> JSONResponse:  # noqa: A002
        """Put a file into an upload: the body is its bytes, and its name may lead through folders. A recording, or
        `labels.csv` or `labels.json`, which say what the recordings are."""
        upload = await run_in_threadpool(uploads.get, id, who.address)
        size = await uploads.receive(upload, name, request.stream(), length(request))
        return JSONResponse({"name": name, "bytes": size})

    @router.delete("/uploads/{id}/files/{name:path}", status_code=204, responses=problems_of(400, 401, 403, 404))
    def remove(id: Id, name: Annotated[str, Path(max_length=1000)], who: Uploader) -> Response:  # noqa: A002
        """Delete a file of an upload, such as one that a job could not use."""
        uploads.remove(uploads.get(id, who.address), name)
        return Response(status_code=204)

    @router.delete("/uploads/{id}", status_code=204, responses=_NONE)
    def drop(id: Id, who: Uploader) -> Response:  # noqa: A002
        """Delete an upload that no job shall work on any more."""
        uploads.drop(uploads.get(id, who.address).id)
        return Response(status_code=204)

    return router


def _as_json(upload: Upload) -> dict[str, Any]:
    return {"id": upload.id, "files": upload.files, "bytes": upload.bytes}
