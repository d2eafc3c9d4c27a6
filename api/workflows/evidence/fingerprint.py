"""The third witness: what the audio sounds like. It finds a track whose mark is gone, and guards mark and manifest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from api.workflows.evidence.watermark import LEAST_CHANGE
from ledger.errors import Invalid, LedgerError, Malformed, Unverifiable
from ledger.evidence import Evidence
from ledger.findings import Finding, Status

if TYPE_CHECKING:
    from api.workflows.evidence.hearing import Sound
    from api.workflows.evidence.watermark import Mark
    from gen.fingerprint import Alignment, Fingerprint
    from ledger.contracts import Contracts, TrackEntry
    from ledger.records import TrackRecord
    from ledger.store import ContentStore

# A mark on audio that agrees with its track less than this, over this long, was copied: unrelated music of 10 s reaches
# 0.43 by chance at its best offset, a re-encoded piece stays above 0.8 (see gen.fingerprint.align).
OTHER_SOUND = 0.4
LEAST_CONTRADICTION_SECONDS = 10.0
# A marked piece too short for Alignment.same agrees with its track if it is as alike as this, over this long: other
# music of 3 s reached 0.75 (270 pairs), honest pieces 0.79 and more.
SHORT_LIKENESS = 0.76
SHORTEST_LIKENESS_SECONDS = 3.0
# A piece that was stretched or transposed has smeared tones: as alike as this, over this long, it agrees. Chords with
# 2 to 12 % undone were 0.54 to 0.82, performed scores 0.64 to 0.96; other music of 15 s was never more than 0.45 at the
# likest of all PITCHES (245 pairs), but 0.51 of 10 s.
STRETCHED_LIKENESS = 0.5
STRETCHED_LIKENESS_SECONDS = 15.0
# Chromaprint divides its bands where the notes are: a pitch undone wrong by 0.2 % costs a tenth of the likeness, by
# 0.7 % nearly half. A mark says the pitch to within 3 %, and one that can be read as it is, up to 12 % off, says none.
# So where audio is not the same at its mark's pitch, all pitches at which marks are found are tried, in steps and then
# in finer ones around the best; on so many seconds of it, which takes about two.
PITCHES = tuple(1.004**step for step in range(-32, 33))
FINE_STEPS = (0.998, 0.999, 1.0, 1.001, 1.002)
TUNING_SECONDS = 20.0
MOST_TUNED = 8  # pieces of one track: whoever joins hundreds of copies buys no minutes of an auditor's time
# Ten hours of codes; a longer fingerprint can only be meant to exhaust an auditor.
MOST_FINGERPRINT_BYTES = 1 << 20
# Marks end within about a second, encoders add some hundredths of one.
SLACK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the audio, in seconds, and its fingerprint with speed and pitch undone."""

    start: float
    end: float
    codes: Fingerprint
    speed: float
    pitch: float

    def agrees(self, alignment: Alignment) -> bool:
        """Whether an alignment with a track says that this is a piece of it."""
        likeness, seconds = alignment.similarity, alignment.overlap_seconds
        short = likeness >= SHORT_LIKENESS and seconds >= SHORTEST_LIKENESS_SECONDS
        smeared = likeness >= STRETCHED_LIKENESS and seconds >= STRETCHED_LIKENESS_SECONDS
        return alignment.same or short or (smeared and abs(self.speed - self.pitch) > LEAST_CHANGE)


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


def compare(store: ContentStore, sound: Sound, record: TrackRecord, marks: Sequence[Mark], subject: str) -> Likeness:
    """Hold the audio, or the marked parts of it alone, against a track's fingerprint."""
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
    pairs = [
        _fitted(sound, piece, reference, tune=bool(marks) and number < MOST_TUNED)
        for number, piece in enumerate(_pieces(sound, marks))
    ]
    pieces, alignments = [piece for piece, _ in pairs], [alignment for _, alignment in pairs]
    findings += [_likeness(*pair, marks, subject) for pair in pairs]
    evidence = tuple(_evidence(*pair, track) for pair in pairs)
    alike: bool | None = None
    if any(_contradicts(alignment) for alignment in alignments):
        alike = False
    elif all(piece.agrees(alignment) for piece, alignment in pairs):
        alike = True
        findings += _extent(sound, record, pieces, alignments, reference, marks, subject)
    heard = (
        replace(mark, found=replace(mark.found, pitch=piece.pitch)) for mark, piece in zip(marks, pieces, strict=False)
    )
    return Likeness(tuple(findings), evidence, alike, tuple(heard))


def _unread(findings: list[Finding], why: Finding) -> Likeness:
    return Likeness((*findings, why), (), alike=None)


def _pieces(sound: Sound, marks: Sequence[Mark]) -> list[Piece]:
    """The marked stretches alone: what lies beside them speaks neither for nor against the mark."""
    if not marks:
        return [Piece(0.0, sound.wave.duration, sound.codes, 1.0, 1.0)]
    return [_piece(sound, one.found.start, one.found.end, one.found.tempo, one.found.pitch) for one in marks]


def _piece(sound: Sound, start: float, end: float, speed: float, pitch: float) -> Piece:
    from gen.fingerprint import fingerprint

    return Piece(start, end, fingerprint(sound.wave.excerpt(start, end), speed, pitch), speed, pitch)


def _fitted(sound: Sound, piece: Piece, reference: Fingerprint, *, tune: bool) -> tuple[Piece, Alignment]:
    """A piece and how it lies in the track; with ``tune`` at another pitch, if only there it may be of it."""
    from gen.fingerprint import LEAST_OVERLAP, align, fingerprint

    alignment = align(piece.codes, reference)
    if not tune or alignment.same or piece.end - piece.start < LEAST_OVERLAP:
        return piece, alignment
    spare = max(0.0, piece.end - piece.start - TUNING_SECONDS) / 2
    middle = sound.wave.excerpt(piece.start + spare, piece.end - spare).mono()

    def clearness(pitch: float) -> float:
        # As align ranks places: a short overlap is alike by chance.
        at = align(fingerprint(middle, piece.speed, pitch), reference)
        return float(at.similarity * at.overlap_seconds**0.5)

    pitch = max(PITCHES, key=clearness)
    pitch = max((pitch * step for step in FINE_STEPS), key=clearness)
    tuned = _piece(sound, piece.start, piece.end, piece.speed, pitch)
    found = align(tuned.codes, reference)
    agrees = tuned.agrees(found) and found.overlap_seconds >= LEAST_OVERLAP
    doubtful = found.similarity >= OTHER_SOUND and found.overlap_seconds >= LEAST_CONTRADICTION_SECONDS
    return (tuned, found) if agrees or (doubtful and _contradicts(alignment)) else (piece, alignment)


def _contradicts(alignment: Alignment) -> bool:
    return alignment.similarity < OTHER_SOUND and alignment.overlap_seconds >= LEAST_CONTRADICTION_SECONDS


def _likeness(piece: Piece, alignment: Alignment, marks: Sequence[Mark], subject: str) -> Finding:
    """What the fingerprint says of a track that some witness named."""
    seen = (
        f"{alignment.similarity:.0%} over {alignment.overlap_seconds:.1f} s, from {alignment.offset_seconds:.1f} s on"
    )
    if piece.agrees(alignment):
        because = "" if marks else "; the mark is gone or unreadable"
        return Finding("fingerprint", Status.OK, subject, f"sounds like the track: {seen}{because}")
    if _contradicts(alignment):
        return Finding(
            "fingerprint",
            Status.INVALID,
            subject,
            f"does not sound like the track ({seen}): its mark was copied onto other audio, or lies under it",
        )
    return Finding(
        "fingerprint",
        Status.UNVERIFIABLE,
        subject,
        f"too short, or too much altered, to tell whether its mark was copied: {seen}",
    )


def _evidence(piece: Piece, alignment: Alignment, track: str) -> Evidence:
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
    pieces: Sequence[Piece],
    alignments: Sequence[Alignment],
    reference: Fingerprint,
    marks: Sequence[Mark],
    subject: str,
) -> list[Finding]:
    """Notes on how much of the track it is, and whether other sound lies beside it."""
    from gen.fingerprint import align

    whole = record.claim.frames / record.claim.rate
    found = []
    beside = 0.0
    if marks:
        for start, end in _gaps(pieces, sound.wave.duration):
            if end - start <= 2 * SLACK_SECONDS:
                continue
            # The track may go on where its mark can no longer be read: only other sound is told of.
            gap = _piece(sound, start, end, pieces[0].speed, pieces[0].pitch)
            if not gap.agrees(align(gap.codes, reference)):
                beside += end - start
        heard = sum((piece.end - piece.start) * piece.speed for piece in pieces)
        if not beside:
            heard = sound.wave.duration * pieces[0].speed
    else:
        heard = alignments[0].overlap_seconds
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
