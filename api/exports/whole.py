"""A lineage of which every record is there and holds: what the formats are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.errors import NotWhole

if TYPE_CHECKING:
    from ledger.contracts import DatasetEntry, LicenseEntry, ModelEntry, TrackEntry
    from ledger.lineage import DatasetNode, ModelNode, TrackNode
    from ledger.records import DatasetRecord, TrackRecord, TrainingRunRecord


@dataclass(frozen=True, slots=True)
class WholeDataset:
    """A dataset; within a model with its share in the training (ppm), and the license if one was needed."""

    entry: DatasetEntry
    record: DatasetRecord
    share_ppm: int = 0
    license: LicenseEntry | None = None

    @property
    def seconds(self) -> float:
        """Length of all recordings."""
        return sum(item.frames / item.rate for item in self.record.recordings)


@dataclass(frozen=True, slots=True)
class WholeModel:
    """A model and its datasets, in the order of its styles."""

    entry: ModelEntry
    record: TrainingRunRecord
    datasets: tuple[WholeDataset, ...]


@dataclass(frozen=True, slots=True)
class WholeTrack:
    """A track and its model."""

    entry: TrackEntry
    record: TrackRecord
    model: WholeModel


Whole = WholeDataset | WholeModel | WholeTrack


def whole_dataset(node: DatasetNode) -> WholeDataset:
    """Raises :class:`NotWhole` where the record is missing."""
    if node.record is None:
        raise NotWhole(f"dataset {node.entry.id}: its record is not here, or does not hold")
    return WholeDataset(node.entry, node.record, node.share_ppm, node.license)


def whole_model(node: ModelNode) -> WholeModel:
    """Raises :class:`NotWhole` where a record is missing."""
    if node.record is None:
        raise NotWhole(f"model {node.entry.id}: its record is not here, or does not hold")
    return WholeModel(node.entry, node.record, tuple(whole_dataset(each) for each in node.datasets))


def whole_track(node: TrackNode) -> WholeTrack:
    """Raises :class:`NotWhole` where a record is missing."""
    if node.record is None:
        raise NotWhole(f"track {node.entry.claim}: its record is not here, or does not hold")
    return WholeTrack(node.entry, node.record, whole_model(node.model))
