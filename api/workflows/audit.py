"""Take any audio and tell its whole history: evidence in the sound, then every link on chain and in storage.

Three witnesses point from sound to track. The *digest* proves the very file. The *watermark* carries the track's id
through encoding and cuts; a wrong id passes its tag by luck less than once in 2^32. The *fingerprint* says which
recording it sounds like; it also guards the watermark, since a mark copied onto other audio does not sound like its
track. A track that any witness names is then verified down to its datasets (:mod:`ledger.verify`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from api.home import Home, Ledger
from ledger.digest import Digest
from ledger.errors import ChainUnreachable, LedgerError, NoDeployment
from ledger.findings import Finding, Status, Verdict, conclude

if TYPE_CHECKING:
    from gen.fingerprint import Fingerprint
    from gen.watermark.detect import Detection
    from gen.waveform import Waveform
    from ledger.cid import Cid
    from ledger.contracts import TrackEntry
    from ledger.lineage import TrackNode

# Share of agreement between fingerprints, 0 (other music) to 1 (the same): see docs/audit.md for where they lie.
SAME_SOUND = 0.5
OTHER_SOUND = 0.2
MIN_OVERLAP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Audit:
    """The outcome: the verdict, the checks that led to it, and the tree behind each track found."""

    audio: Digest
    seconds: float
    verdict: Verdict
    findings: tuple[Finding, ...]
    tracks: tuple[TrackNode, ...]


@dataclass(frozen=True, slots=True)
class Witness:
    """Why a track is thought to be in this audio."""

    entry: TrackEntry
    by: str  # "digest", "watermark" or "fingerprint"


def audit(home: Home, path: Path) -> Audit:
    """Audit a file. Raises only :class:`gen.errors.AudioError`; all else, an unreachable chain too, is a finding."""
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
            findings.append(
                Finding("chain", Status.NOTE, "chain", f"{home.path} holds no ledger: nothing is known here")
            )
        else:
            with home.ledger() as ledger:
                known = _resolve(ledger, audio, wave, codes, detections, findings, nodes)
    except (ChainUnreachable, NoDeployment) as error:
        findings.append(Finding("chain", Status.UNVERIFIABLE, "chain", str(error)))
    verdict = conclude(findings, known=known)
    return Audit(audio, wave.duration, verdict, tuple(findings), tuple(nodes))


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
    for witness in witnesses:
        node = verifier.track(witness.entry)
        nodes.append(node)
        verifier.findings.extend(_compare(ledger, witness, node, audio, wave, codes))
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
            found.setdefault(entry.id, Witness(entry, "watermark"))
    if not found:
        for entry in ledger.contracts.tracks():
            similarity = _similarity(ledger, entry, codes)
            if similarity is not None and similarity >= SAME_SOUND:
                found[entry.id] = Witness(entry, "fingerprint")
    return list(found.values())


def _similarity(ledger: Ledger, entry: TrackEntry, codes: Fingerprint) -> float | None:
    """Fingerprint agreement with a track; None if its fingerprint is out of reach or overlaps too little to tell."""
    from ledger.archive import fetch
    from ledger.records import TrackRecord

    try:
        record = fetch(ledger.store, TrackRecord, entry.cid, entry.record, entry.creator)
    except LedgerError:
        return None
    return _agreement(ledger, record.fingerprint, codes)


def _agreement(ledger: Ledger, cid: Cid, codes: Fingerprint) -> float | None:
    from gen.fingerprint import Fingerprint, align

    try:
        reference = Fingerprint.from_bytes(ledger.store.read_bytes(cid))
    except LedgerError:
        return None
    alignment = align(codes, reference)
    return alignment.similarity if alignment.overlap_seconds >= MIN_OVERLAP_SECONDS else None


def _compare(
    ledger: Ledger, witness: Witness, node: TrackNode, audio: Digest, wave: Waveform, codes: Fingerprint
) -> list[Finding]:
    """Hold the audio against the track's record: the same file, the same samples, or at least the same sound."""
    from gen.fingerprint import iscc_distance

    record = node.record
    if record is None:
        return []
    subject = f"track {witness.entry.claim}"
    if audio == record.audio:
        return [Finding("audio", Status.OK, subject, "this is the very file that was minted, byte for byte")]
    if wave.pcm_sha256() == record.pcm.raw:
        return [Finding("audio", Status.OK, subject, "another file with the very samples that were minted")]
    findings = [
        Finding(
            "iscc",
            Status.NOTE,
            subject,
            f"{iscc_distance(codes.iscc, record.iscc)} of 64 bits differ from the original's",
        )
    ]
    similarity = _agreement(ledger, record.fingerprint, codes)
    if similarity is None:
        findings.append(Finding("fingerprint", Status.NOTE, subject, "too short, or out of reach: not compared"))
    elif similarity >= SAME_SOUND:
        because = "; its mark is gone or unreadable" if witness.by == "fingerprint" else ""
        findings.append(
            Finding("fingerprint", Status.OK, subject, f"sounds like the track ({similarity:.0%}){because}")
        )
    elif similarity < OTHER_SOUND:
        findings.append(
            Finding(
                "fingerprint",
                Status.INVALID,
                subject,
                f"does not sound like the track ({similarity:.0%}): its mark was copied onto other audio",
            )
        )
    else:
        findings.append(
            Finding("fingerprint", Status.NOTE, subject, f"sounds a little like the track ({similarity:.0%})")
        )
    return findings
