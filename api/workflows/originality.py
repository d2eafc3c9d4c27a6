"""Whether what a model made repeats a recording that the model learned from.

Fingerprints of the recordings are in the Dataset records' care, in clear, so that a creator compares without their
sound. What the comparison finds and does not find is in :mod:`gen.originality`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.home import Ledger
from ledger.digest import Digest
from ledger.errors import LedgerError

if TYPE_CHECKING:
    from gen.fingerprint import Fingerprint
    from ledger.records import TrainingRunRecord

MOST_FINGERPRINT_BYTES = 1 << 20
"""Nine hours of codes, in one recording."""


@dataclass(frozen=True, slots=True)
class Learned:
    """The recordings that a model learned from: digest and fingerprint of each; and how many could not be read."""

    recordings: tuple[tuple[Digest, Fingerprint], ...]
    unread: int


@dataclass(frozen=True, slots=True)
class Measure:
    """How much of a training recording some music repeats: seconds, and of which (by the digest of its file)."""

    longest: float
    recording: Digest | None
    compared: int
    unread: int

    def table(self, limit: float, attempt: int) -> dict[str, str | int]:
        """As the Track record has it: fractions as decimal texts."""
        table: dict[str, str | int] = {
            "limit": f"{limit:g}",
            "longest": f"{self.longest:.2f}",
            "compared": self.compared,
            "unread": self.unread,
            "refused": attempt,
        }
        return table if self.recording is None else {**table, "recording": str(self.recording)}


def learned(ledger: Ledger, record: TrainingRunRecord) -> Learned:
    """The fingerprints of all that a model learned from, as far as the store has them."""
    from gen.errors import FingerprintError
    from gen.fingerprint import Fingerprint
    from ledger.archive import fetch
    from ledger.records import DatasetRecord

    found, unread = [], 0
    for use in record.datasets:
        entry = ledger.contracts.dataset(use.id)
        try:
            dataset = fetch(ledger.store, DatasetRecord, entry.cid, use.record, entry.holder)
        except LedgerError:
            unread += 1
            continue
        for item in dataset.recordings:
            try:
                codes = Fingerprint.from_bytes(ledger.store.read_bytes(item.fingerprint.cid, MOST_FINGERPRINT_BYTES))
                found.append((item.sha256, codes))
            except (LedgerError, FingerprintError):
                unread += 1
    return Learned(tuple(found), unread)


def measure(codes: Fingerprint, known: Learned) -> Measure:
    """How much of any of these recordings music with these codes repeats."""
    from gen.originality import longest_repeat

    repeat = longest_repeat(codes, (theirs for _, theirs in known.recordings))
    count = len(known.recordings)
    if repeat is None:
        return Measure(0.0, None, count, known.unread)
    return Measure(repeat.seconds, known.recordings[repeat.recording][0], count, known.unread)
