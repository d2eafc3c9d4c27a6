"""What lists and early checks tell of datasets, in brief, from records that strangers wrote and that never change.

A record may have 64 MiB and take a process many seconds to read, in which it answers nobody. So records are read one at
a time, of each request no more than 4 MiB of them, and what they come to is remembered.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, TypeVar

from api.errors import TooMany
from api.service.turns import Turns
from ledger.archive import open_bytes
from ledger.cid import Cid
from ledger.errors import Invalid, Malformed, Unverifiable
from ledger.records import DatasetRecord

if TYPE_CHECKING:
    from api.home import Ledger
    from ledger.address import Address
    from ledger.contracts import DatasetEntry
    from ledger.digest import Digest

Key = TypeVar("Key")
Value = TypeVar("Value")

LARGEST: Final = 4 * 2**20
"""Bytes of records that are read for one request: room for a dataset of about 4,500 recordings."""
MOST: Final = 4096
"""So many datasets are remembered, and so many records that are none."""
KEPT: Final = 60.0
"""Seconds for which a record that could not be read is not read again: the store's copy may be mended."""
_PATIENCE: Final = 2.0


@dataclass(frozen=True, slots=True)
class Summary:
    """A dataset's record without its recordings.

    asset: under which their key is kept. recordings: how many there are. seconds: of audio. milliseconds: by
    :func:`api.workflows.run.length`. labels: by :func:`api.workflows.model_labels.highest`.
    """

    title: str
    asset: str
    recordings: int
    seconds: float
    milliseconds: int
    labels: tuple[int, ...]

    @classmethod
    def of(cls, record: DatasetRecord) -> Self:
        """That of a record."""
        from api.workflows import model_labels, run

        seconds = sum(item.frames / item.rate for item in record.recordings)
        labels = model_labels.highest(record)
        return cls(record.title, record.asset, len(record.recordings), seconds, run.length(record), labels)


class Summaries:
    """Remembers them. Threads share it. ``clock`` counts seconds; ``patience``: for which a thread waits for others."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, patience: float = _PATIENCE) -> None:
        self._clock = clock
        self._turns = Turns("records of datasets read", patience)
        # By what says whether a record is read, and as which.
        self._known: OrderedDict[tuple[str, Digest, Address], Summary] = OrderedDict()
        self._wrong: OrderedDict[tuple[str, Digest, Address], float] = OrderedDict()

    def reading(self) -> Reading:
        """To be asked for one request."""
        return Reading(self)

    def look(self, ledger: Ledger, number: int, limit: int) -> tuple[Summary, int]:
        """A dataset's, and how many bytes were read for it: at most ``limit``, none where it is remembered.

        Raises as :func:`ledger.archive.fetch`, :class:`~ledger.errors.Unverifiable` for what is longer or was found
        wrong a moment ago, and :class:`~api.errors.TooMany` while others have records read.
        """
        entry = ledger.contracts.dataset(number)
        key = (entry.cid, entry.record, entry.holder)
        known = self._known.get(key)
        if known is not None:
            return known, 0
        if limit <= 0:
            raise Unverifiable(f"dataset {number}: its record is not read for this request, which had others read")
        with self._turns.take():
            known = self._known.get(key)
            if known is not None:
                return known, 0
            if self._clock() - self._wrong.get(key, -KEPT) < KEPT:
                raise Unverifiable(f"dataset {number}: its record was found wrong a moment ago")
            data = _signed(ledger, entry, limit)
            try:
                record, _ = open_bytes(data, DatasetRecord, entry.cid, entry.record, entry.holder)
                known = Summary.of(record)
            except (Invalid, Malformed):
                _keep(self._wrong, key, self._clock())
                raise
            _keep(self._known, key, known)
        return known, len(data)


class Reading:
    """Asked by one request, in one thread, which has no more than 4 MiB of records read."""

    def __init__(self, summaries: Summaries) -> None:
        self._summaries, self._left = summaries, LARGEST

    def of(self, ledger: Ledger, number: int) -> Summary:
        """That of a dataset.

        Raises as :func:`ledger.archive.fetch`, and :class:`~ledger.errors.Unverifiable` where its record is not read
        for this request.
        """
        try:
            found, size = self._summaries.look(ledger, number, self._left)
        except TooMany as error:
            self._left = 0  # it waits no second time
            raise Unverifiable(str(error)) from None
        except (Invalid, Malformed):
            self._left = 0  # that may have taken as long as the longest one
            raise
        self._left -= size
        return found

    def known(self, ledger: Ledger, number: int) -> Summary | None:
        """The same; None where it is not to be had."""
        try:
            return self.of(ledger, number)
        except (Unverifiable, Invalid, Malformed):
            return None


def _signed(ledger: Ledger, entry: DatasetEntry, limit: int) -> bytes:
    """A signed record's bytes. Raises ``Unverifiable`` for more than ``limit`` of them, of which none are read."""
    try:
        return ledger.store.read_bytes(Cid.parse(entry.cid), limit)
    except Malformed as error:
        raise Unverifiable(f"dataset {entry.id}: its record is not read for this request: {error}") from None


def _keep(kept: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    """The oldest make room."""
    kept[key] = value
    while len(kept) > MOST:
        kept.popitem(last=False)
