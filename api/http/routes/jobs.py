"""Jobs: ask for one, watch it, end it, have it tried again, and fetch what it made."""

# No postponed annotations: FastAPI reads those of its handlers.

import pathlib
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse

from api.errors import NoSuchThing, NotPermitted
from api.http.caller import Caller, caller, needs, signed_in
from api.http.hearing import Ears
from api.http.idempotency import Key, once
from api.http.job_shapes import JobList, JobShape, job_as_json
from api.http.openapi import problems_of
from api.http.watching import Watch
from api.service import asking
from api.service.answers import Answer
from api.service.job import Job
from api.service.jobs import Jobs
from api.service.kinds import ANY, KINDS
from api.service.kinds.making import MOST_VARIATIONS
from api.service.service import Service

Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{22}$", examples=["rDo8Xr0eYVvQ1uYV5bS0xw"])]
Anybody = Annotated[Caller | None, Depends(caller)]
_TYPES: Final = {
    ".wav": "audio/wav",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".pdf": "application/pdf",
}
_EVENT: Final = 'id: 2\nevent: state\ndata: {"state": "running"}\n\n'
# A report is a whole page with its own style sheet and pictures in it, and shall do nothing else.
_REPORT: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"

_NONE: Final = problems_of(401, 403, 404)
_OVER: Final = problems_of(401, 403, 404, 409)
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    **_NONE,
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EVENT}}},
    204: {"description": "It is over, and told."},
}
_WAV: Final = {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}
_SOUND: Final[dict[int | str, dict[str, Any]]] = {
    **_NONE,
    200: {"description": "The sound, from its beginning.", "content": _WAV},
    206: {"description": "A part of it, once it is done.", "content": _WAV},
}


def create_router(service: Service) -> APIRouter:
    """The routes of jobs."""
    router = APIRouter(tags=["jobs"])
    jobs = Jobs.of(service)
    watches: list[Watch] = []
    ears = Ears()

    def answer(job: Job) -> Answer:
        return Answer(202, job_as_json(service, job), _headers(job))

    def mine(id: str, who: Caller | None, scope: str | None = "read") -> Job:  # noqa: A002
        """A job that somebody may see, and where ``scope`` is None, do what its kind allows."""
        job = asking.seen(service, None if who is None else who.address, id)
        _allow(who, scope or KINDS[job.kind].scope or "jobs")
        return job

    @router.post("/jobs", status_code=202, response_model=JobShape, responses=problems_of(400, 401, 403, 404, 409))
    def ask(request: Request, asked: ANY, who: Annotated[Caller, Depends(signed_in)], key: Key = None) -> JSONResponse:
        """Ask for a job. It is done later; where it can be watched is in the answer and in `Location`."""
        _allow(who, KINDS[asked.kind].scope or "jobs")
        what = (service, who.address, asked)
        return once(service, request, who, key, asked, lambda: asking.look(*what), lambda: answer(asking.submit(*what)))

    @router.get("/jobs", response_model=JobList, responses=problems_of(401, 403, 404))
    def own(
        who: Annotated[Caller, Depends(needs("read"))],
        after: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_-]{22}$")] = None,
        most: Annotated[int, Query(ge=1, le=100)] = 50,
    ) -> JSONResponse:
        """The account's jobs, the latest first; `next` leads to the page after, and is null on the last."""
        before = None if after is None else mine(after, who).number
        found = jobs.list(who.address, before, most + 1)
        following = f"/v1/jobs?after={found[most - 1].id}&most={most}" if len(found) > most else None
        return JSONResponse({"jobs": [job_as_json(service, job) for job in found[:most]], "next": following})

    @router.get("/jobs/{id}", response_model=JobShape, responses=_NONE)
    def one(id: Id, who: Anybody) -> JSONResponse:  # noqa: A002
        """A job as it stands: the account's own, or one that needs no account, for whoever knows its id."""
        return JSONResponse(job_as_json(service, mine(id, who)), headers={"Cache-Control": "no-store"})

    @router.delete("/jobs/{id}", response_model=JobShape, responses=_OVER)
    def cancel(id: Id, who: Anybody) -> JSONResponse:  # noqa: A002
        """End a job: at once where it waits, in a few seconds where it runs. What it has recorded on chain stays."""
        mine(id, who, None)
        return JSONResponse(job_as_json(service, asking.cancel(service, id)))

    @router.post("/jobs/{id}/retry", status_code=202, response_model=JobShape, responses=_OVER)
    def retry(id: Id, who: Anybody) -> JSONResponse:  # noqa: A002
        """Have a job that failed or was cancelled done once more; it finds what was done already."""
        return accepted(service, asking.retry(service, mine(id, who, None)))

    @router.get("/jobs/{id}/events", response_class=StreamingResponse, responses=_STREAM)
    async def events(
        id: Id,  # noqa: A002
        who: Anybody,
        last: Annotated[int, Header(alias="Last-Event-ID", ge=0, le=2**31)] = 0,
        after: Annotated[int, Query(ge=0, le=2**31)] = 0,
    ) -> Response:
        """What happens to a job, as it happens (server-sent events); `Last-Event-ID` goes on from there."""
        job = await run_in_threadpool(mine, id, who)
        after = max(last, after)
        if job.over and job.said <= after:
            return Response(status_code=204)  # which tells a browser not to come again
        if not watches:
            watches.append(Watch(jobs))  # here, where there is a loop
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(watches[0].stream(id, after), media_type="text/event-stream", headers=headers)

    @router.get("/jobs/{id}/files/{name}", response_class=FileResponse, responses=_NONE)
    def file(id: Id, name: Annotated[str, Path(max_length=200)], who: Anybody) -> FileResponse:  # noqa: A002
        """A file that a job made; audio also in parts (`Range`)."""
        path = next((path for path in asking.files(service, mine(id, who)) if path.name == name), None)
        if path is None:
            raise NoSuchThing("this job has made no such file")
        return _sent(path)

    @router.get("/jobs/{id}/variations/{number}/sound", response_class=FileResponse, responses=_SOUND)
    async def sound(
        id: Id,  # noqa: A002
        number: Annotated[int, Path(ge=1, le=MOST_VARIATIONS, examples=[1])],
        who: Anybody,
    ) -> Response:
        """A track that a job generates, for whoever does not want to wait: what there is of it, and the rest as it is
        made, marked, but at a level that is a guess. Once it is done, its file, and that also in parts (`Range`)."""
        job = await run_in_threadpool(mine, id, who)
        folder, name = asking.folder(service, job), f"track-{number}.wav"
        for _ in range(2):  # it may be done between the two looks
            if await run_in_threadpool((folder / name).is_file):
                return _sent(folder / name)
            growing = await ears.hear(job.id, folder, name)
            if growing is not None:
                return growing
        raise NoSuchThing("there is nothing to hear of it yet, or not any more")

    return router


def _sent(path: pathlib.Path) -> FileResponse:
    report = path.suffix == ".html"
    return FileResponse(
        path,
        media_type=_TYPES.get(path.suffix, "application/octet-stream"),
        filename=path.name,
        content_disposition_type="inline" if report or path.suffix == ".wav" else "attachment",
        headers={"Cache-Control": "private, no-cache", **({"Content-Security-Policy": _REPORT} if report else {})},
    )


def accepted(service: Service, job: Job) -> JSONResponse:
    """The answer to what will be done later."""
    return JSONResponse(job_as_json(service, job), 202, _headers(job))


def _headers(job: Job) -> dict[str, str]:
    return {"Location": f"/v1/jobs/{job.id}", "Cache-Control": "no-store"}


def _allow(who: Caller | None, scope: str) -> None:
    """A token must have the scope; whoever has none may do it with what needs no account."""
    if who is not None and scope not in who.scopes:
        raise NotPermitted(f"this token has no scope {scope!r}: make one that has")
