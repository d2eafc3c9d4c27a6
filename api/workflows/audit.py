"""Take any audio and tell its whole history: evidence in the sound, then every link on chain and in storage.

Three witnesses point from sound to track. The *digest* proves the very file. The *watermark* carries the track's id
through encoding and cuts; a wrong id passes its tag by luck less than once in 2^40. The *fingerprint* says which
recording it sounds like; it also guards the watermark, since a mark copied onto other audio does not sound like its
track. A track that any witness names is then verified down to its datasets (:mod:`ledger.verify`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from api.home import Home, Ledger
from ledger.conclusions import Conclusion, conclusions
from ledger.digest import Digest
from ledger.errors import Invalid, LedgerError, Malformed, Unverifiable
from ledger.evidence import Evidence
from ledger.findings import Finding, Status, Verdict, conclude

if TYPE_CHECKING:
    from gen.fingerprint import Alignment, Fingerprint
    from gen.watermark.detect import Detection
    from gen.waveform import Waveform
    from ledger.contracts import TrackEntry
    from ledger.lineage import TrackNode
    from ledger.records import TrackRecord

# A mark on audio that agrees with its track less than this, over this long, was copied: unrelated music of 10 s reaches
# 0.43 by chance at its best offset, a re-encoded piece stays above 0.8 (see gen.fingerprint.align).
OTHER_SOUND = 0.4
LEAST_CONTRADICTION_SECONDS = 10.0
# A marked piece too short for Alignment.same agrees with its track if it is as alike as this, over this long: other
# music of 3 s reached 0.75 (270 pairs), honest pieces 0.79 and more.
SHORT_LIKENESS = 0.76
SHORTEST_LIKENESS_SECONDS = 3.0
# Ten hours of codes; a longer fingerprint can only be meant to exhaust an auditor.
MOST_FINGERPRINT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Audit:
    """The outcome: the verdict, the checks that led to it, and the tree behind each track found.

    ``evidence`` is what the audio itself says, ``conclusions`` what the findings together mean, worst first.
    """

    audio: Digest
    seconds: float
    verdict: Verdict
    findings: tuple[Finding, ...]
    tracks: tuple[TrackNode, ...]
    evidence: tuple[Evidence, ...] = ()
    conclusions: tuple[Conclusion, ...] = ()


@dataclass(frozen=True, slots=True)
class Witness:
    """Why a track is thought to be in this audio; ``marked`` are the stretches, in seconds, that carry its mark."""

    entry: TrackEntry
    by: str  # "digest", "watermark" or "fingerprint"
    marked: tuple[tuple[float, float], ...] = ()


def audit(home: Home, path: Path, replay: Callable[[TrackNode, Waveform], Finding] | None = None) -> Audit:
    """Audit a file. With ``replay`` each track that is found is made again and compared (:mod:`api.workflows.replay`).

    Raises :class:`gen.errors.AudioError` for what is no audio. All else is a finding: a chain out of reach, and a home
    that is damaged or closed to us, could not be checked.
    """
    from gen.audio import load
    from gen.fingerprint import fingerprint
    from gen.watermark.mark import Watermark
    from gen.watermark.payload import PUBLIC_KEY

    wave = load(path)
    audio = Digest.of_file(path)
    detections = Watermark(PUBLIC_KEY).detect(wave)
    codes = fingerprint(wave)
    findings = _heard(detections)
    nodes: list[TrackNode] = []
    known = False
    try:
        if not home.exists:
            # Without a mark there is nothing to look up; with one there is, and nowhere to do it.
            status = Status.UNVERIFIABLE if detections else Status.NOTE
            detail = f"{home.path} holds no ledger to look it up in; is STEMMATA_HOME right?"
            findings.append(Finding("ledger", status, "home", detail))
        else:
            with home.ledger() as ledger:
                known = _resolve(ledger, audio, wave, codes, detections, findings, nodes)
    except Invalid as error:
        findings.append(Finding("chain", Status.INVALID, "chain", str(error)))
    except (LedgerError, OSError) as error:
        findings.append(Finding("chain", Status.UNVERIFIABLE, "chain", str(error)))
    if replay is not None:
        findings.extend(replay(node, wave) for node in nodes)
    verdict = conclude(findings, known=known)
    evidence = tuple(
        Evidence("digest" if node.entry.audio == audio else "watermark", str(node.entry.claim), "names the track")
        for node in nodes
    )
    found = conclusions(findings, evidence)
    return Audit(audio, wave.duration, verdict, tuple(findings), tuple(nodes), evidence, found)


def _heard(detections: list[Detection]) -> list[Finding]:
    """What the watermark detector says, before anybody looks anything up."""
    if not detections:
        return [Finding("watermark", Status.NOTE, "audio", "no mark was found under the public key")]
    return [
        Finding(
            "watermark",
            Status.OK,
            f"mark {detection.id.hex()}",
            f"found from {detection.start:.1f} s to {detection.end:.1f} s, score {detection.score:.1f}, "
            f"false with probability below {detection.false_positive:.1e}",
        )
        for detection in detections
    ]


def _resolve(
    ledger: Ledger,
    audio: Digest,
    wave: Waveform,
    codes: Fingerprint,
    detections: list[Detection],
    findings: list[Finding],
    nodes: list[TrackNode],
) -> bool:
    """Find the tracks that the witnesses name and verify each; True if there is one."""
    from ledger.verify import Verifier

    verifier = Verifier(ledger.contracts, ledger.store)
    witnesses = _witnesses(ledger, audio, codes, detections, findings)
    try:
        for witness in witnesses:
            node = verifier.track(witness.entry)
            nodes.append(node)
            verifier.findings.extend(_compare(ledger, witness, node, audio, wave, codes))
    finally:
        # Where the chain falls silent half-way, what was found wrong before stays wrong.
        findings.extend(verifier.findings)
    return bool(witnesses)


def _witnesses(
    ledger: Ledger, audio: Digest, codes: Fingerprint, detections: list[Detection], findings: list[Finding]
) -> list[Witness]:
    """Digest first, then watermarks, then, only if both are silent, the fingerprint."""
    found: dict[int, Witness] = {}
    exact = ledger.contracts.track_by_audio(audio)
    if exact is not None:
        found[exact.id] = Witness(exact, "digest")
    for detection in detections:
        entry = ledger.contracts.track_by_watermark(detection.id)
        if entry is None:
            findings.append(
                Finding("watermark", Status.NOTE, f"mark {detection.id.hex()}", "no track on this chain has this mark")
            )
        else:
            before = found.get(entry.id, Witness(entry, "watermark"))
            found[entry.id] = replace(before, marked=(*before.marked, (detection.start, detection.end)))
    if not found:
        return _sounding_like(ledger, codes, findings)
    return list(found.values())


def _sounding_like(ledger: Ledger, codes: Fingerprint, findings: list[Finding]) -> list[Witness]:
    """Tracks whose fingerprint agrees with the audio's; one that cannot be compared is counted, and accuses nobody."""
    from gen.errors import FingerprintError
    from gen.fingerprint import align
    from ledger.archive import fetch
    from ledger.records import TrackRecord

    found, tracks, missed = [], ledger.contracts.tracks(), 0
    for entry in tracks:
        try:
            record = fetch(ledger.store, TrackRecord, entry.cid, entry.record, entry.creator)
            alignment = align(codes, _fingerprint_of(ledger, record))
        except (LedgerError, FingerprintError):
            missed += 1
            continue
        if alignment.same:
            found.append(Witness(entry, "fingerprint"))
    if missed:
        detail = f"{missed} of {len(tracks)} tracks could not be compared: record or fingerprint out of reach, or bad"
        findings.append(Finding("fingerprint", Status.NOTE, "audio", detail))
    return found


def _fingerprint_of(ledger: Ledger, record: TrackRecord) -> Fingerprint:
    """A track's fingerprint. Raises errors of the store, and :class:`gen.errors.FingerprintError`."""
    from gen.fingerprint import Fingerprint

    return Fingerprint.from_bytes(ledger.store.read_bytes(record.fingerprint.cid, MOST_FINGERPRINT_BYTES))


def _compare(
    ledger: Ledger, witness: Witness, node: TrackNode, audio: Digest, wave: Waveform, codes: Fingerprint
) -> list[Finding]:
    """Hold the audio against the track's record: the same file, the same samples, or at least the same sound."""
    from gen.errors import FingerprintError
    from gen.fingerprint import align, fingerprint, iscc_distance

    record = node.record
    if record is None:
        return []
    subject = f"track {witness.entry.claim}"
    if audio == record.audio:
        return [Finding("audio", Status.OK, subject, "this is the very file that was minted, byte for byte")]
    if wave.pcm_sha256() == record.pcm.raw:
        return [Finding("audio", Status.OK, subject, "another file with the very samples that were minted")]
    try:
        distance = f"{iscc_distance(codes.iscc, record.iscc)} of 64 bits differ from the original's"
        findings = [Finding("iscc", Status.NOTE, subject, distance)]
    except FingerprintError as error:
        findings = [Finding("iscc", Status.INVALID, subject, f"in its record: {error}")]
    # The marked stretches alone: what lies beside them speaks neither for nor against the mark.
    heard = [fingerprint(wave.excerpt(start, end)) for start, end in witness.marked] or [codes]
    try:
        reference = _fingerprint_of(ledger, record)
        findings += [_likeness(align(piece, reference), witness, subject) for piece in heard]
    except Unverifiable as error:
        findings.append(Finding("fingerprint", Status.UNVERIFIABLE, subject, str(error)))
    except (Invalid, Malformed, FingerprintError) as error:
        findings.append(Finding("fingerprint", Status.INVALID, subject, str(error)))
    return findings


def _likeness(alignment: Alignment, witness: Witness, subject: str) -> Finding:
    """What the fingerprint says of a track that some witness named."""
    seen = (
        f"{alignment.similarity:.0%} over {alignment.overlap_seconds:.1f} s, from {alignment.offset_seconds:.1f} s on"
    )
    short = alignment.similarity >= SHORT_LIKENESS and alignment.overlap_seconds >= SHORTEST_LIKENESS_SECONDS
    if alignment.same or short:
        because = "; the mark is gone or unreadable" if witness.by == "fingerprint" else ""
        return Finding("fingerprint", Status.OK, subject, f"sounds like the track: {seen}{because}")
    if alignment.similarity < OTHER_SOUND and alignment.overlap_seconds >= LEAST_CONTRADICTION_SECONDS:
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
