"""Whether recordings are somebody's dataset already, under other names: the chain's root knows identical files only.

Compared are digests of files and samples, and the fingerprints that every record names (`gen.similarity` says what
these find). A contract hears nothing: this is a check of the software that registers, and whoever writes another can
leave it out. But records and fingerprints are open, so that anybody can compare them afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.home import Ledger
from ledger.digest import Digest
from ledger.errors import LedgerError

if TYPE_CHECKING:
    from gen.fingerprint import Fingerprint
    from ledger.address import Address
    from ledger.contracts import Contracts, DatasetEntry
    from ledger.records import Recording
    from ledger.store import ContentStore

MOST_FINGERPRINT_BYTES = 1 << 20
"""Nine hours of codes, in one recording."""


@dataclass(frozen=True, slots=True)
class Resemblance:
    """A dataset, and which of the recordings compared are takes that it has (digests of their files)."""

    entry: DatasetEntry
    recordings: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Datasets that have some of the recordings, and the ids of those that could not be compared, all or in part."""

    found: tuple[Resemblance, ...]
    unread: tuple[int, ...]


def compare(ledger: Ledger, recordings: Sequence[Recording]) -> Comparison:
    """Compare recordings, whose fingerprints are in the store, with every dataset on chain."""
    from gen.errors import FingerprintError
    from gen.similarity import alike_to
    from ledger.archive import fetch
    from ledger.records import DatasetRecord

    ours = [_read(ledger.store, item) for item in recordings]
    theirs: list[Fingerprint] = []
    owners: list[DatasetEntry] = []
    shared: dict[int, set[Digest]] = {}
    entries, unread = {entry.id: entry for entry in ledger.contracts.datasets()}, []
    known = {part: item.sha256 for item in recordings for part in (item.sha256, item.pcm)}
    for entry in entries.values():
        try:
            record = fetch(ledger.store, DatasetRecord, entry.cid, entry.record, entry.holder)
        except LedgerError:
            unread.append(entry.id)
            continue
        for item in record.recordings:
            same = known.get(item.sha256) or known.get(item.pcm)
            if same is not None:
                shared.setdefault(entry.id, set()).add(same)
                continue
            try:
                theirs.append(_read(ledger.store, item))
                owners.append(entry)
            except (LedgerError, FingerprintError):
                unread.append(entry.id)
    for pair in alike_to(ours, theirs):
        shared.setdefault(owners[pair.other].id, set()).add(recordings[pair.one].sha256)
    found = (Resemblance(entries[number], tuple(sorted(shared[number]))) for number in sorted(shared))
    return Comparison(tuple(found), tuple(dict.fromkeys(unread)))


def is_own(contracts: Contracts, entry: DatasetEntry, account: Address) -> bool:
    """Whether a dataset is this account's: its owner's, its holder's, or of the key that took the holder's place."""
    holder: Address | None = entry.holder
    while holder is not None:
        if account in (holder, entry.owner):
            return True
        end = contracts.key_end(holder)
        holder = None if end is None else end.successor
    return False


def _read(store: ContentStore, item: Recording) -> Fingerprint:
    from gen.fingerprint import Fingerprint

    return Fingerprint.from_bytes(store.read_bytes(item.fingerprint.cid, MOST_FINGERPRINT_BYTES))
