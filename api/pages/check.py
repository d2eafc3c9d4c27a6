"""*Check a track*: send a file in, and see where it comes from. Nobody has to sign in for it.

What the check has found so far is one page, whose address is the check's; it renews itself while the check goes on,
with scripts whenever something is told, and without them every few seconds.
"""

# No postponed annotations: FastAPI reads those of its handlers.

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.errors import NoSuchThing
from api.http.rates import limited
from api.http.routes.audits import received
from api.pages.language import Words, language_of
from api.pages.layout import page
from api.reports.html import SIGN_OF
from api.reports.outline import Said, absent, concluded
from api.service import asking
from api.service.anchorings import Anchorings
from api.service.job import Job
from api.service.jobs import Jobs
from api.service.service import Service
from ledger.address import Address
from ledger.conclusions import Case, Conclusion
from ledger.digest import Digest
from ledger.errors import NotFound
from ledger.evidence import Evidence
from ledger.findings import Finding, Status, Verdict

LAYERS: Final = ("decoded", "manifest", "watermark", "digest", "fingerprint", "chain")
"""What is told of a check, in the order in which it is looked at."""
_WORST: Final = (Status.INVALID, Status.UNVERIFIABLE, Status.WARNING, Status.OK, Status.NOTE)
_HEX: Final = frozenset("0123456789abcdef")
_DIGITS: Final = 20
"""Of the largest number of a token."""

State = Literal["told", "passed", "going", "ahead"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: what it found, if it has; ``passed`` was not needed, ``going`` is being looked at.

    ``status`` is the worst outcome of its findings; *note* where it saw nothing at all.
    """

    name: str
    state: State
    status: Status
    findings: tuple[Finding, ...]
    evidence: tuple[Evidence, ...]


def create_router(service: Service) -> APIRouter:
    """The first page, the page of each check, and the way from what somebody knows of a track to its page."""
    router = APIRouter()
    jobs, anchorings = Jobs.of(service), Anchorings.of(service)

    @router.get("/")
    async def first(request: Request) -> Response:
        """Where a file is sent in."""
        return page(request, "check.html", layers=LAYERS)

    @router.post("/checks", dependencies=[Depends(limited("audit"))])
    async def send(request: Request) -> Response:
        """Take the file in, and lead to its check."""
        job = await received(service, request)
        return RedirectResponse(f"/checks/{job.id}", 303)

    @router.get("/checks/{id}")
    def check(request: Request, id: str) -> Response:  # noqa: A002
        """A check as far as it has come: whoever has its address may see it."""
        job = asking.seen(service, None, id)
        if job.kind != "audit":
            raise NoSuchThing("there is no such check")
        words = Words(language_of(request))
        outcome = job.result if job.state == "done" else None
        found = [] if outcome is None else [_finding(one) for one in outcome["findings"]]
        shown: dict[str, Any] = {
            "job": job,
            "layers": layers(job, [event.content for event in jobs.events(job.id) if event.kind == "layer"]),
            "outcome": outcome,
            "verdict": None if outcome is None else Verdict(outcome["verdict"]),
            "missing": absent(found, words.report),
            "conclusions": [] if outcome is None else _conclusions(outcome, found, words),
            "tracks": [] if outcome is None else [token(track) for track in outcome["tracks"]],
            "places": [] if outcome is None else [place(track) for track in outcome["tracks"]],
            "files": [path.name for path in asking.files(service, job)],
            "address": f"{service.settings.site}/checks/{job.id}",
            "sign_of": SIGN_OF,
        }
        return page(request, "checked.html", **shown)

    @router.get("/find")
    def find(what: Annotated[str, Query(max_length=200)] = "") -> Response:
        """From a watermark, a token's number or a file's SHA-256 to the track's page."""
        return RedirectResponse(_found(service, anchorings, what), 303)

    return router


def layers(job: Job, said: Sequence[Mapping[str, Any]]) -> tuple[Layer, ...]:
    """All layers of a check, whether or not they have told anything; of each what it told last."""
    told = {content["layer"]: content for content in said}
    last = max((LAYERS.index(name) for name in told if name in LAYERS), default=-1)
    found = []
    for index, name in enumerate(LAYERS):
        content = told.get(name, {})
        findings = tuple(_finding(one) for one in content.get("findings", ()))
        told_of = content.get("evidence", ())
        evidence = tuple(Evidence(one["layer"], one["track"], one["detail"]) for one in told_of)
        # What points to a track without any doubt of its own is as good as a check that came out well.
        seen = {finding.status for finding in findings} | ({Status.OK} if evidence or name == "decoded" else set())
        status = next((one for one in _WORST if one in seen), Status.NOTE)
        state: State = "told"
        if name not in told:
            over = job.over or "verdict" in told or index < last
            state = "passed" if over else "going" if job.state == "running" and index == last + 1 else "ahead"
        found.append(Layer(name, state, status, findings, evidence))
    return tuple(found)


def token(track: Mapping[str, Any]) -> int | None:
    """The number of a track's token, from what an audit says of it; None for one that was anchored and not minted."""
    return None if track.get("anchored") is not None else _mark(track)


def place(track: Mapping[str, Any]) -> str:
    """The address of its page."""
    return f"/tracks/{_mark(track)}" if track.get("anchored") is None else f"/anchored/{_mark(track):016x}"


def _mark(track: Mapping[str, Any]) -> int:
    """The watermark: the first 8 bytes of SHA-256 over creator and claim (``idOf`` in contracts/Vouchers.sol)."""
    mark = Digest.of(Address.parse(track["creator"]).raw + Digest.parse(track["track"]).raw).raw[:8]
    return int.from_bytes(mark, "big")


def _finding(said: Mapping[str, str]) -> Finding:
    return Finding(said["check"], Status(said["status"]), said["subject"], said["detail"])


def _conclusions(outcome: Mapping[str, Any], findings: Sequence[Finding], words: Words) -> list[Said]:
    found = []
    for one in outcome["conclusions"]:
        case, verdict, because = Case(one["case"]), Verdict(one["verdict"]), tuple(one["because"])
        conclusion = Conclusion(case, verdict, one["track"], one["certainty"], because)
        found.append(concluded(conclusion, findings, words.report))
    return found


def _found(service: Service, anchorings: Anchorings, what: str) -> str:
    """The page of the track that somebody means. Raises :class:`NoSuchThing`."""
    text = "".join(what.split()).lower().removeprefix("0x")
    why = f"no track is known here by {what[:100]!r}"
    if len(text) in (16, 64) and _HEX.issuperset(text):
        with service.home.reading() as ledger:
            try:
                if len(text) == 64:
                    entry = anchorings.by_audio(ledger, Digest.parse(text))
                else:
                    entry = anchorings.by_watermark(ledger, int(text, 16))
            except NotFound as error:
                why = str(error)
            else:
                return f"/tracks/{entry.id}" if entry.anchored is None else f"/anchored/{entry.id:016x}"
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS and int(text) < 2**64:
        return f"/tracks/{int(text)}"
    raise NoSuchThing(f"{why}: give its watermark (16 hex digits), its token's number, or the SHA-256 of its file")
