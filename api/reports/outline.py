"""What a report says, in the order in which it says it, before it becomes a page or a document.

All text of strangers (names of files, titles, details that quote records) has passed
:func:`api.reports.visible.visible` here, so that what draws it has only to escape what its own format gives a meaning
to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from api import terms
from api.amounts import percent_from_ppm
from api.reports.details import Detail, of_evidence, of_finding
from api.reports.provenance import Box, boxes
from api.reports.texts import Texts
from api.reports.visible import visible
from ledger.findings import Finding, Status, Verdict

if TYPE_CHECKING:
    from api.reports.picture import Picture
    from api.workflows.audit import Audit
    from api.workflows.royalties import Account
    from ledger.conclusions import Conclusion
    from ledger.contracts import ShareEntry, TrackEntry
    from ledger.evidence import Evidence

_HELD: Final = re.compile(r"(\d+) of (\d+) encrypted recordings are in the store")


@dataclass(frozen=True, slots=True)
class Said:
    """One conclusion: its verdict, what it says, how sure it is, and the details that led to it."""

    verdict: Verdict
    text: str
    certainty: str
    because: tuple[Detail, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the sound that carries a mark, in seconds, and what to call it."""

    start: float
    end: float
    label: str


@dataclass(frozen=True, slots=True)
class Witnessed:
    """One row of what points to a track."""

    layer: str
    track: str
    where: str
    detail: Detail
    measures: str


@dataclass(frozen=True, slots=True)
class Owing:
    """Who is owed what of one track: a sentence, and rows of payee, role, share and amount due."""

    text: str
    rows: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One finding."""

    status: Status
    check: str
    subject: str
    detail: Detail


@dataclass(frozen=True, slots=True)
class Report:
    """The whole report; ``picture`` is None where the sound could not be drawn, and ``no_picture`` says why then."""

    texts: Texts
    name: str
    verdict: Verdict
    absent: str
    conclusions: tuple[Said, ...]
    facts: tuple[tuple[str, str], ...]
    picture: Picture | None
    no_picture: str
    stretches: tuple[Stretch, ...]
    witnesses: tuple[Witnessed, ...]
    chains: tuple[Box, ...]
    owing: tuple[Owing, ...]
    findings: tuple[Line, ...]

    @property
    def unchecked(self) -> tuple[Line, ...]:
        """What could not be checked."""
        return tuple(line for line in self.findings if line.status is Status.UNVERIFIABLE)


def outline(
    outcome: Audit,
    name: str,
    *,
    texts: Texts,
    when: datetime,
    picture: Picture | str,
    accounts: Mapping[int, Account | str],
) -> Report:
    """Lay a report out.

    Args:
        outcome: the audit.
        name: what the file is called.
        texts: the words of a language.
        when: the moment of the audit.
        picture: the sound to look at, or why there is none.
        accounts: by token, what its shares are, or why that could not be read.
    """
    from ledger.records import timestamp

    facts = (
        (texts("fact.name"), visible(name)),
        (texts("fact.length"), clock(outcome.seconds)),
        (texts("fact.digest"), str(outcome.audio)),
        (texts("fact.audited"), timestamp(when)),
    )
    shown = None if isinstance(picture, str) else picture
    return Report(
        texts=texts,
        name=visible(name),
        verdict=outcome.verdict,
        absent=absent(outcome.findings, texts),
        conclusions=tuple(concluded(conclusion, outcome.findings, texts) for conclusion in outcome.conclusions),
        facts=facts,
        picture=shown,
        no_picture=visible(picture) if isinstance(picture, str) else "",
        stretches=_stretches(outcome.evidence, outcome.seconds, texts),
        witnesses=tuple(_witnessed(evidence, texts) for evidence in outcome.evidence),
        chains=tuple(boxes(track, outcome.findings, texts) for track in outcome.tracks),
        owing=tuple(owing(node.entry, accounts.get(node.entry.id, ""), texts) for node in outcome.tracks),
        findings=tuple(_line(finding, texts) for finding in outcome.findings),
    )


def absent(findings: Sequence[Finding], texts: Texts) -> str:
    """What stands under a verdict where recordings are not in the store, which changes none; empty where all are."""
    noted = {one.subject: _HELD.fullmatch(one.detail) for one in findings if one.check == "recordings"}
    counts = [(int(held[1]), int(held[2])) for held in noted.values() if held is not None]
    count = sum(one for _, one in counts)
    missing = count - sum(one for one, _ in counts)
    if not missing:
        return ""
    return texts("absent.all") if missing == count else texts("absent", missing=missing, count=count)


def clock(seconds: float) -> str:
    """A place in a sound, such as ``3:07.5``, or ``1:02:03`` from an hour on."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    if minutes < 60:
        return f"{minutes}:{rest // 10:02d}.{rest % 10}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest // 10:02d}"


def concluded(conclusion: Conclusion, findings: Sequence[Finding], texts: Texts) -> Said:
    """A conclusion for people; ``findings`` are those of the audit that it is of."""
    sentence = texts.case(conclusion.case.name)
    told = {f"{finding.subject}: {finding.detail}": finding for finding in findings}
    because = tuple(_reason(why, told.get(why), texts) for why in conclusion.because)
    return Said(
        conclusion.verdict, sentence[0].upper() + sentence[1:] + ".", texts.certainty(conclusion.certainty), because
    )


def _reason(why: str, finding: Finding | None, texts: Texts) -> Detail:
    """A detail after its subject."""
    if finding is None:
        return Detail(visible(why), "en")
    detail = of_finding(finding, texts.language)
    if detail.language != texts.language:
        return Detail(visible(why), detail.language)
    return Detail(f"{texts.subject(visible(finding.subject))}: {detail}", texts.language)


def _stretches(evidence: Sequence[Evidence], seconds: float, texts: Texts) -> tuple[Stretch, ...]:
    found = []
    for one in evidence:
        if one.layer != "watermark":
            continue
        start, end = max(0.0, one.start or 0.0), min(seconds, seconds if one.end is None else one.end)
        mark = f"{texts('points_to')} {one.track[:12]}…" if one.track else texts("subject.mark")
        found.append(Stretch(start, end, texts("mark", mark=mark, start=clock(start), end=clock(end))))
    return tuple(found)


def _witnessed(one: Evidence, texts: Texts) -> Witnessed:
    measured = {
        "score": None if one.score is None else f"{one.score:.1f}",
        "false_positive": None if one.false_positive is None else f"{one.false_positive:.1e}",
        "distance": None if one.distance is None else f"{one.distance:.3f}",
        "speed": None if one.speed == 1.0 else f"{one.speed:.3f}",
        "pitch": None if one.pitch == 1.0 else f"{one.pitch:.3f}",
    }
    measures = ", ".join(texts(f"measure.{name}", value=value) for name, value in measured.items() if value is not None)
    where = "" if one.start is None or one.end is None else f"{clock(one.start)} – {clock(one.end)}"
    track = f"{one.track[:12]}…" if one.track else texts("nobody")
    return Witnessed(texts(f"layer.{one.layer}"), track, where, of_evidence(one, texts.language), measures)


def owing(entry: TrackEntry, account: Account | str, texts: Texts) -> Owing:
    """Who is owed what of a track; ``account`` may say why that could not be read."""
    track = f"{entry.id:016x}"
    if entry.anchored is not None:
        return Owing(texts("royalties.anchored", track=track), ())
    if isinstance(account, str):
        return Owing(texts("royalties.unread", track=track, why=visible(account) or texts("royalties.chain")), ())
    rows = tuple(
        (str(share.payee), _role(share, texts), f"{percent_from_ppm(share.ppm)} %", terms.money(due, None))
        for share, due in account.shares
    )
    percent = percent_from_ppm(account.track.royalty_ppm)
    return Owing(texts("royalties.said", percent=percent, track=track), rows)


def _role(share: ShareEntry, texts: Texts) -> str:
    return texts(f"role.{share.kind}", number=share.holder)


def _line(finding: Finding, texts: Texts) -> Line:
    subject = texts.subject(visible(finding.subject))
    return Line(finding.status, texts.check(finding.check), subject, of_finding(finding, texts.language))
