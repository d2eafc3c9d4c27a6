"""*Creator*: mix the styles of a model, hear variations while they are made, mint them, and see what became of them."""

# No postponed annotations: FastAPI reads those of its handlers.

import secrets
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from api.errors import ApiError, NoSuchThing, UsageError
from api.pages import studio
from api.pages.door import Door, Known, Reader, Said, onward
from api.pages.errands import ask
from api.pages.job import KINDS, asked_of_wallet
from api.pages.layout import page
from api.pages.sending import keep
from api.service import asking, previews
from api.service.directory import Directory
from api.service.job import Job
from api.service.jobs import Jobs
from api.service.service import Service
from gen.errors import GenError
from ledger.errors import LedgerError

_ON_A_PAGE: Final = 50
_KEPT: Final = ("seconds", "variations", "temperature")
"""What the studio takes over from a job whose music is to be made anew, besides the mix; it says a seed of its own."""


def create_router(service: Service) -> APIRouter:
    """The studio, and the variations of each job."""
    router = APIRouter(route_class=Door)

    def show(
        request: Request,
        who: Reader,
        number: int | None = None,
        said: Mapping[str, Any] | None = None,
        problem: Exception | None = None,
        again: Job | None = None,
    ) -> Response:
        """The studio with a model chosen, and with what was said before: in vain, or for the job ``again``."""
        found = _models(service, who)
        model = next((one for one in found if one.id == number), found[0] if found else None)
        if again is not None:
            said = {name: f"{again.request[name]:g}" for name in _KEPT if name in again.request}
            model = model and studio.mixed(model, again.request.get("style", {}))
        fresh = {"seconds": 30, "variations": 3, "seed": secrets.randbelow(10**6), "temperature": "1"}
        kept = {name: (said or {}).get(name, value) for name, value in fresh.items()}
        status = 200 if problem is None else 400
        return page(
            request,
            "studio.html",
            status,
            reader=who,
            models=found,
            model=model,
            said=kept,
            problem=problem,
        )

    @router.get("/studio")
    def first(request: Request, who: Known, model: int | None = None, again: str | None = None) -> Response:
        """Where music is asked for; ``again`` as a job was, with another seed."""
        job = None if again is None else asking.seen(service, who.address, again)
        return show(request, who, model, again=job)

    @router.post("/studio")
    async def make(request: Request, who: Known, said: Said) -> Response:
        """Ask for music."""
        number = _number(said.get("model"))
        try:
            found = await run_in_threadpool(_models, service, who)
            model = next((one for one in found if one.id == number), None)
            if model is None:
                raise NoSuchThing("there is no such model")
            asked = studio.wish(model, said, None)
            sent = said.get("primer")
            if isinstance(sent, UploadFile) and sent.filename:
                asked["primer"] = await keep(service, who, [sent])
            job = await run_in_threadpool(lambda: ask(service, who, **asked))
        except (ApiError, LedgerError, GenError) as problem:
            return await run_in_threadpool(show, request, who, number, said, problem)
        return onward(f"/studio/{job.id}")

    @router.post("/studio/license")
    def license_(request: Request, who: Known, said: Said) -> Response:
        """Buy the license to play a model, on the terms that were shown."""
        number = _number(said.get("model"))
        try:
            seen = {name: str(said.get(name, "")) for name in ("price", "currency", "share", "until")}
            job = ask(service, who, "license", subject="model", id=number, uses=("generate",), **seen)
        except (ApiError, LedgerError) as problem:
            return show(request, who, number, None, problem)
        return onward(f"/jobs/{job.id}")

    @router.get("/studio/{id}")
    def takes(request: Request, who: Known, id: str) -> Response:  # noqa: A002
        """The variations of a job, those that are done."""
        job = asking.seen(service, who.address, id)
        if job.kind != "generate":
            return onward(f"/jobs/{id}")
        growing = _growing(service, job)  # asked first: what is done meanwhile is among those that are made
        made = _made(Jobs.of(service), job)
        there = {str(one["file"]) for one in made}
        models = (job.request.get("model"), *(one.get("model") for one in made))
        return page(
            request,
            "takes.html",
            job=job,
            kinds=f"{KINDS} audible",
            takes=[_take(Directory.of(service), job, one) for one in made],
            growing=[one for one in growing if one["file"] not in there],
            asked=job.request["variations"],
            question=asked_of_wallet(service, job),
            model=next((number for number in models if number is not None), None),
        )

    @router.post("/studio/{id}/mint")
    def mint(who: Known, id: str, said: Said) -> Response:  # noqa: A002
        """Mint one of them."""
        asked = {"job": id, "file": str(said.get("file", "")), "royalty": str(said.get("royalty", ""))}
        return onward(f"/jobs/{ask(service, who, 'mint', **asked).id}")

    return router


def _models(service: Service, who: Reader) -> tuple[studio.Model, ...]:
    with service.home.reading() as ledger:
        entries = Directory.of(service).models(most=_ON_A_PAGE, newest=True).entries
        return studio.models(service.home, ledger, entries, who.address)


def _number(said: Any) -> int:
    text = str(said)
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise UsageError("model: its number")
    return int(text)


def _made(jobs: Jobs, job: Job) -> list[Mapping[str, Any]]:
    """What a job says of each track that it has made: in its outcome, else in what it has said on the way."""
    if job.result is not None:
        return list(job.result["tracks"])
    said = {str(one.content["file"]): one.content for one in jobs.events(job.id) if one.kind == "made"}
    return list(said.values())


def _growing(service: Service, job: Job) -> list[dict[str, Any]]:
    """What of a job can be heard before it is done, by number."""
    if job.state != "running":
        return []
    found = []
    for name, one in previews.find(asking.folder(service, job)).items():
        number = int(name.removeprefix("track-").removesuffix(".wav"))
        found.append(
            {
                "anchor": _anchor(name),
                "file": name,
                "number": number,
                "sound": f"/v1/jobs/{job.id}/variations/{number}/sound",
                "version": one.version,
            }
        )
    return sorted(found, key=lambda one: one["number"])


def _anchor(file: str) -> str:
    return f"take-{file.removesuffix('.wav')}"


def _take(directory: Directory, job: Job, made: Mapping[str, Any]) -> dict[str, Any]:
    originality = made.get("originality", {})
    minted = directory.by_watermark(bytes.fromhex(str(made.get("watermark", ""))))
    return {
        "anchor": _anchor(str(made["file"])),
        "file": made["file"],
        "sound": f"/v1/jobs/{job.id}/files/{made['file']}",
        "seconds": f"{made['seconds']:.4g}",
        "seed": made["seed"],
        "repeats": originality.get("longest"),
        "compared": originality.get("compared"),
        "track": None if minted is None or str(minted.claim) != made["claim"] else minted.id,
    }
