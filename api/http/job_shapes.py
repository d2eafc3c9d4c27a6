"""Jobs and uploads as JSON."""

# No postponed annotations: FastAPI reads those of its models.

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.service import asking
from api.service.job import Job
from api.service.service import Service

_ID = "rDo8Xr0eYVvQ1uYV5bS0xw"
Id = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{22}$", examples=[_ID])]
Moment = Annotated[str, Field(examples=["2026-11-26T09:30:00.125Z"], description="UTC.")]


class JobFile(BaseModel):
    """A file that a job has made."""

    name: str = Field(examples=["track-1.wav"])
    bytes: int = Field(ge=0, examples=[5292104])
    url: str = Field(examples=[f"/v1/jobs/{_ID}/files/track-1.wav"])


class JobLinks(BaseModel):
    """Where a job is, and what may be done with it."""

    self: str = Field(examples=[f"/v1/jobs/{_ID}"])
    events: str = Field(examples=[f"/v1/jobs/{_ID}/events"])
    retry: str = Field(examples=[f"/v1/jobs/{_ID}/retry"])


class JobShape(BaseModel):
    """A job as it stands."""

    model_config = ConfigDict(title="Job")

    id: Id
    kind: str = Field(examples=["generate"])
    state: Literal["waiting", "asking", "running", "done", "failed", "cancelled"] = Field(examples=["running"])
    cancelling: bool = Field(description="Its end was asked for, and is near.")
    account: str | None = Field(examples=["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"])
    made: Moment
    begun: Moment | None
    ended: Moment | None
    tries: int = Field(ge=0, description="How often it was begun.", examples=[1])
    request: dict[str, Any] = Field(examples=[{"model": 1, "seconds": 30.0}])
    result: dict[str, Any] | None = Field(description="The outcome, by the kind; null before.")
    problem: dict[str, Any] | None = Field(description="Why it failed (RFC 9457); null otherwise.")
    files: list[JobFile]
    last_event: int = Field(ge=0, description="The number of its last event.", examples=[5])
    links: JobLinks


class JobList(BaseModel):
    """A page of jobs, the latest first."""

    jobs: list[JobShape]
    next: str | None = Field(description="The page after; null on the last one.")


class Arrived(BaseModel):
    """A file that has arrived whole."""

    name: str = Field(examples=["new/take 1.wav"])
    bytes: int = Field(ge=0)


class UploadShape(BaseModel):
    """An upload as it stands."""

    model_config = ConfigDict(title="Upload")

    id: Id
    files: int = Field(ge=0)
    bytes: int = Field(ge=0)


class UploadList(UploadShape):
    """An upload with the files that have arrived."""

    model_config = ConfigDict(title="UploadWithFiles")

    arrived: list[Arrived]


def job_as_json(service: Service, job: Job) -> dict[str, Any]:
    """A job in the shape of :class:`JobShape`."""
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


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
