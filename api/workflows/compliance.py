"""Hold an installation, and one of its tracks, against the Code of Practice: what is found, and what is missing.

What the software does is shown on a track: its manifest, its mark, its record. What a provider does, such as training
staff, leaves no trace here, and is *not met* until somebody shows it elsewhere.
"""

from __future__ import annotations

import base64
import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from api.compliance import INTEROPERABLE_BY, MEASURES, Answer, Measure, Status
from api.home import Home, Ledger

if TYPE_CHECKING:
    from api.workflows.audit import Audit
    from ledger.contracts import TrackEntry
    from ledger.credentials import Credential
    from ledger.evidence import Evidence, Layer

_NOBODY_LOOKED = "no track was looked at: give one, or mint one"
_PEOPLE = "software cannot show this: it is for the provider to do, and to write down"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was looked at: the home, and a track with its manifest and audit, if there is one.

    ``endpoints``: where the contract says that manifests of its tracks are to be had.
    """

    home: Home
    about: str
    audit: Audit | None = None
    credential: Credential | None = None
    endpoints: tuple[str, ...] = ()

    def evidence(self) -> list[Evidence]:
        """What names this track, and no other."""
        if self.audit is None or not self.audit.tracks:
            return []
        claim = str(self.audit.tracks[0].entry.claim)
        return [each for each in self.audit.evidence if each.track == claim]

    def layers(self) -> set[Layer]:
        """The witnesses that name it. A manifest that does not hold marks nothing, whatever it names."""
        broken = self.credential is None or self.credential.state == "invalid"
        return {each.layer for each in self.evidence() if not (broken and each.layer == "manifest")}


def check(home: Home, path: Path | None = None) -> tuple[str, tuple[Answer, ...]]:
    """What was looked at, in words, and an answer for each measure. Without ``path`` the newest track is looked at.

    Raises :class:`gen.errors.AudioError` for a file that is no audio, and :class:`UsageError` for bad settings.
    """
    with _track(home, path) as (found, why_not):
        seen = _look(home, found, why_not)
    answers = tuple(_answer(measure, seen) for measure in MEASURES)
    return seen.about, answers


@contextlib.contextmanager
def _track(home: Home, path: Path | None) -> Iterator[tuple[Path | None, str]]:
    """The file, or a copy of the newest track's minted one; None where there is neither, and why."""
    from ledger.archive import fetch
    from ledger.errors import LedgerError
    from ledger.records import TrackRecord

    if path is not None or not home.exists:
        yield path, "no track"
        return
    why_not = "no track"
    with tempfile.NamedTemporaryFile(suffix=".wav") as copy:
        try:
            with home.ledger() as ledger:
                newest = max(ledger.contracts.tracks(), key=lambda entry: entry.block, default=None)
                if newest is not None:
                    record = fetch(ledger.store, TrackRecord, newest.cid, newest.record, newest.creator)
                    copy.writelines(ledger.store.read(record.content.cid, limit=record.size))
        except LedgerError as error:
            newest, why_not = None, f"its newest track cannot be looked at, give a file ({error})"
        copy.flush()
        yield None if newest is None else Path(copy.name), why_not


def _look(home: Home, path: Path | None, why_not: str) -> Seen:
    from api.certificates import trusted
    from api.workflows.audit import audit
    from api.workflows.evidence.hearing import Hearing
    from ledger.credentials import read

    trust = trusted(home)
    if path is None:
        return Seen(home, f"home {home.path}, {why_not}")
    outcome = audit(home, path, hearing=Hearing(trust=trust))
    entry = outcome.tracks[0].entry if outcome.tracks else None
    about = f"home {home.path}, " + (f"track {entry.id:016x}" if entry else f"file {path}, which is no track of it")
    endpoints: tuple[str, ...] = ()
    if entry is not None:
        with home.ledger() as ledger:
            endpoints = _endpoints(ledger, entry)
    return Seen(home, about, outcome, read(path, trust), endpoints)


def _endpoints(ledger: Ledger, entry: TrackEntry) -> tuple[str, ...]:
    from ledger.abi import Interface

    query = json.dumps({"softBindingValue": base64.b64encode(entry.id.to_bytes(8)).decode()})
    contract = ledger.contracts.deployment.tracks
    told = ledger.chain.call(Interface.load("Tracks"), contract, "getManifestByBinding", query)
    return tuple(json.loads(told)["endpoints"])


def _answer(measure: Measure, seen: Seen) -> Answer:
    evidence, missing = _CHECKS[measure.number](seen)
    if evidence is None:
        return Answer(measure, Status.NOT_APPLICABLE, (), tuple(missing))
    status = Status.MET if not missing else Status.PARTLY if evidence else Status.NOT_MET
    return Answer(measure, status, tuple(evidence), tuple(missing))


Found = tuple[list[str] | None, list[str]]
"""What was found, and what is missing; None: the measure does not concern this installation, for the reason given."""


def _layers(seen: Seen) -> Found:
    """Two layers are asked for. A registry beside them does not replace either."""
    if seen.audit is None:
        return [], [_NOBODY_LOOKED]
    found = [f"layer: {layer}" for layer in ("manifest", "watermark") if layer in seen.layers()]
    gone = [f"no {layer} that leads to the track" for layer in ("manifest", "watermark") if layer not in seen.layers()]
    return found, gone


def _metadata(seen: Seen) -> Found:
    credential = seen.credential
    if seen.audit is None:
        return [], [_NOBODY_LOOKED]
    if credential is None:
        return [], ["the file carries no manifest, nor is one beside it"]
    if credential.state == "invalid":
        return [], [f"its manifest is invalid: {', '.join(credential.failures)}"]
    found = [f"a C2PA manifest, signed by {credential.signer}"]
    gone: list[str] = []
    if credential.generated:
        found.append("it says that a trained model made the sound")
    else:
        gone.append("nothing in it says that a trained model made the sound")
    if credential.stamped:
        found.append(f"time stamp of {credential.signed_at}")
    else:
        gone.append("a time stamp: name an authority in STEMMATA_TSA before minting")
    if credential.state != "trusted":
        gone.append("a certificate that others trust: this one leads to no root in STEMMATA_TRUST")
    return found, gone


def _watermark(seen: Seen) -> Found:
    if seen.audit is None:
        return [], [_NOBODY_LOOKED]
    marks = [each for each in seen.evidence() if each.layer == "watermark"]
    if not marks:
        return [], ["no mark in the sound that names the track"]
    return [f"{each.detail}" for each in marks], []


def _registry(seen: Seen) -> Found:
    if seen.audit is None or not seen.audit.tracks:
        return [], [_NOBODY_LOOKED if seen.audit is None else "the file is no track of this chain"]
    entry = seen.audit.tracks[0].entry
    record = seen.audit.tracks[0].record
    found = [f"on chain since block {entry.block}, with the digest of the minted file"]
    if record is not None:
        found.append(f"its record holds {record.iscc} and a Chromaprint fingerprint, by which copies are found")
    return found, []


def _kept(seen: Seen) -> Found:
    found = ["docs/compliance.md asks whoever uses this not to remove marks", "no command removes a mark or a manifest"]
    return found, [
        "terms of your own that forbid to remove marks",
        "music that a track goes on from is not named in it",
    ]


def _provenance(seen: Seen) -> Found:
    credential = seen.credential
    if credential is None or credential.state == "invalid" or credential.origin is None:
        return [], ["a valid manifest with our assertion of origin" if seen.audit else _NOBODY_LOOKED]
    found = [
        f"signer {credential.signer}",
        f"token {credential.origin.token} on chain {credential.origin.chain_id}",
        f"weights sha256:{credential.origin.weights} and {len(credential.origin.datasets)} dataset records",
    ]
    return found, [] if credential.stamped else ["when it was made: only a time stamp can say"]


def _detector(seen: Seen) -> Found:
    return [
        "software: `stemmata audit` and `stemmata watermark detect`, and the same in Python, under Apache-2.0",
        "specification: docs/watermark.md, and the published key of the public layer",
        "service: `stemmata serve-bindings` answers C2PA's Soft Binding Resolution API",
    ], []


def _access(seen: Seen) -> Found:
    found = ["whoever has the software, a copy of the records and the chain can detect on their own machine"]
    if seen.endpoints:
        return [*found, f"the contract names a service: {', '.join(seen.endpoints)}"], [
            "whether that service is up and open to everybody: look from outside"
        ]
    return found, ["a service that the public can reach: the contract of this home names none"]


def _privacy(seen: Seen) -> Found:
    return [
        "an audit happens on the machine that asks; nothing leaves it but questions to the chain and the store",
        "`stemmata serve-bindings` decodes an upload in a process of its own, under limits, then deletes it",
    ], ["your server's own logs, and the rules for them"]


def _clear(seen: Seen) -> Found:
    return [
        "every result names what it rests on, manifest, watermark, fingerprint or digest, and how sure it is",
        "reports for people in English and Spanish: `stemmata audit --html`",
    ], ["a check of accessibility by people who need it"]


def _reliable(seen: Seen) -> Found:
    found = ["benchmarks/watermark.md: false marks on unmarked music; a bound on each detection (2^-40 a candidate)"]
    return found, ["few clips, and a demonstration's music: measure on your own catalogue"]


def _robust(seen: Seen) -> Found:
    found = [
        "benchmarks/watermark.md: encoding, cuts, mixes, noise, speed, pitch, and attempts to remove or copy the mark"
    ]
    return found, [
        "few clips; resynthesis by a trained vocoder, and an optimiser with the detector at hand, were not tried"
    ]


def _interoperable(seen: Seen) -> Found:
    found = [
        "metadata: C2PA, which any reader of it understands",
        "watermark: an open description and key, C2PA's lookup by contract, and its resolution API",
    ]
    gone = [f"until {INTEROPERABLE_BY}: the algorithm's place on C2PA's list, so that others know whom to ask"]
    return found, gone if seen.endpoints else [*gone, "a resolution service that the contract names"]


def _tested(seen: Seen) -> Found:
    found = ["the project's own tests and benchmarks of marks and detectors: scripts/test, benchmarks/"]
    return found, ["tests of this installation before release and regularly after it, and what came of them"]


def _says(found: list[str] | None, *missing: str) -> Callable[[Seen], Found]:
    """An answer that is the same wherever it is asked."""
    return lambda seen: (found, list(missing))


_CHECKS: Mapping[str, Callable[[Seen], Found]] = {
    "1.1": _layers,
    "1.1.1": _metadata,
    "1.1.2": _watermark,
    "1.1.3": _registry,
    "1.2": _kept,
    "1.3": _provenance,
    "1.4": _says([], "nothing here makes a label for people, spoken or shown"),
    "2.1.1": _detector,
    "2.1.2": _access,
    "2.1.3": _privacy,
    "2.1.4": _says(None, "no detector of ours was retired; version 1 of the mark is the first"),
    "2.2": _says([], "nothing here recognises generated music without a mark, a manifest or a fingerprint"),
    "2.3": _clear,
    "2.4": _says(["docs/ says what marks can and cannot do"], "material for listeners without a technical background"),
    "3.1": _says([], "a test with people: nobody has held one"),
    "3.2": _reliable,
    "3.3": _robust,
    "3.4": _interoperable,
    "3.5": _says(
        ["benchmarks are published with the code that makes them"],
        "work with others: reference data, the Code's task force",
    ),
    "4.1": _says([], f"a process in writing: {_PEOPLE}"),
    "4.2": _tested,
    "4.3": _says([], _PEOPLE),
    "4.4": _says([], _PEOPLE),
    "section 2": _says(
        None,
        "music is no deep fake by itself; whoever passes it off as somebody's says so, which nothing here does",
    ),
}
