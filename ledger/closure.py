"""What a dataset, a model or a track rests on: the content that has to be there for all of it to be proven and used.

Records are read through the store, each only when what it names is asked for. So a store that fetches what it lacks
brings a whole lineage by being walked, and one that lacks a record says which.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ledger import unixfs
from ledger.anchor import LEAF_BYTES
from ledger.archive import fetch
from ledger.cid import Cid, Codec
from ledger.errors import Invalid, Malformed, Unverifiable
from ledger.records import DatasetRecord, TrackRecord, TrainingRunRecord

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.contracts import Contracts, DatasetEntry, LicenseEntry, ModelEntry, TrackEntry
    from ledger.digest import Digest
    from ledger.records import ContentRef
    from ledger.store import ContentStore

Kind = Literal["dataset", "model", "track"]


@dataclass(frozen=True, slots=True)
class Named:
    """Content that is named on chain or in a record, and what it is, such as ``recording 3 of dataset 1``."""

    cid: Cid
    what: str
    sha256: Digest | None = None
    """Of its bytes as one piece, where a record gives it."""


@dataclass(frozen=True, slots=True)
class Filed:
    """A record on chain: its name (``dataset 1``), who made it, its envelope, and how to learn what it names."""

    name: str
    by: Address
    """Who recorded it."""
    envelope: Named
    read: Callable[[ContentStore], tuple[Named, ...]]
    """Reads the record as :func:`ledger.archive.fetch` does, whose errors it raises with the record's name before."""


def rests_on(contracts: Contracts, store: ContentStore, kind: Kind, id: int) -> Iterator[Named]:  # noqa: A002
    """The record's envelope, what it names, the licenses, datasets and models behind it, the signers' keys; each once.

    Of licenses those that the records rely on: the ones that a training record names, or where it names none all that
    its trainer held by then; for a track all under which its creator may have generated. Raises
    :class:`~ledger.errors.NotFound` where there is no such token, and for a record that must be read and cannot:
    :class:`~ledger.errors.BlockMissing`, or what is wrong with it, as :func:`ledger.archive.fetch` does.
    """
    given: set[Cid] = set()
    lineage = _Lineage(contracts, store)
    walk = {"dataset": lineage.dataset, "model": lineage.model, "track": lineage.track}[kind]
    for named in itertools.chain(walk(id), _keys_of(contracts, lineage.signers)):
        if named.cid not in given:
            given.add(named.cid)
            yield named


def records(contracts: Contracts) -> Iterator[Filed]:
    """Every record on chain, unread: datasets and models, each with its licenses; tracks, anchored batches, keys."""
    for dataset in contracts.datasets():
        yield _dataset(dataset)
        for entry in contracts.licenses("dataset", dataset.id):
            yield _license(entry)
    for model in contracts.models():
        yield _model(model)
        for entry in contracts.licenses("model", model.id):
            yield _license(entry)
    for track in contracts.tracks():
        yield _track(track)
    yield from _anchors(contracts)
    yield from _keys(contracts)


def _dataset(entry: DatasetEntry) -> Filed:
    name = f"dataset {entry.id}"

    def read(store: ContentStore) -> tuple[Named, ...]:
        with _called(name):
            record = fetch(store, DatasetRecord, entry.cid, entry.record, entry.holder)
        numbered = tuple(enumerate(record.recordings, start=1))
        return (
            *(_content(recording.content, f"recording {number} of {name}") for number, recording in numbered),
            *(_content(recording.fingerprint, f"fingerprint {number} of {name}") for number, recording in numbered),
        )

    return Filed(name, entry.holder, _envelope(entry.cid, name), read)


def _model(entry: ModelEntry) -> Filed:
    name = f"model {entry.id}"

    def read(store: ContentStore) -> tuple[Named, ...]:
        return (_content(_training_run(entry, store).content, f"weights of {name}"),)

    return Filed(name, entry.trainer, _envelope(entry.cid, name), read)


def _track(entry: TrackEntry) -> Filed:
    name = f"track {entry.id:016x}"

    def read(store: ContentStore) -> tuple[Named, ...]:
        with _called(name):
            record = fetch(store, TrackRecord, entry.cid, entry.record, entry.creator)
        return (
            _content(record.content, f"audio of {name}"),
            _content(record.fingerprint, f"fingerprint of {name}"),
        )

    return Filed(name, entry.creator, _envelope(entry.cid, name), read)


def _license(entry: LicenseEntry) -> Filed:
    """A license's record names no content, so it need not be read."""
    name = f"license {entry.id} of {entry.subject_kind} {entry.subject_id} for {entry.licensee}"
    return Filed(name, entry.licensee, _envelope(entry.cid, name), lambda store: ())


def _anchors(contracts: Contracts) -> Iterator[Filed]:
    """The files of leaves of anchored batches; the records of their tracks are named when these are minted."""
    from ledger.abi import Interface

    place = contracts.deployment
    for event in contracts.chain.events(Interface.load("Tracks"), place.tracks, "Anchored", place.block, None):
        name = f"anchored batch 0x{event.arguments['root'].hex()}"
        top = Cid.of_digest(event.arguments["content"])
        if event.arguments["size"] * LEAF_BYTES > unixfs.CHUNK:  # the file has several blocks, its root links to them
            top = Cid(bytes((1, Codec.DAG_PB)) + top.raw[2:])
        yield Filed(name, event.arguments["creator"], Named(top, f"leaves of {name}"), lambda store: ())


def _keys(contracts: Contracts, account: Address | None = None) -> Iterator[Filed]:
    """The key records of an account, or of all; they hold public keys and name no content."""
    from ledger.abi import Interface

    place = contracts.deployment
    whose = {} if account is None else {"account": account}
    for kind, said in (("Published", "published"), ("Ended", "ended")):
        for event in contracts.chain.events(Interface.load("Keys"), place.keys, kind, place.block, None, **whose):
            by, top = event.arguments["account"], Cid.of_digest(event.arguments["content"])
            name = f"keys of {by}, {said} in block {event.block}"
            yield Filed(name, by, Named(top, f"record of {name}"), lambda store: ())


class _Lineage:
    """One walk from a token down; ``signers`` are those whose records it came by, in their order."""

    def __init__(self, contracts: Contracts, store: ContentStore) -> None:
        self._contracts, self._store = contracts, store
        self._seen: set[tuple[Kind, int]] = set()
        self.signers: dict[Address, None] = {}

    def dataset(self, id: int) -> Iterator[Named]:  # noqa: A002
        if self._first("dataset", id):
            yield from self._filed(_dataset(self._contracts.dataset(id)))

    def model(self, id: int) -> Iterator[Named]:  # noqa: A002
        if not self._first("model", id):
            return
        contracts, entry = self._contracts, self._contracts.model(id)
        yield from self._filed(_model(entry))
        record = _training_run(entry, self._store)
        chosen = {("dataset", use.id): use.license_id for use in record.datasets}
        chosen |= {("model", parent.id): parent.license_id for parent in record.parents}
        for dataset, _ in entry.datasets:
            yield from _training_licenses(contracts, "dataset", dataset, entry, chosen.get(("dataset", dataset), 0))
            yield from self.dataset(dataset)
        for parent in entry.parents:
            yield from _training_licenses(contracts, "model", parent, entry, chosen.get(("model", parent), 0))
            yield from self.model(parent)

    def track(self, id: int) -> Iterator[Named]:  # noqa: A002
        entry = self._contracts.track(id)
        yield from self._filed(_track(entry))
        for held in self._contracts.licenses("model", entry.model, entry.creator):
            if "generate" in held.uses and held.block <= entry.block:
                yield _license(held).envelope
        yield from self.model(entry.model)

    def _first(self, kind: Kind, id: int) -> bool:  # noqa: A002
        new = (kind, id) not in self._seen
        self._seen.add((kind, id))
        return new

    def _filed(self, filed: Filed) -> Iterator[Named]:
        self.signers[filed.by] = None
        yield filed.envelope
        yield from filed.read(self._store)


def _keys_of(contracts: Contracts, accounts: Iterable[Address]) -> Iterator[Named]:
    for account in accounts:
        for filed in _keys(contracts, account):
            yield filed.envelope


def _training_licenses(
    contracts: Contracts, kind: Literal["dataset", "model"], subject: int, model: ModelEntry, chosen: int
) -> Iterator[Named]:
    """The license that the training record names (``chosen``); 0: all of the trainer's, who may have owned it too."""
    for held in contracts.licenses(kind, subject, model.trainer):
        if "train" in held.uses and held.block <= model.block and chosen in (0, held.id):
            yield _license(held).envelope


def _training_run(entry: ModelEntry, store: ContentStore) -> TrainingRunRecord:
    with _called(f"model {entry.id}"):
        return fetch(store, TrainingRunRecord, entry.cid, entry.record, entry.trainer)


def _envelope(cid: str, name: str) -> Named:
    return Named(Cid.parse(cid), f"record of {name}")


def _content(ref: ContentRef, what: str) -> Named:
    return Named(ref.cid, what, ref.sha256)


@contextmanager
def _called(name: str) -> Iterator[None]:
    """Put the record's name before what is said of it."""
    try:
        yield
    except (Unverifiable, Invalid, Malformed) as error:
        raise type(error)(f"record of {name}: {error}") from error
