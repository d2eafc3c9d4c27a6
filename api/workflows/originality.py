"""Whether what a model made repeats a recording that the model learned from.

Fingerprints of the recordings are in the Dataset records' care, in clear, so that a creator compares without their
sound. What the comparisons find and do not find is in :mod:`gen.originality`, of the very sound, and in
:mod:`gen.paraphrase`, of the music in it. A recording that was registered before fingerprints had its harmony is
compared by its sound alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.home import Ledger
from ledger.digest import Digest
from ledger.errors import LedgerError

if TYPE_CHECKING:
    from gen.fingerprint import Fingerprint
    from gen.paraphrase import Paraphrase
    from ledger.records import TrainingRunRecord

MOST_FINGERPRINT_BYTES = 1 << 20
"""Five hours of codes and harmony, or nine of codes, in one recording."""


@dataclass(frozen=True, slots=True)
class Learned:
    """The recordings that a model learned from: digest and fingerprint of each; and how many could not be read."""

    recordings: tuple[tuple[Digest, Fingerprint], ...]
    unread: int


@dataclass(frozen=True, slots=True)
class Measure:
    """How much of a training recording some music repeats: seconds, and of which (by the digest of its file).

    ``paraphrase``: the same of what it plays in whatever key, tempo and sound, ``paraphrased`` of which; ``harmonies``:
    how many of the recordings that were compared could be for that.
    """

    longest: float
    recording: Digest | None
    compared: int
    unread: int
    paraphrase: Paraphrase | None = None
    paraphrased: Digest | None = None
    harmonies: int = 0

    @property
    def most(self) -> tuple[float, Digest | None]:
        """The longer one of both, and of which recording."""
        if self.paraphrase is not None and self.paraphrase.seconds > self.longest:
            return self.paraphrase.seconds, self.paraphrased
        return self.longest, self.recording

    def table(self, limit: float, attempt: int) -> dict[str, str | int]:
        """As the Track record has it: fractions and what may be negative as decimal texts."""
        table: dict[str, str | int] = {
            "limit": f"{limit:g}",
            "longest": f"{self.longest:.2f}",
            "compared": self.compared,
            "harmonies": self.harmonies,
            "unread": self.unread,
            "refused": attempt,
        }
        if self.recording is not None:
            table["recording"] = str(self.recording)
        if self.paraphrase is not None:
            table |= {
                "likeness": f"{self.paraphrase.likeness:.3f}",
                "likenessSeconds": f"{self.paraphrase.seconds:.1f}",
                "likenessSemitones": f"{self.paraphrase.semitones}",
                "likenessTempo": f"{self.paraphrase.tempo:g}",
                "likenessRecording": str(self.paraphrased),
            }
        return table


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


def measure(made: Fingerprint, known: Learned) -> Measure:
    """How much of any of these recordings music with this fingerprint repeats."""
    from gen.originality import longest_repeat
    from gen.paraphrase import nearest

    repeat = longest_repeat(made, (theirs for _, theirs in known.recordings))
    heard = [(digest, theirs.harmony) for digest, theirs in known.recordings if theirs.harmony is not None]
    likest = None if made.harmony is None else nearest(made.harmony, (harmony for _, harmony in heard))
    return Measure(
        longest=0.0 if repeat is None else repeat.seconds,
        recording=None if repeat is None else known.recordings[repeat.recording][0],
        compared=len(known.recordings),
        unread=known.unread,
        paraphrase=likest,
        paraphrased=None if likest is None else heard[likest.recording][0],
        harmonies=len(heard),
    )
