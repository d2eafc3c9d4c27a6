"""The page of a job: how it stands, followed while it goes on, and what came of it."""

# No postponed annotations: FastAPI reads those of its handlers.

import math
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api import terms as words
from api.pages import english
from api.pages.door import Door, Known, onward
from api.pages.language import Words, language_of
from api.pages.layout import page
from api.pages.writing import when
from api.reports.visible import visible
from api.service import asking
from api.service.job import Job
from api.service.jobs import Jobs
from api.service.service import Service
from api.service.wallets import Wallets

KINDS: Final = "state progress made"
"""The kinds of events that change a page."""

_IN_BYTES: Final = "registering"
"""The phase that counts bytes, which nobody wants to read."""
_LEADS: Final = (("track", "/tracks/"), ("model", "/models/"), ("dataset", "/datasets/"))
"""Fields of an outcome, and what they lead to."""
_NEXT: Final = {
    "train": ("model", "/studio?model=", "job.play"),
    "license": ("dataset", "/models/new?dataset=", "job.train"),
}
"""Kinds of jobs, and what one does next with a field of their outcome: the path before it, and the key of its name."""
_MUSIC: Final = ("/music", "works.title")
_RECORDINGS: Final = ("/recordings", "holder.title")
_STUDIO: Final = ("/studio", "studio.title")
_TRAINING: Final = ("/models/new", "train.title")
_ROOMS: Final = {
    "mint": _MUSIC,
    "list": _MUSIC,
    "unlist": _MUSIC,
    "buy": ("/music?which=owned", "works.title"),
    "register": _RECORDINGS,
    "terms": _RECORDINGS,
    "withdraw": _RECORDINGS,
    "train": _STUDIO,
    "pull": ("/account", "account.title"),
    "income": ("/account", "account.title"),
}
"""Kinds of jobs, and where one goes on after them: paths, and the keys of their names."""


def create_router(service: Service) -> APIRouter:
    """The page of each job, and how it is ended or tried again."""
    router = APIRouter(route_class=Door)
    jobs = Jobs.of(service)

    @router.get("/jobs/{id}")
    def job(request: Request, who: Known, id: str) -> Response:  # noqa: A002
        """A job of the reader's."""
        found = asking.seen(service, who.address, id)
        if found.account is None:
            return onward(f"/checks/{found.id}")
        words = Words(language_of(request))
        said = _said(jobs, found)
        progress, phase = _progress(said, words)
        return page(
            request,
            "job.html",
            job=found,
            title=title(found),
            kinds=KINDS,
            made=when(found.made),
            begun=when(found.begun),
            ended=when(found.ended),
            progress=progress,
            phase=phase,
            figures=_figures(said, words),
            result=_leads(found),
            room=_room(found),
            question=asked_of_wallet(service, found),
            already=bool(found.result and found.result.get("already")),
            files=[path.name for path in asking.files(service, found)],
        )

    @router.post("/jobs/{id}/cancel")
    def cancel(who: Known, id: str) -> Response:  # noqa: A002
        """Ask for its end."""
        return onward(f"/jobs/{asking.cancel(service, asking.seen(service, who.address, id).id).id}")

    @router.post("/jobs/{id}/retry")
    def retry(who: Known, id: str) -> Response:  # noqa: A002
        """Have it done once more."""
        return onward(f"/jobs/{asking.retry(service, asking.seen(service, who.address, id)).id}")

    return router


def title(job: Job) -> str:
    """The key of a job's name; a license at a price of 0 is taken and not bought."""
    free = job.kind == "license" and str(job.request.get("price") or "any").strip("0.") == ""
    return "kind.license.free" if free else f"kind.{job.kind}"


def asked_of_wallet(service: Service, job: Job) -> dict[str, Any] | None:
    """What the job waits to hear from its account's wallet: the number and kind of the question, and what it costs."""
    question = Wallets(service.database).open(job)
    if question is None:
        return None
    value = int(str(question.content.get("value", "0x0")), 16)
    return {"number": question.number, "kind": question.kind, "money": words.money(value, None) if value else None}


def _said(jobs: Jobs, job: Job) -> Mapping[str, Any]:
    """What a job that goes on has said last of its progress; nothing before."""
    said = [] if job.over else [event.content for event in jobs.events(job.id) if event.kind == "progress"]
    return said[-1] if said else {}


def _progress(said: Mapping[str, Any], words: Words) -> tuple[int | None, str]:
    """Percent of the phase that it is in, None where nobody can say; and that phase in words, if there is one."""
    if not said:
        return None, ""
    name, done, total = visible(str(said["phase"])), int(said["done"]), int(said.get("total") or 0)
    phase = words(f"phase.{name}") if f"phase.{name}" in english.TEXTS else name
    if not total:
        return None, phase
    percent = min(100, done * 100 // total)
    if name == _IN_BYTES:
        return percent, words("job.phase.percent", phase=phase, percent=percent)
    return percent, words("job.phase", phase=phase, done=done, total=total)


def _figures(said: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    """How a training goes, where it says so: the keys of names, and values for people."""
    found = []
    if "loss" in said:
        found.append(("job.loss", f"{said['loss']:.3f}"))
    if "speed" in said:
        found.append(("job.speed", words("job.speed.said", speed=f"{said['speed']:.3g}")))
    if "left" in said:
        found.append(("job.left", _time_left(said["left"], words)))
    return found


def _time_left(seconds: float, words: Words) -> str:
    """In minutes, rounded up: an estimate is no promise."""
    hours, minutes = divmod(math.ceil(seconds / 60), 60)
    if hours:
        return words("job.left.hours", hours=hours, minutes=minutes)
    return words("job.left.minutes", minutes=minutes) if minutes > 1 else words("job.left.seconds")


def _room(job: Job) -> tuple[str, str] | None:
    """Where one goes on afterwards: a path, and the key of its name."""
    if job.kind == "license":
        return _TRAINING if job.request.get("subject") == "dataset" else _STUDIO
    return _ROOMS.get(job.kind)


def _leads(job: Job) -> list[tuple[str, str, Any]]:
    """Where the outcome leads: paths, the keys of their names, and the numbers in them."""
    if job.kind == "generate" and job.state != "cancelled":
        return [(f"/studio/{job.id}", "job.takes", "")]
    found: list[tuple[str, str, Any]] = []
    for name, path in _LEADS:
        number = (job.result or {}).get(name)
        if number is not None:  # of a track, it is its watermark
            found.append((f"{path}{int(number, 16) if name == 'track' else number}", f"job.result.{name}", number))
    if job.result is not None and job.kind in _NEXT:
        name, path, key = _NEXT[job.kind]
        if name in job.result and (job.kind != "license" or "train" in job.request.get("uses", ())):
            found.append((f"{path}{job.result[name]}", key, ""))
    return found
