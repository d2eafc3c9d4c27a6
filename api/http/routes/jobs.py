"""Jobs: ask for one, watch it, end it, have it tried again, and fetch what it made."""

# No postponed annotations: FastAPI reads those of its handlers.

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse

from api.errors import NoSuchThing, NotPermitted
from api.http.caller import Caller, caller, needs, signed_in
from api.http.idempotency import Key, once
from api.http.watching import Watch
from api.service import asking
from api.service.answers import Answer
from api.service.job import Job
from api.service.jobs import Jobs
from api.service.kinds import ANY, KINDS
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
# A report is a whole page with its own style sheet and pictures in it, and shall do nothing else.
_REPORT: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


def create_router(service: Service) -> APIRouter:
    """The routes of jobs."""
    router = APIRouter(tags=["jobs"])
    jobs = Jobs.of(service)
    watches: list[Watch] = []

    def answer(job: Job) -> Answer:
        return Answer(202, as_json(service, job), _headers(job))

    def mine(id: str, who: Caller | None) -> Job:  # noqa: A002
        return asking.seen(service, None if who is None else who.address, id)

    @router.post("/jobs", status_code=202)
    def ask(request: Request, asked: ANY, who: Annotated[Caller, Depends(signed_in)], key: Key = None) -> JSONResponse:
        """Ask for a job. It is done later; where it can be watched is in the answer and in `Location`."""
        scope = KINDS[asked.kind].scope
        if scope is not None and scope not in who.scopes:
            raise NotPermitted(f"this token has no scope {scope!r}: make one that has")
        return once(service, request, who, key, asked, lambda: answer(asking.ask(service, who.address, asked)))

    @router.get("/jobs")
    def own(
        who: Annotated[Caller, Depends(needs("read"))],
        after: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_-]{22}$")] = None,
        most: Annotated[int, Query(ge=1, le=100)] = 50,
    ) -> JSONResponse:
        """The account's jobs, the latest first; `next` leads to the page after, and is null on the last."""
        before = None if after is None else mine(after, who).number
        found = jobs.list(who.address, before, most + 1)
        following = f"/v1/jobs?after={found[most - 1].id}&most={most}" if len(found) > most else None
        return JSONResponse({"jobs": [as_json(service, job) for job in found[:most]], "next": following})

    @router.get("/jobs/{id}")
    def one(id: Id, who: Anybody) -> JSONResponse:  # noqa: A002
        """A job as it stands: the account's own, or one that needs no account, for whoever knows its id."""
        return JSONResponse(as_json(service, mine(id, who)), headers={"Cache-Control": "no-store"})

    @router.delete("/jobs/{id}")
    def cancel(id: Id, who: Anybody) -> JSONResponse:  # noqa: A002
        """End a job: at once where it waits, in a few seconds where it runs. What it has recorded on chain stays."""
        mine(id, _able(who))
        return JSONResponse(as_json(service, jobs.cancel(id)))

    @router.post("/jobs/{id}/retry", status_code=202)
    def retry(id: Id, who: Anybody) -> JSONResponse:  # noqa: A002
        """Have a job that failed or was cancelled done once more; it finds what was done already."""
        mine(id, _able(who))
        return accepted(service, jobs.retry(id))

    @router.get("/jobs/{id}/events", response_class=StreamingResponse)
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

    @router.get("/jobs/{id}/files/{name}", response_class=FileResponse)
    def file(id: Id, name: Annotated[str, Path(max_length=200)], who: Anybody) -> FileResponse:  # noqa: A002
        """A file that a job made; audio also in parts (`Range`)."""
        path = next((path for path in asking.files(service, mine(id, who)) if path.name == name), None)
        if path is None:
            raise NoSuchThing("this job has made no such file")
        report = path.suffix == ".html"
        return FileResponse(
            path,
            media_type=_TYPES.get(path.suffix, "application/octet-stream"),
            filename=path.name,
            content_disposition_type="inline" if report or path.suffix == ".wav" else "attachment",
            headers={"Cache-Control": "private, no-cache", **({"Content-Security-Policy": _REPORT} if report else {})},
        )

    return router


def accepted(service: Service, job: Job) -> JSONResponse:
    """The answer to what will be done later."""
    return JSONResponse(as_json(service, job), 202, _headers(job))


def _headers(job: Job) -> dict[str, str]:
    return {"Location": f"/v1/jobs/{job.id}", "Cache-Control": "no-store"}


def as_json(service: Service, job: Job) -> dict[str, Any]:
    """A job as one object."""
    here = f"/v1/jobs/{job.id}"
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "cancelling": job.cancelling,
        "account": None if job.account is None else str(job.account),
        "made": _moment(job.made),
        "begun": _moment(job.begun),
        "ended": _moment(job.ended),
        "tries": job.tries,
        "request": dict(job.request),
        "result": job.result,
        "problem": job.problem,
        "files": [
            {"name": path.name, "bytes": path.stat().st_size, "url": f"{here}/files/{path.name}"}
            for path in asking.files(service, job)
        ],
        "last_event": job.said,
        "links": {"self": here, "events": f"{here}/events", "retry": f"{here}/retry"},
    }


def _able(who: Caller | None) -> Caller | None:
    """A token must be allowed to change jobs; whoever has none may change what needs no account."""
    if who is not None and "jobs" not in who.scopes:
        raise NotPermitted("this token has no scope 'jobs': make one that has")
    return who


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
