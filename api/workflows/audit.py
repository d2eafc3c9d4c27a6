"""Take any audio and tell its whole history: evidence in the sound, then every link on chain and in storage.

Four witnesses point from sound to track (:mod:`api.workflows.evidence`). The *digest* proves the very file. The
*manifest* is what its maker signed into the file. The *watermark* carries the track's id through encoding and cuts; a
wrong id passes its tag by luck less than once in 2^40. The *fingerprint* says which recording it sounds like; it also
guards mark and manifest, since what was copied onto other audio does not sound like its track. A track that any witness
names is then verified down to its datasets (:mod:`ledger.verify`), and a table says what all of it means
(:mod:`ledger.conclusions`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from api.home import Home
from api.workflows.catalogue import Catalogue
from api.workflows.evidence import fingerprint, manifest, watermark
from api.workflows.evidence.heard import Heard
from api.workflows.evidence.hearing import Hearing, Sound
from api.workflows.evidence.layers import Telling, untold
from api.workflows.evidence.piece import Tuner
from ledger.conclusions import Conclusion, conclusions, is_known
from ledger.digest import Digest
from ledger.errors import ChainUnreachable, Invalid, LedgerError, Malformed, Unverifiable
from ledger.evidence import Evidence
from ledger.findings import Finding, Status, Verdict, conclude

if TYPE_CHECKING:
    from api.workflows.evidence.watermark import Mark
    from gen.audio import Decoder
    from gen.waveform import Waveform
    from ledger.contracts import Contracts, TrackEntry
    from ledger.errors import StoreFault
    from ledger.index import Forgotten, Place
    from ledger.lineage import TrackNode
    from ledger.store import ContentStore

    Replaying = Callable[[TrackNode, Waveform], Finding]


# What is wrong may be quoted from what somebody published, and be of any length.
_LONGEST_DETAIL = 1000


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


class Batches(Protocol):
    """Tracks that were anchored and not minted. Each may raise what proving it does."""

    @property
    def fault(self) -> StoreFault | None:
        """Why they could not be asked for, if they could not; known once something was asked."""

    def anchored_audio(self, audio: Digest) -> TrackEntry | None:
        """The one with this very file."""

    def anchored_watermark(self, token: int) -> TrackEntry | None:
        """The one with this mark."""

    def anchored_before(self, minted: TrackEntry) -> TrackEntry | None:
        """What another had anchored with the very file of a minted track, before it was minted."""

    def unread(self) -> Sequence[Place]:
        """Batches that could not be looked through."""


@dataclass(frozen=True)
class Sources:
    """Where an audit looks things up: a chain, a store, the tracks that a sound may be of, and what the chain dropped.

    ``forgotten`` is asked for a file's digest and the tokens of marks that the chain does not know, and ``batches``
    before it.
    """

    contracts: Contracts
    store: ContentStore
    candidates: Callable[[Sound], Iterable[TrackEntry]]
    forgotten: Callable[[Digest, Sequence[int]], Forgotten | None]
    batches: Batches


Opening = Callable[[], contextlib.AbstractContextManager[Sources]]


@dataclass
class _Witness:
    """A track that is thought to be in the audio, with the marks that say so."""

    entry: TrackEntry
    marks: list[Mark] = field(default_factory=list)
    alike: bool | None = None
    by_manifest: bool = False


def audit(
    home: Home,
    path: Path,
    replay: Replaying | None = None,
    hearing: Hearing | None = None,
    *,
    decoder: Decoder | None = None,
    tell: Telling = untold,
) -> Audit:
    """Audit a file. With ``replay`` each track that is found is made again and compared (:mod:`api.workflows.replay`).

    ``decoder`` decodes it, in this process if none is given. ``tell`` hears of each layer as it is done.
    Raises :class:`gen.errors.AudioError` for what is no audio. All else is a finding: a chain out of reach, and a home
    that is damaged or closed to us, could not be checked.
    """

    @contextlib.contextmanager
    def opened() -> Iterator[Sources]:
        with home.reading() as ledger, Catalogue(home, ledger) as catalogue:
            yield Sources(ledger.contracts, ledger.store, catalogue.candidates, catalogue.forgotten, catalogue)

    nowhere = None if home.exists else f"{home.path} holds no ledger to look it up in; is STEMMATA_HOME right?"
    heard = Heard.listen(path, hearing or Hearing(), decoder=decoder, tell=tell)
    return examine(heard, opened, replay, nowhere, tell=tell)


def examine(
    heard: Heard,
    opening: Opening,
    replay: Replaying | None = None,
    nowhere: str | None = None,
    *,
    tell: Telling = untold,
) -> Audit:
    """Audit what was heard against what ``opening`` opens; ``nowhere`` says why there is nothing to open, if so."""
    sound, findings = heard.sound, list(heard.findings)
    trail = _Trail(heard, findings, tell)
    try:
        if nowhere is not None:
            # Without a mark there is nothing to look up; with one there is, and nowhere to do it.
            asked = heard.marks or (heard.credential is not None and heard.credential.origin is not None)
            findings.append(Finding("ledger", Status.UNVERIFIABLE if asked else Status.NOTE, "home", nowhere))
        else:
            with opening() as sources:
                trail.follow(sources)
    except Invalid as error:
        findings.append(Finding("chain", Status.INVALID, "chain", str(error)))
    except (LedgerError, OSError) as error:
        findings.append(Finding("chain", Status.UNVERIFIABLE, "chain", str(error)))
    if replay is not None:
        findings.extend(replay(node, sound.wave) for node in trail.nodes)
    return judge(sound, findings, trail.nodes, trail.all_evidence())


def judge(
    sound: Sound, findings: Sequence[Finding], tracks: Sequence[TrackNode] = (), evidence: Sequence[Evidence] = ()
) -> Audit:
    """What findings and evidence come to."""
    return Audit(
        audio=sound.audio,
        seconds=sound.wave.duration,
        verdict=conclude(findings, known=is_known(evidence)),
        findings=tuple(findings),
        tracks=tuple(tracks),
        evidence=tuple(evidence),
        conclusions=conclusions(findings, evidence),
    )


class _Trail:
    """One audit on its way from what was heard to the tracks, and from each track down."""

    def __init__(self, heard: Heard, findings: list[Finding], tell: Telling = untold) -> None:
        self.nodes: list[TrackNode] = []
        self._tell = tell
        self._heard, self._findings = heard, findings
        self._sound, self._credential, self._marks = heard.sound, heard.credential, heard.marks
        self._tuner = Tuner(heard.sound.wave)
        self._named: TrackEntry | None = None
        self._tracks: dict[int, _Witness] = {}
        self._seen: list[Evidence] = []
        self._listened = False  # whether the fingerprint was asked

    def follow(self, sources: Sources) -> None:
        """Find the tracks that the witnesses name, and verify each. Raises what a chain or store does."""
        from ledger.keyhistory import KeyHistory
        from ledger.verify import Verifier

        self._find(sources)
        self._tell("digest", (), self._seen[:])
        verifier = Verifier(sources.contracts, sources.store, self._heard.hearing.trust)
        try:
            for witness in self._tracks.values():
                node = verifier.track(witness.entry)
                self.nodes.append(node)
                verifier.findings.extend(self._compared(sources.store, witness, node))
        finally:
            # Where the chain falls silent half-way, what was found wrong before stays wrong.
            self._findings.extend(verifier.findings)
        if self._listened:  # else nothing is told: it did not find nothing, it was not needed
            self._tell("fingerprint", (), [one for one in self._seen if one.layer == "fingerprint"])
        self._tell("chain", verifier.findings, ())
        alike = self._tracks[self._named.id].alike if self._named is not None else None
        self._findings.extend(manifest.place(self._credential, self._named, alike))
        history = KeyHistory(sources.contracts, sources.store)
        self._findings.extend(manifest.signer(self._credential, self._named, history))

    def all_evidence(self) -> tuple[Evidence, ...]:
        """What was seen, manifest first; marks that name no known track too."""
        by_id = {witness.entry.id: str(witness.entry.claim) for witness in self._tracks.values()}
        said = [] if self._credential is None else [manifest.evidence(self._credential, self._named)]
        said += [watermark.evidence(mark, by_id.get(int.from_bytes(mark.found.id))) for mark in self._marks]
        return (*said, *self._seen)

    def _find(self, sources: Sources) -> None:
        """Digest, watermarks and manifest; then, only if digest and marks are silent, the fingerprint."""
        contracts, batches = sources.contracts, sources.batches
        exact = contracts.track_by_audio(self._sound.audio)
        said = "the SHA-256 of this file is the track's on chain"
        if exact is not None:
            self._preceded(exact, batches.anchored_before(exact))
        else:
            exact = self._anchored("audio", lambda: batches.anchored_audio(self._sound.audio))
            said = "the SHA-256 of this file is in a leaf under an anchored root"
        if exact is not None:
            self._seen.append(Evidence("digest", str(exact.claim), said, distance=0.0))
            self._witness(exact)
        self._look_up(sources, self._marks)
        if not self._tracks:
            self._recall(sources)
            self._listened = True
            like = sources.candidates(self._sound)
            found = fingerprint.sounding_like(contracts, sources.store, self._sound.codes, like, self._findings)
            for entry in found:
                self._witness(entry)
            if found and not self._marks:
                # There should have been a mark: perhaps it is only faster or slower than it was.
                listened = self._heard.at_any_speed
                self._marks = listened.marks
                self._findings += watermark.findings(listened, self._heard.hearing) if self._marks else []
                self._look_up(sources, self._marks)
        self._named = manifest.track(contracts, self._credential, self._findings, self._token(sources, "manifest"))
        if self._named is not None:
            by_manifest = self._named.id not in self._tracks
            self._witness(self._named).by_manifest = by_manifest
        if not self._tracks:
            self._unread(batches.unread(), batches.fault)

    def _token(self, sources: Sources, subject: str) -> Callable[[int], TrackEntry | None]:
        """What looks a mark up among the tracks that were anchored."""
        return lambda token: self._anchored(subject, lambda: sources.batches.anchored_watermark(token))

    def _anchored(self, subject: str, look_up: Callable[[], TrackEntry | None]) -> TrackEntry | None:
        """A track that was anchored; where its leaf is known and cannot be proved, a finding says why."""
        try:
            return look_up()
        except ChainUnreachable:
            raise
        except Unverifiable as error:
            self._findings.append(Finding("anchor", Status.UNVERIFIABLE, subject, str(error)[:_LONGEST_DETAIL]))
        except (Invalid, Malformed) as error:
            self._findings.append(Finding("anchor", Status.INVALID, subject, str(error)[:_LONGEST_DETAIL]))
        return None

    def _preceded(self, minted: TrackEntry, earlier: TrackEntry | None) -> None:
        """Of a file that was minted by one, and anchored by another before: the contract asks for no anchoring."""
        if earlier is None or earlier.anchored is None:
            return
        detail = (
            f"{earlier.creator} had anchored this very file before, in block {earlier.block} under root "
            f"{earlier.anchored.root}; {minted.creator} minted it in block {minted.block}"
        )
        self._findings.append(Finding("anchor", Status.WARNING, f"track {minted.claim}", detail))

    def _unread(self, batches: Sequence[Place], fault: StoreFault | None) -> None:
        """Of a mark or manifest whose track is not known: it may be one of those that nobody here can read."""
        if fault is not None:
            detail = f"what was anchored is not known: {fault}"[:_LONGEST_DETAIL]
        elif batches:
            detail = (
                f"what was anchored in {len(batches)} batches is not known, as of root {batches[0].root} by "
                f"{batches[0].creator}: their leaves are out of reach, or not those"
            )
        else:
            return
        asked = bool(self._marks) or (self._credential is not None and self._credential.origin is not None)
        self._findings.append(Finding("anchor", Status.UNVERIFIABLE if asked else Status.NOTE, "audio", detail))

    def _recall(self, sources: Sources) -> None:
        """Whether the chain knew the file or a mark before it was reorganised."""
        tokens = [int.from_bytes(mark.found.id) for mark in self._marks]
        gone = sources.forgotten(self._sound.audio, tokens)
        if gone is not None:
            detail = (
                f"track {gone.token:016x} was recorded in block {gone.block} ({gone.hash}), which the chain has dropped"
            )
            self._findings.append(Finding("reorganisation", Status.UNVERIFIABLE, "audio", detail))

    def _look_up(self, sources: Sources, marks: Iterable[Mark]) -> None:
        for mark in marks:
            entry = sources.contracts.track_by_watermark(mark.found.id)
            if entry is None:
                entry = self._token(sources, mark.name)(int.from_bytes(mark.found.id))
            if entry is None:
                missing = "no track on this chain has this mark"
                self._findings.append(Finding("foreign mark", Status.NOTE, mark.name, missing))
            else:
                self._witness(entry).marks.append(mark)

    def _witness(self, entry: TrackEntry) -> _Witness:
        return self._tracks.setdefault(entry.id, _Witness(entry))

    def _compared(self, store: ContentStore, witness: _Witness, node: TrackNode) -> Iterable[Finding]:
        """Hold the audio against the track's record: the same file, the same samples, or at least the same sound."""
        record = node.record
        if record is None:
            return []
        track, subject = str(witness.entry.claim), f"track {witness.entry.claim}"
        detail, recorded = None, "minted" if witness.entry.anchored is None else "anchored"
        if self._sound.audio == record.audio:
            check, detail = "audio", f"this is the very file that was {recorded}, byte for byte"
        elif self._sound.wave.pcm_sha256() == record.pcm.raw:
            check, detail = "samples", f"another file with the very samples that were {recorded}"
        if detail is not None:
            witness.alike = True
            if check == "samples":
                self._seen.append(Evidence("digest", track, detail, distance=0.0))
            return [Finding(check, Status.OK, subject, detail)]
        self._listened = True
        likeness = fingerprint.compare(store, self._sound, self._tuner, record, witness.marks, subject)
        witness.alike = likeness.alike
        self._seen += likeness.evidence
        found = list(likeness.findings)
        if witness.by_manifest and not likeness.alike:
            # Nothing but the manifest speaks for this track: whether it may is told of the manifest.
            found = [finding for finding in found if finding.check != "fingerprint"]
        if likeness.alike:
            for mark, said in zip(likeness.marks[:1], witness.marks[:1], strict=True):
                found += watermark.changed(mark, subject, by_ear=mark.found.pitch != said.found.pitch)
        return found
