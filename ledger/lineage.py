"""The tree behind a track: its model, the model's datasets, the licenses between them; each entry with its record.

A record is ``None`` where it could not be read or did not verify; the findings say why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.contracts import DatasetEntry, LicenseEntry, ModelEntry, TrackEntry
    from ledger.records import DatasetRecord, LicenseRecord, TrackRecord, TrainingRunRecord


@dataclass(frozen=True, slots=True)
class DatasetNode:
    """A dataset, its usage share in the model (ppm), and the license under which the trainer used it, if one was."""

    entry: DatasetEntry
    record: DatasetRecord | None
    share_ppm: int
    license: LicenseEntry | None
    license_record: LicenseRecord | None


@dataclass(frozen=True, slots=True)
class ModelNode:
    """A model and the datasets it was trained on."""

    entry: ModelEntry
    record: TrainingRunRecord | None
    datasets: tuple[DatasetNode, ...]


@dataclass(frozen=True, slots=True)
class TrackNode:
    """A track and the model that made it."""

    entry: TrackEntry
    record: TrackRecord | None
    model: ModelNode
