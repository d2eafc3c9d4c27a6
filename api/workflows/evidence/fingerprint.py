"""The third witness: what the audio sounds like. It finds a track whose mark is gone, and guards mark and manifest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from api.workflows.evidence.piece import Fit, Piece
from ledger.errors import Invalid, LedgerError, Malformed, Unverifiable
from ledger.evidence import Evidence
from ledger.findings import Finding, Status

if TYPE_CHECKING:
    from api.workflows.evidence.hearing import Sound
    from api.workflows.evidence.piece import Tuner
    from api.workflows.evidence.watermark import Mark
    from gen.fingerprint import Fingerprint
    from ledger.contracts import Contracts, TrackEntry
    from ledger.records import TrackRecord
    from ledger.store import ContentStore

# Ten hours of codes; a longer fingerprint can only be meant to exhaust an auditor.
MOST_FINGERPRINT_BYTES = 1 << 20
# Marks end within about a second, encoders add some hundredths of one.
SLACK_SECONDS = 2.0
# Pitches of a track's other pieces that are tried before all are.
_KNOWN = 2


@dataclass(frozen=True, slots=True)
class Likeness:
    """What the fingerprint says of audio and one track.

    ``alike``: whether it sounds like it, None: none could tell. ``marks``: those it was asked about, with the pitch at
    which the audio sounds like the track, which they themselves say roughly or not at all.
    """

    findings: tuple[Finding, ...]
    evidence: tuple[Evidence, ...]
    alike: bool | None
    marks: tuple[Mark, ...] = ()


def stored(store: ContentStore, record: TrackRecord) -> Fingerprint:
    """A track's fingerprint. Raises errors of the store, and :class:`gen.errors.FingerprintError`."""
    from gen.fingerprint import Fingerprint

    return Fingerprint.from_bytes(store.read_bytes(record.fingerprint.cid, MOST_FINGERPRINT_BYTES))


def sounding_like(
    contracts: Contracts,
    store: ContentStore,
    codes: Fingerprint,
    tracks: Iterable[TrackEntry],
    findings: list[Finding],
) -> list[TrackEntry]:
    """Those of some tracks that agree with the audio; one that cannot be compared is counted, and accuses nobody.

    Nor does one that was anchored, which anybody may do, and that its creator could not have minted.
    """
    from gen.errors import FingerprintError
    from gen.fingerprint import align
    from ledger.agreement import may_be_believed
    from ledger.archive import fetch_track

    found, asked, missed = [], 0, 0
    for entry in tracks:
        asked += 1
        try:
            record = fetch_track(store, entry)
            alignment = align(codes, stored(store, record))
        except (LedgerError, FingerprintError):
            missed += 1
            continue
        if not alignment.same:
            continue
        if entry.anchored is None or may_be_believed(contracts, entry, record):
            found.append(entry)
        else:
            missed += 1
    if missed:
        detail = f"{missed} of {asked} tracks could not be compared: record or fingerprint out of reach, or bad"
        findings.append(Finding("fingerprint", Status.NOTE, "audio", detail))
    return found


def compare(
    store: ContentStore, sound: Sound, tuner: Tuner, record: TrackRecord, marks: Sequence[Mark], subject: str
) -> Likeness:
    """Hold the audio, or the marked parts of it alone, against a track's fingerprint. ``tuner``: of the same sound."""
    from gen.errors import FingerprintError
    from gen.fingerprint import iscc_distance

    track = str(record.claim.digest)
    try:
        distance = f"{iscc_distance(sound.codes.iscc, record.iscc)} of 64 bits differ from the original's"
        findings = [Finding("iscc", Status.NOTE, subject, distance)]
    except FingerprintError as error:
        findings = [Finding("iscc", Status.INVALID, subject, f"in its record: {error}")]
    try:
        reference = stored(store, record)
    except Unverifiable as error:
        return _unread(findings, Finding("block", Status.UNVERIFIABLE, subject, str(error)))
    except (Malformed, FingerprintError) as error:
        return _unread(findings, Finding("record", Status.INVALID, subject, f"its fingerprint: {error}"))
    except Invalid as error:
        return _unread(findings, Finding("block", Status.INVALID, subject, str(error)))
    fits = _fitted(sound, tuner, marks, reference)
    findings += [_likeness(fit, marks, subject) for fit in fits]
    evidence = tuple(_evidence(fit, track) for fit in fits)
    alike: bool | None = None
    if any(fit.contradicts for fit in fits):
        alike = False
    elif all(fit.agrees for fit in fits):
        alike = True
        findings += _extent(sound, record, fits, reference, marks, subject)
    pitches = [fit.piece.pitch for fit in fits] if marks else []
    heard = [replace(mark, found=replace(mark.found, pitch=at)) for mark, at in zip(marks, pitches, strict=True)]
    return Likeness(tuple(findings), evidence, alike, tuple(heard))


def _unread(findings: list[Finding], why: Finding) -> Likeness:
    return Likeness((*findings, why), (), alike=None)


def _fitted(sound: Sound, tuner: Tuner, marks: Sequence[Mark], reference: Fingerprint) -> list[Fit]:
    """The marked stretches alone: what lies beside them speaks neither for nor against the mark. Without one, all."""
    from gen.fingerprint import align

    if not marks:
        return [Fit(Piece(0.0, sound.wave.duration, sound.codes, 1.0, 1.0), align(sound.codes, reference))]
    fits: list[Fit] = []
    for found in (mark.found for mark in marks):
        piece = Piece.cut(sound.wave, found.start, found.end, found.tempo, found.pitch)
        known = dict.fromkeys(fit.piece.pitch for fit in reversed(fits) if fit.piece.tuned and fit.agrees)
        fits.append(tuner.fit(piece, reference, list(known)[:_KNOWN]))
    return fits


def _likeness(fit: Fit, marks: Sequence[Mark], subject: str) -> Finding:
    """What the fingerprint says of a track that some witness named."""
    alignment = fit.alignment
    seen = (
        f"{alignment.similarity:.0%} over {alignment.overlap_seconds:.1f} s, from {alignment.offset_seconds:.1f} s on"
    )
    if fit.agrees:
        because = "" if marks else "; the mark is gone or unreadable"
        return Finding("fingerprint", Status.OK, subject, f"sounds like the track: {seen}{because}")
    if fit.contradicts:
        return Finding(
            "fingerprint",
            Status.INVALID,
            subject,
            f"does not sound like the track ({seen}): its mark was copied onto other audio, or lies under it",
        )
    if fit.unlike:
        detail = f"so much is marked that the pitch of each piece cannot be looked for; as its mark says it: {seen}"
        return Finding("fingerprint", Status.UNVERIFIABLE, subject, detail)
    return Finding(
        "fingerprint",
        Status.UNVERIFIABLE,
        subject,
        f"too short, or too much altered, to tell whether its mark was copied: {seen}",
    )


def _evidence(fit: Fit, track: str) -> Evidence:
    piece, alignment = fit.piece, fit.alignment
    return Evidence(
        "fingerprint",
        track,
        f"{alignment.similarity:.0%} alike over {alignment.overlap_seconds:.1f} s",
        start=piece.start,
        end=piece.end,
        distance=(1 - alignment.similarity) / 2,
        speed=piece.speed,
        pitch=piece.pitch,
    )


def _extent(
    sound: Sound,
    record: TrackRecord,
    fits: Sequence[Fit],
    reference: Fingerprint,
    marks: Sequence[Mark],
    subject: str,
) -> list[Finding]:
    """Notes on how much of the track it is, and whether other sound lies beside it."""
    from gen.fingerprint import align

    whole, pieces = record.claim.frames / record.claim.rate, [fit.piece for fit in fits]
    found = []
    beside = 0.0
    if marks:
        for start, end in _gaps(pieces, sound.wave.duration):
            if end - start <= 2 * SLACK_SECONDS:
                continue
            # The track may go on where its mark can no longer be read: only other sound is told of.
            gap = Piece.cut(sound.wave, start, end, pieces[0].speed, pieces[0].pitch)
            if not gap.agrees(align(gap.codes, reference)):
                beside += end - start
        heard = sum((piece.end - piece.start) * piece.speed for piece in pieces)
        if not beside:
            heard = sound.wave.duration * pieces[0].speed
    else:
        heard = fits[0].alignment.overlap_seconds
        beside = sound.wave.duration - heard
        found.append(Finding("mark", Status.NOTE, subject, "its mark is gone or unreadable"))
    if beside > 2 * SLACK_SECONDS:
        detail = f"{beside:.1f} s of {sound.wave.duration:.1f} s are other sound"
        found.append(Finding("mix", Status.NOTE, subject, detail))
    if heard < whole - SLACK_SECONDS:
        found.append(Finding("excerpt", Status.NOTE, subject, f"{heard:.1f} s of its {whole:.1f} s"))
    return found


def _gaps(pieces: Sequence[Piece], seconds: float) -> Iterable[tuple[float, float]]:
    """Where no piece lies."""
    at = 0.0
    for piece in sorted(pieces, key=lambda one: one.start):
        if piece.start > at:
            yield at, piece.start
        at = max(at, piece.end)
    if seconds > at:
        yield at, seconds
