"""The table by which findings become conclusions: what happened to this audio, how sure that is, and why.

A row fits a finding by the name of its check and its outcome, and nothing else: whoever checks decides no case, and the
table decides all of them. The worst verdict of the conclusions is the verdict of the findings (:func:`conclude`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ledger.evidence import Evidence
from ledger.findings import Finding, Status, Verdict

_TRACK = "track "


class Case(StrEnum):
    """What can be the matter with audio; one row of the table each."""

    COPIED_MARK = "copied mark"
    MOVED_MANIFEST = "moved manifest"
    FORGED_MANIFEST = "forged manifest"
    FORGED_RECORD = "forged record"
    REPLACED_BLOCK = "replaced block"
    KEY_ENDED_BEFORE = "key ended before"
    LICENSE_MISSING = "license missing"
    REPLAY_DIFFERS = "replay differs"
    WRONG = "wrong"
    DOUBTFUL_SOUND = "doubtful sound"
    REORGANISED = "reorganised"
    NOT_FINAL = "not final"
    CHAIN_UNREACHABLE = "chain unreachable"
    CONTENT_UNREACHABLE = "content unreachable"
    UNCHECKED = "unchecked"
    ORIGINAL = "original"
    SAME_SAMPLES = "same samples"
    RESPED = "resped"
    STRETCHED = "stretched"
    REPITCHED = "repitched"
    MIXED = "mixed"
    EXCERPT = "excerpt"
    MARK_GONE = "mark gone"
    REENCODED = "reencoded"
    ANCHORED = "anchored"
    EDITED_TAGS = "edited tags"
    KEY_ENDED_AFTER = "key ended after"
    CONSENT_WITHDRAWN = "consent withdrawn"
    LICENSE_ENDED = "license ended"
    FOREIGN_MARK = "foreign mark"
    NOTHING_KNOWN = "nothing known"


class Sureness(StrEnum):
    """What a conclusion's certainty rests on."""

    PROOF = "proof"  # a digest or signature: certain
    MARK = "mark"  # a watermark: one less its probability of chance; likely where no mark speaks for it
    LIKENESS = "likeness"  # a fingerprint: likely
    OPEN = "open"  # nobody could tell


@dataclass(frozen=True, slots=True)
class Row:
    """One row: ``seen`` are the findings that lead to it, ``unless`` those that say it better of the same subject.

    ``verdict`` is None for what decides nothing: such a conclusion is *verified* beside a known track, else *unknown*.
    """

    case: Case
    verdict: Verdict | None
    seen: tuple[tuple[str, Status], ...]
    sureness: Sureness
    unless: tuple[tuple[str, Status], ...] = ()


@dataclass(frozen=True, slots=True)
class Conclusion:
    """One row that fits.

    Attributes:
        case, verdict: which row, and what it means for the whole.
        track: claim of the track it is about, 64 hex digits; None where it is about something behind the track.
        certainty: ``certain``, ``1 - 2e-12`` (by a watermark's probability of chance), ``likely`` or ``open``.
        because: details of the findings that led to it, each after its subject.
    """

    case: Case
    verdict: Verdict
    track: str | None
    certainty: str
    because: tuple[str, ...]


def _at(status: Status, *checks: str) -> tuple[tuple[str, Status], ...]:
    return tuple((check, status) for check in checks)


_OK, _NOTE, _WARNING = Status.OK, Status.NOTE, Status.WARNING
_INVALID, _UNVERIFIABLE = Status.INVALID, Status.UNVERIFIABLE

TABLE: tuple[Row, ...] = (
    Row(Case.COPIED_MARK, Verdict.INVALID, _at(_INVALID, "fingerprint"), Sureness.LIKENESS),
    Row(Case.MOVED_MANIFEST, Verdict.INVALID, _at(_INVALID, "manifest place"), Sureness.PROOF),
    Row(Case.FORGED_MANIFEST, Verdict.INVALID, _at(_INVALID, "manifest"), Sureness.PROOF),
    Row(
        Case.FORGED_RECORD,
        Verdict.INVALID,
        _at(
            _INVALID,
            "record",
            "token",
            "training run",
            "dataset reference",
            "merkle root",
            "terms",
            "license terms",
            "iscc",
        ),
        Sureness.PROOF,
    ),
    Row(Case.REPLACED_BLOCK, Verdict.INVALID, _at(_INVALID, "block", "anchor"), Sureness.PROOF),
    Row(Case.KEY_ENDED_BEFORE, Verdict.INVALID, _at(_INVALID, "key"), Sureness.PROOF),
    Row(Case.LICENSE_MISSING, Verdict.INVALID, _at(_INVALID, "license", "model license"), Sureness.PROOF),
    Row(Case.REPLAY_DIFFERS, Verdict.INVALID, _at(_INVALID, "replay"), Sureness.PROOF),
    Row(Case.DOUBTFUL_SOUND, Verdict.UNVERIFIABLE, _at(_UNVERIFIABLE, "fingerprint", "manifest place"), Sureness.OPEN),
    Row(Case.REORGANISED, Verdict.UNVERIFIABLE, _at(_UNVERIFIABLE, "reorganisation"), Sureness.OPEN),
    Row(Case.NOT_FINAL, Verdict.UNVERIFIABLE, _at(_UNVERIFIABLE, "confirmations"), Sureness.OPEN),
    Row(Case.CHAIN_UNREACHABLE, Verdict.UNVERIFIABLE, _at(_UNVERIFIABLE, "chain", "ledger"), Sureness.OPEN),
    Row(
        Case.CONTENT_UNREACHABLE,
        Verdict.UNVERIFIABLE,
        _at(_UNVERIFIABLE, "block", "record", "co-signature", "anchor"),
        Sureness.OPEN,
    ),
    Row(Case.ORIGINAL, Verdict.VERIFIED, _at(_OK, "audio"), Sureness.PROOF),
    Row(Case.SAME_SAMPLES, Verdict.VERIFIED, _at(_OK, "samples"), Sureness.PROOF),
    Row(Case.RESPED, Verdict.VERIFIED, _at(_NOTE, "speed"), Sureness.MARK),
    Row(Case.STRETCHED, Verdict.VERIFIED, _at(_NOTE, "tempo"), Sureness.MARK),
    Row(Case.REPITCHED, Verdict.VERIFIED, _at(_NOTE, "pitch"), Sureness.MARK),
    Row(Case.MIXED, Verdict.VERIFIED, _at(_NOTE, "mix"), Sureness.MARK),
    Row(Case.EXCERPT, Verdict.VERIFIED, _at(_NOTE, "excerpt"), Sureness.MARK),
    Row(Case.MARK_GONE, Verdict.VERIFIED, _at(_NOTE, "mark"), Sureness.LIKENESS),
    Row(
        Case.REENCODED,
        Verdict.VERIFIED,
        _at(_OK, "fingerprint"),
        Sureness.MARK,
        unless=_at(_NOTE, "speed", "tempo", "pitch", "mix", "excerpt", "mark"),
    ),
    Row(Case.ANCHORED, None, _at(_NOTE, "minting"), Sureness.PROOF),
    Row(Case.EDITED_TAGS, None, _at(_WARNING, "manifest place"), Sureness.PROOF),
    Row(Case.KEY_ENDED_AFTER, None, _at(_NOTE, "key"), Sureness.PROOF, unless=_at(_INVALID, "key")),
    Row(Case.CONSENT_WITHDRAWN, None, _at(_NOTE, "consent"), Sureness.PROOF),
    Row(Case.LICENSE_ENDED, None, _at(_NOTE, "license now"), Sureness.PROOF),
    Row(Case.FOREIGN_MARK, None, _at(_NOTE, "foreign mark"), Sureness.MARK),
)
"""What is wrong first, then what could not be checked, then what holds, then what decides nothing."""

# What no row names, so that nothing wrong or unchecked goes unsaid.
_WRONG = Row(Case.WRONG, Verdict.INVALID, (), Sureness.PROOF)
_UNCHECKED = Row(Case.UNCHECKED, Verdict.UNVERIFIABLE, (), Sureness.OPEN)

MEANING = {
    Case.COPIED_MARK: "a mark was copied onto other audio, or its track lies under other sound",
    Case.MOVED_MANIFEST: "the manifest was made for another file",
    Case.FORGED_MANIFEST: "the manifest was altered, or is not by whom it names",
    Case.FORGED_RECORD: "a record was not signed by who acted on chain, or says something else than the chain",
    Case.REPLACED_BLOCK: "stored content is not what its digest says",
    Case.KEY_ENDED_BEFORE: "the key that signed had ended before the record was registered",
    Case.LICENSE_MISSING: "there was no license, or it had run out, when it was needed",
    Case.REPLAY_DIFFERS: "made again from its record, it is other music",
    Case.DOUBTFUL_SOUND: "a mark or manifest names a track, and the sound neither agrees with it nor contradicts it",
    Case.REORGANISED: "the block that recorded it is no longer part of the chain",
    Case.NOT_FINAL: "too few blocks stand on the one that recorded it: the chain may still be reorganised",
    Case.CHAIN_UNREACHABLE: "the chain could not be asked",
    Case.CONTENT_UNREACHABLE: "content that a check needs is not in the store",
    Case.ORIGINAL: "this is the very file that is on record",
    Case.SAME_SAMPLES: "another file with the very samples of the track",
    Case.RESPED: "the track, played faster or slower, higher or lower with it",
    Case.STRETCHED: "the track at another tempo and the same pitch",
    Case.REPITCHED: "the track at another pitch and the same tempo",
    Case.MIXED: "the track, and other sound beside it",
    Case.EXCERPT: "a part of the track",
    Case.MARK_GONE: "it sounds like the track, and the track's mark is gone or unreadable",
    Case.REENCODED: "a copy of the track that was encoded again",
    Case.ANCHORED: "it was anchored on chain among others, and is not minted",
    Case.EDITED_TAGS: "the sound is the track's, and the file around it was changed after it was signed",
    Case.KEY_ENDED_AFTER: "a key ended after the record that it signed, which stays what it was",
    Case.CONSENT_WITHDRAWN: "consent for new licenses was withdrawn; those bought before stay valid",
    Case.LICENSE_ENDED: "a license was valid when it was needed, and has ended since",
    Case.FOREIGN_MARK: "it carries a mark, as music made by a machine does, and no track that is known here has it",
    Case.NOTHING_KNOWN: "nothing is known here of this audio",
    Case.WRONG: "something was checked and is wrong",
    Case.UNCHECKED: "something could not be checked",
}
"""What each case says, in English."""

_ORDER = (Verdict.INVALID, Verdict.UNVERIFIABLE, Verdict.VERIFIED, Verdict.UNKNOWN)


def is_known(evidence: Iterable[Evidence]) -> bool:
    """Whether any witness names a track that is known."""
    return any(one.track is not None for one in evidence)


def conclusions(findings: Sequence[Finding], evidence: Sequence[Evidence]) -> tuple[Conclusion, ...]:
    """Every row that fits, worst first; one of a kind for each track."""
    known = is_known(evidence)
    beside = Verdict.VERIFIED if known else Verdict.UNKNOWN
    found: list[Conclusion] = []
    told: set[tuple[str, Status]] = set()
    for row in TABLE:
        told.update(row.seen)
        fitting = [f for f in findings if (f.check, f.status) in row.seen and not _said_better(row, f, findings)]
        found += _conclude(row, beside, fitting, evidence)
    for row, status in ((_WRONG, _INVALID), (_UNCHECKED, _UNVERIFIABLE)):
        rest = [f for f in findings if f.status is status and (f.check, f.status) not in told]
        found += _conclude(row, beside, rest, evidence)
    if not known and all(one.case is not Case.FOREIGN_MARK for one in found):
        notes = [f for f in findings if f.check in ("watermark", "manifest", "ledger") and f.status is _NOTE]
        found.append(Conclusion(Case.NOTHING_KNOWN, Verdict.UNKNOWN, None, "open", _because(notes)))
    return tuple(sorted(found, key=lambda one: _ORDER.index(one.verdict)))


def _said_better(row: Row, finding: Finding, findings: Sequence[Finding]) -> bool:
    return any(other.subject == finding.subject and (other.check, other.status) in row.unless for other in findings)


def _conclude(
    row: Row, beside: Verdict, fitting: Sequence[Finding], evidence: Sequence[Evidence]
) -> Iterable[Conclusion]:
    by_track = sorted(fitting, key=lambda finding: _track(finding) or "")
    for track, group in itertools.groupby(by_track, key=_track):
        verdict = beside if row.verdict in (None, Verdict.VERIFIED) else row.verdict
        yield Conclusion(row.case, verdict, track, _certainty(row, track, evidence), _because(group))


def _track(finding: Finding) -> str | None:
    return finding.subject.removeprefix(_TRACK) if finding.subject.startswith(_TRACK) else None


def _because(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(f"{finding.subject}: {finding.detail}" for finding in findings)


def _certainty(row: Row, track: str | None, evidence: Sequence[Evidence]) -> str:
    """By what the row rests on; of several marks of one track the surest counts."""
    if row.sureness is Sureness.PROOF:
        return "certain"
    if row.sureness is Sureness.OPEN:
        return "open"
    chances = [
        one.false_positive
        for one in evidence
        if one.layer == "watermark" and one.track == track and one.false_positive is not None
    ]
    return f"1 - {min(chances):.1e}" if row.sureness is Sureness.MARK and chances else "likely"
