"""The facts that are signed: Dataset, License, TrainingRun, Track and Key; in-toto Statements in canonical bytes."""

from __future__ import annotations

from ledger.errors import MalformedRecord
from ledger.records.checks import PREFERENCES, USES
from ledger.records.commitment import commitment
from ledger.records.content import ContentRef
from ledger.records.dataset import (
    LABELS,
    DatasetRecord,
    LabelledDatasetRecord,
    Omission,
    Recording,
    Terms,
    recordings_root,
)
from ledger.records.key import REASONS, KeyEvent, KeyRecord
from ledger.records.license import LicenseRecord
from ledger.records.statement import Record, statement_of
from ledger.records.time import parse_timestamp, timestamp
from ledger.records.track import Claim, Making, RepeatableTrackRecord, TrackRecord
from ledger.records.training_run import DatasetUse, Parent, Split, TrainingRunRecord

__all__ = [
    "LABELS",
    "PREFERENCES",
    "REASONS",
    "USES",
    "Claim",
    "ContentRef",
    "DatasetRecord",
    "DatasetUse",
    "KeyEvent",
    "KeyRecord",
    "LabelledDatasetRecord",
    "LicenseRecord",
    "Making",
    "Omission",
    "Parent",
    "Record",
    "Recording",
    "RepeatableTrackRecord",
    "Split",
    "Terms",
    "TrackRecord",
    "TrainingRunRecord",
    "commitment",
    "parse_timestamp",
    "read",
    "recordings_root",
    "timestamp",
]


def read(payload: bytes) -> DatasetRecord | LicenseRecord | TrainingRunRecord | TrackRecord | KeyRecord:
    """Read a record of any of the five kinds, by its predicate type.

    Raises :class:`~ledger.errors.MalformedRecord`, and :class:`~ledger.errors.Invalid` where a digest in the record
    does not follow from the rest of it.
    """
    found = statement_of(payload).get("predicateType")
    for kind in (
        DatasetRecord,
        LabelledDatasetRecord,
        LicenseRecord,
        TrainingRunRecord,
        TrackRecord,
        RepeatableTrackRecord,
        KeyRecord,
    ):
        if found == kind.PREDICATE_TYPE:
            return kind.from_payload(payload)
    raise MalformedRecord(f"predicateType: {found!r} is none that we know")
