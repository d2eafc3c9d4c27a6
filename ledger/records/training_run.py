"""The TrainingRun record: which datasets and parent models made which weights, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from ledger.address import Address
from ledger.digest import Digest
from ledger.errors import DigestMismatch, MalformedRecord
from ledger.records import checks
from ledger.records.content import ContentRef
from ledger.records.fields import Fields
from ledger.records.statement import Record


@dataclass(frozen=True)
class DatasetUse:
    """A dataset that a model was trained on."""

    id: int
    """Its token, from 1."""
    record: Digest
    root: Digest
    license_id: int
    """The license under which it was used; 0 where the trainer owns the dataset and needs none."""
    share_ppm: int
    """Its share of the training, in parts per million."""

    def __post_init__(self) -> None:
        checks.integer("id", self.id, 1)
        checks.kept("record", self.record, Digest)
        checks.kept("root", self.root, Digest)
        checks.integer("licenseId", self.license_id, 0)
        checks.part("sharePpm", self.share_ppm)

    def to_json(self) -> dict[str, Any]:
        """As in the record."""
        return {
            "id": self.id,
            "record": str(self.record),
            "root": str(self.root),
            "licenseId": self.license_id,
            "sharePpm": self.share_ppm,
        }

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Raises :class:`~ledger.errors.MalformedRecord`."""
        return cls(
            id=fields.integer("id"),
            record=fields.digest("record"),
            root=fields.digest("root"),
            license_id=fields.integer("licenseId"),
            share_ppm=fields.integer("sharePpm"),
        )


@dataclass(frozen=True)
class Parent:
    """A model that the training began from."""

    id: int
    """Its token, from 1."""
    record: Digest
    """The digest of its own TrainingRun record."""
    license_id: int
    """The license under which it was used; 0 where the trainer owns the model and needs none."""

    def __post_init__(self) -> None:
        checks.integer("id", self.id, 1)
        checks.kept("record", self.record, Digest)
        checks.integer("licenseId", self.license_id, 0)

    def to_json(self) -> dict[str, Any]:
        """As in the record."""
        return {"id": self.id, "record": str(self.record), "licenseId": self.license_id}

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Raises :class:`~ledger.errors.MalformedRecord`."""
        return cls(id=fields.integer("id"), record=fields.digest("record"), license_id=fields.integer("licenseId"))


@dataclass(frozen=True)
class Split:
    """How many windows of the recordings were trained on, validated on, and tested on."""

    train: int
    validation: int
    test: int
    by_time: int = 0
    """Recordings of datasets with too few works to set whole ones aside: each is divided by time."""
    left_out: int = 0
    """Recordings that were not used since they are another one's take, and would have been divided by time."""

    def __post_init__(self) -> None:
        checks.integer("train", self.train, 1)
        checks.integer("validation", self.validation, 0)
        checks.integer("test", self.test, 0)
        checks.integer("byTime", self.by_time, 0)
        checks.integer("leftOut", self.left_out, 0)

    def to_json(self) -> dict[str, Any]:
        """As in the record."""
        return {
            "train": self.train,
            "validation": self.validation,
            "test": self.test,
            "byTime": self.by_time,
            "leftOut": self.left_out,
        }

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Raises :class:`~ledger.errors.MalformedRecord`."""
        return cls(
            train=fields.integer("train"),
            validation=fields.integer("validation"),
            test=fields.integer("test"),
            by_time=fields.integer("byTime"),
            left_out=fields.integer("leftOut"),
        )


@dataclass(frozen=True)
class TrainingRunRecord(Record):
    """A trainer made weights from datasets, from models, or both.

    Datasets and parents are named once each, in ascending order, as the contract demands. The order of the datasets is
    the order of the model's styles.
    """

    PREDICATE_TYPE: ClassVar[str] = "urn:stemmata:training-run:v1"
    SUBJECTS: ClassVar[tuple[tuple[str, ...], ...]] = (("weights",),)

    weights: Digest
    """Of the safetensors file."""
    sealed: bool
    """Whether the file is stored as ciphertext, which opens for who is licensed to generate with the model."""
    content: ContentRef
    """The same file in the store, or its ciphertext with ``weights:`` and its digest as associated data."""
    weights_size: int
    """Bytes of the file."""
    trainer: Address
    royalty_ppm: int
    """Part of a track's income that the model's holder asks, in parts per million."""
    datasets: tuple[DatasetUse, ...]
    """At least one, unless there are parents."""
    parents: tuple[Parent, ...]
    """The models that the training began from, if any."""
    preset: str
    config: Mapping[str, str | int | bool] = field(hash=False)
    """Flat; fractions as decimal texts."""
    seed: int
    """0 to 2**53 - 1."""
    code: Digest
    """Of the source that trained."""
    packages: Mapping[str, str] = field(hash=False)
    """Versions by name."""
    machine: str
    """Its class, such as the processor's model: enough to know where the run repeats bit for bit."""
    started: str
    finished: str
    metrics: Mapping[str, str] = field(hash=False)
    """Finite decimal numbers, as texts."""
    split: Split

    def __post_init__(self) -> None:
        """Raises ``MalformedRecord``."""
        checks.kept("weights", self.weights, Digest)
        checks.kept("content", self.content, ContentRef)
        checks.flag("sealed", self.sealed)
        if self.sealed and self.content.sha256 == self.weights:
            raise MalformedRecord("sealed: the weights themselves lie under the CID, and not their ciphertext")
        if not self.sealed and self.content.sha256 != self.weights:
            raise DigestMismatch(f"content: the weights are {self.weights}, under the CID lies {self.content.sha256}")
        checks.integer("weightsSize", self.weights_size, 1)
        checks.kept("trainer", self.trainer, Address)
        checks.part("royaltyPpm", self.royalty_ppm)
        checks.entries("parents", self.parents, Parent, least=0, most=checks.MOST_ENTRIES)
        checks.ascending("parents", [parent.id for parent in self.parents])
        least = 0 if self.parents else 1
        checks.entries("datasets", self.datasets, DatasetUse, least=least, most=checks.MOST_ENTRIES)
        checks.ascending("datasets", [use.id for use in self.datasets])
        if self.datasets:
            checks.shares("datasets.sharePpm", tuple(use.share_ppm for use in self.datasets))
        checks.text("preset", self.preset)
        checks.integer("seed", self.seed, 0)
        checks.kept("code", self.code, Digest)
        checks.text("machine", self.machine)
        checks.time("started", self.started)
        checks.time("finished", self.finished)
        checks.order("finished", self.finished, self.started, "started")
        checks.kept("split", self.split, Split)
        # A frozen record holds frozen tables: copies that the caller cannot change afterwards.
        object.__setattr__(self, "config", checks.table("config", self.config, (str, int, bool)))
        object.__setattr__(self, "packages", checks.table("packages", self.packages, (str,)))
        object.__setattr__(self, "metrics", checks.numbers("metrics", self.metrics))

    def subjects(self) -> Mapping[str, Digest]:
        """The weights file."""
        return {"weights": self.weights}

    def predicate(self) -> dict[str, Any]:
        """As in the record."""
        return {
            "sealed": self.sealed,
            "content": self.content.to_json(),
            "weightsSize": self.weights_size,
            "trainer": str(self.trainer),
            "royaltyPpm": self.royalty_ppm,
            "datasets": [use.to_json() for use in self.datasets],
            "parents": [parent.to_json() for parent in self.parents],
            "preset": self.preset,
            "config": dict(self.config),
            "seed": self.seed,
            "code": str(self.code),
            "packages": dict(self.packages),
            "machine": self.machine,
            "started": self.started,
            "finished": self.finished,
            "metrics": dict(self.metrics),
            "split": self.split.to_json(),
        }

    @classmethod
    def read(cls, subjects: Mapping[str, Digest], predicate: Fields) -> Self:
        """Raises ``MalformedRecord``."""
        return cls(
            weights=subjects["weights"],
            sealed=predicate.flag("sealed"),
            content=predicate.object("content", ContentRef.read),
            weights_size=predicate.integer("weightsSize"),
            trainer=predicate.address("trainer"),
            royalty_ppm=predicate.integer("royaltyPpm"),
            datasets=predicate.objects("datasets", DatasetUse.read),
            parents=predicate.objects("parents", Parent.read),
            preset=predicate.text("preset"),
            config=predicate.table("config"),
            seed=predicate.integer("seed"),
            code=predicate.digest("code"),
            packages=predicate.table("packages"),
            machine=predicate.text("machine"),
            started=predicate.text("started"),
            finished=predicate.text("finished"),
            metrics=predicate.table("metrics"),
            split=predicate.object("split", Split.read),
        )
