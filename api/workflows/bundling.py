"""Write all that an audit rests on into one file, and audit from such a file with nothing else at hand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.home import Home
from api.workflows.audit import Audit, Sources, examine, judge
from api.workflows.catalogue import Catalogue
from api.workflows.evidence.heard import Heard
from api.workflows.evidence.hearing import Hearing
from ledger.agreement import precedes
from ledger.anchor import read_leaves
from ledger.anchored import Anchored
from ledger.errors import NotFound
from ledger.findings import Finding, Status
from ledger.index import Place

if TYPE_CHECKING:
    from ledger.bundle import Bundle, Candidate
    from ledger.contracts import Contracts, TrackEntry
    from ledger.digest import Digest
    from ledger.errors import StoreFault
    from ledger.index import Forgotten
    from ledger.keys import Signer
    from ledger.network import Network
    from ledger.store import ContentStore

_MOST_HASHES = 3
"""How many blocks a finding names; the bundle names them all."""


def write(home: Home, path: Path, out: Path, hearing: Hearing, *, now: datetime, signer: Signer | None = None) -> Audit:
    """Audit a file and write the bundle, signed if there is a signer.

    Raises as :func:`api.workflows.audit.audit`, :class:`~ledger.errors.Unverifiable` where no chain can be asked, and
    :class:`~ledger.errors.StoreFault` where no track is found and the index cannot be asked for those that were
    anchored: of that no bundle is made.
    """
    from api import report
    from ledger import bundle
    from ledger.claims import claims
    from ledger.contracts import Contracts
    from ledger.recorded import RecordingNetwork, RecordingStore
    from ledger.records import timestamp

    heard = Heard.listen(path, hearing)
    with home.ledger() as ledger:
        gone: list[Forgotten] = []
        with Catalogue(home, ledger) as catalogue:

            def forgotten(audio: Digest, tokens: Sequence[int]) -> Forgotten | None:
                found = catalogue.forgotten(audio, tokens)
                gone.extend(() if found is None else (found,))
                return found

            live = Sources(ledger.contracts, ledger.store, catalogue.candidates, forgotten, catalogue)
            first = examine(heard, lambda: contextlib.nullcontext(live))
            named: list[Candidate] = [node.entry.anchored or node.entry.id for node in first.tracks]
            if catalogue.fault is not None and not named:
                raise catalogue.fault
            named += [one for one in catalogue.earlier if one not in named]
            named += (*catalogue.unproved, *(() if named else catalogue.unread()))
        recording: list[RecordingNetwork] = []

        def wrap(network: Network) -> Network:
            recording.append(RecordingNetwork(network))
            return recording[0]

        chain = ledger.chain.through(wrap)
        contracts = Contracts(chain, ledger.contracts.deployment)
        store = RecordingStore(ledger.store)
        # Asked again, of the tracks alone that were found: a bundle need not hold what was compared and found other.
        known = _Known(named, contracts, store)
        recorded = Sources(contracts, store, known.candidates, lambda *_: next(iter(gone), None), known)
        outcome = examine(heard, lambda: contextlib.nullcontext(recorded))
        claimed = claims(contracts, outcome.tracks)
        recording[0].prove()
        whole = bundle.Bundle(
            audio=heard.sound.audio,
            made=timestamp(now),
            searched_speed=hearing.search_speed,
            deployment=contracts.deployment,
            final=chain.confirmations,
            chain=recording[0].transcript,
            claims=claimed,
            candidates=tuple(named),
            forgotten=next(iter(gone), None),
            blocks=store.blocks,
            held=store.held,
            view=_plain({name: value for name, value in report.as_json(outcome, "").items() if name != "file"}),
        )
        bundle.write(out, whole, signer)
    return outcome


def read(source: Path, path: Path, hearing: Hearing) -> Audit:
    """Audit a file from a bundle alone.

    A bundle that does not hold, or is about another file, is a finding. Raises :class:`~ledger.errors.NotABundle` for
    a file that never was one, and :class:`gen.errors.AudioError`.
    """
    from ledger import bundle
    from ledger.errors import FormatUnknown, Invalid, Malformed, NotABundle

    try:
        opened = bundle.read(source)
    except NotABundle:
        raise
    except (Invalid, Malformed, FormatUnknown) as error:
        status = Status.UNVERIFIABLE if isinstance(error, FormatUnknown) else Status.INVALID
        heard = Heard.listen(path, hearing)
        return judge(heard.sound, (*heard.findings, Finding("bundle", status, "bundle", str(error)[:1000])))
    heard = Heard.listen(path, replace(hearing, search_speed=hearing.search_speed or opened.searched_speed))
    if opened.audio != heard.sound.audio:
        detail = f"it is about another file, whose SHA-256 is {opened.audio}: have one made for this file"
        return judge(heard.sound, (*heard.findings, Finding("bundle", Status.UNVERIFIABLE, "bundle", detail)))
    outcome = examine(heard, lambda: _sources(opened))
    said = (*outcome.findings, _signature(opened), *_claims(opened, outcome), *_proofs(opened))
    return judge(heard.sound, said, outcome.tracks, outcome.evidence)


@contextlib.contextmanager
def _sources(opened: Bundle) -> Iterator[Sources]:
    contracts, store = opened.contracts(), opened.store()
    known = _Known(opened.candidates, contracts, store)
    with opened.believed():
        yield Sources(contracts, store, known.candidates, lambda *_: opened.forgotten, known)


class _Known:
    """The candidates of a bundle, as an audit asks for them (:class:`api.workflows.audit.Batches`)."""

    def __init__(self, candidates: Sequence[Candidate], contracts: Contracts, store: ContentStore) -> None:
        self._minted = [one for one in candidates if isinstance(one, int)]
        self._anchored = [one for one in candidates if isinstance(one, Anchored)]
        places = [one for one in candidates if isinstance(one, Place)]
        self._unproved = [place for place in places if place.index is not None]
        self._unread = [place for place in places if place.index is None]
        self._contracts, self._store = contracts, store
        self.fault: StoreFault | None = None  # without the index no bundle was made, or a track was found

    def candidates(self, _: object) -> Iterator[TrackEntry]:
        for token in self._minted:
            with contextlib.suppress(NotFound):
                yield self._contracts.track(token)
        yield from self._entries(self._anchored)

    def anchored_audio(self, audio: Digest) -> TrackEntry | None:
        return self._found(one for one in self._anchored if one.leaf.audio == audio)

    def anchored_watermark(self, token: int) -> TrackEntry | None:
        return self._found(one for one in self._anchored if one.token == token)

    def anchored_before(self, minted: TrackEntry) -> TrackEntry | None:
        same = self._entries(one for one in self._anchored if one.leaf.audio == minted.audio)
        return next((entry for entry in same if precedes(self._contracts, entry, minted)), None)

    def unread(self) -> Sequence[Place]:
        return self._unread

    def _found(self, anchored: Iterator[Anchored]) -> TrackEntry | None:
        for entry in self._entries(anchored):
            return entry
        for place in self._unproved:  # what could not be proved then raises again what it did
            with contextlib.suppress(NotFound):
                batch = self._contracts.anchor(place.creator, place.root)
                read_leaves(self._store, batch.root, batch.size, batch.content)
        return None

    def _entries(self, anchored: Iterable[Anchored]) -> Iterator[TrackEntry]:
        """Those that the chain knows: a bundle may name others, which say nothing of the rest."""
        for one in anchored:
            with contextlib.suppress(NotFound):
                yield one.entry(self._contracts)


def _claims(opened: Bundle, outcome: Audit) -> Iterator[Finding]:
    """Whether the plain reading of the chain is that of its answers."""
    from ledger.claims import claims
    from ledger.errors import Invalid, LedgerError

    try:
        with opened.believed():
            ours = claims(opened.contracts(), outcome.tracks)
        # Where the chain was silent, it told of fewer tracks than it did once.
        silent = any((one.check, one.status) == ("chain", Status.UNVERIFIABLE) for one in outcome.findings)
        if ours != (opened.claims[: len(ours)] if silent else opened.claims):
            detail = "what it claims of the chain in plain words is not what the chain answered"
            yield Finding("bundle", Status.INVALID, "bundle", detail)
    except Invalid as error:
        yield Finding("bundle", Status.INVALID, "bundle", str(error))
    except LedgerError as error:
        yield Finding("bundle", Status.UNVERIFIABLE, "bundle", str(error))


def _proofs(opened: Bundle) -> Iterator[Finding]:
    """Whether what the chain logged is proved to be in its blocks: then their hashes are all of it that one trusts."""
    from ledger.errors import Invalid
    from ledger.proofs import check

    try:
        with opened.believed():
            found = check(opened.chain)
    except Invalid as error:
        yield Finding("chain proof", Status.INVALID, "bundle", str(error))
        return
    if found.unproved:
        detail = (
            f"{found.entries - found.unproved} of {found.entries} log entries are proved to be in their blocks: "
            "the others are on the word of whoever gave the bundle"
        )
        yield Finding("chain proof", Status.NOTE, "bundle", detail)
    if found.blocks:
        newest = sorted(found.blocks.items(), reverse=True)
        hashes = ", ".join(f"{number} ({named})" for number, named in newest[:_MOST_HASHES])
        more = f", and {len(newest) - _MOST_HASHES} more" if len(newest) > _MOST_HASHES else ""
        detail = (
            f"{found.entries - found.unproved} log entries are proved to be in blocks of the hashes that the bundle "
            f"names; that chain {opened.chain.chain_id} has these is all there is to trust for them: {hashes}{more}"
        )
        yield Finding("chain proof", Status.OK, "bundle", detail)


def _signature(opened: Bundle) -> Finding:
    made = f"made {opened.made} at block {opened.chain.head} of chain {opened.chain.chain_id}"
    if opened.auditor is None:
        detail = f"{made}, signed by nobody: what it says of the chain and does not prove is on the word of its giver"
        return Finding("bundle", Status.NOTE, "bundle", detail)
    detail = f"{made}, signed by {opened.auditor}, on whose word is what it says of the chain and does not prove"
    return Finding("bundle", Status.OK, "bundle", detail)


def _plain(value: Any) -> Any:
    """JSON with every float as a text, since canonical JSON has none."""
    if isinstance(value, float):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
