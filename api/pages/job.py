"""The page of a job: how it stands, followed while it goes on, and what came of it."""

# No postponed annotations: FastAPI reads those of its handlers.

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
_MUSIC: Final = ("/music", "works.title")
_RECORDINGS: Final = ("/recordings", "holder.title")
_ROOMS: Final = {
    "mint": _MUSIC,
    "list": _MUSIC,
    "unlist": _MUSIC,
    "buy": ("/music?which=owned", "works.title"),
    "register": _RECORDINGS,
    "terms": _RECORDINGS,
    "withdraw": _RECORDINGS,
    "license": ("/studio", "studio.title"),
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
        progress, phase = _progress(jobs, found, Words(language_of(request)))
        return page(
            request,
            "job.html",
            job=found,
            kinds=KINDS,
            made=when(found.made),
            begun=when(found.begun),
            ended=when(found.ended),
            progress=progress,
            phase=phase,
            result=_leads(found),
            room=_ROOMS.get(found.kind),
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


def asked_of_wallet(service: Service, job: Job) -> dict[str, Any] | None:
    """What the job waits to hear from its account's wallet: the number and kind of the question, and what it costs."""
    question = Wallets(service.database).open(job)
    if question is None:
        return None
    value = int(str(question.content.get("value", "0x0")), 16)
    return {"number": question.number, "kind": question.kind, "money": words.money(value, None) if value else None}


def _progress(jobs: Jobs, job: Job, words: Words) -> tuple[int | None, str]:
    """Percent of the phase that it is in, None where nobody can say; and that phase in words, if there is one."""
    said: list[dict[str, Any]] = (
        [] if job.over else [dict(e.content) for e in jobs.events(job.id) if e.kind == "progress"]
    )
    if not said:
        return None, ""
    name, done, total = visible(str(said[-1]["phase"])), int(said[-1]["done"]), int(said[-1].get("total") or 0)
    phase = words(f"phase.{name}") if f"phase.{name}" in english.TEXTS else name
    if not total:
        return None, phase
    percent = min(100, done * 100 // total)
    if name == _IN_BYTES:
        return percent, words("job.phase.percent", phase=phase, percent=percent)
    return percent, words("job.phase", phase=phase, done=done, total=total)


def _leads(job: Job) -> list[tuple[str, str, Any]]:
    """Where the outcome leads: paths, the keys of their names, and the numbers in them."""
    if job.kind == "generate" and job.state != "cancelled":
        return [(f"/studio/{job.id}", "job.takes", "")]
    found: list[tuple[str, str, Any]] = []
    for name, path in _LEADS:
        number = (job.result or {}).get(name)
        if number is not None:  # of a track, it is its watermark
            found.append((f"{path}{int(number, 16) if name == 'track' else number}", f"job.result.{name}", number))
    return found
