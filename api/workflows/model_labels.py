"""Which labels a model can be asked for, dataset by dataset: numbers, and names where they are this home's own.

A dataset's record gives its labels numbers; training moved those of each dataset behind those of the one before, so
that no two share one (:func:`gen.labels.joined`). People say the dataset's own, which its record shows; a claim has
those of the model.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from api.errors import UsageError
from api.home import Home, Ledger
from ledger.records import LABELS, DatasetRecord, DatasetUse, TrainingRunRecord


class Asked(NamedTuple):
    """A label by the number that it has in a dataset; None where the model has one dataset and no other is meant."""

    dataset: int | None
    field: str
    number: int


@dataclass(frozen=True, slots=True)
class DatasetLabels:
    """The labels that a model knows of one of its datasets.

    ``fields``: of each field that the model heard, the names of the labels 1, 2, ... there, None where this home does
    not know one. None where the dataset's record is not in this home.
    """

    dataset: int
    fields: Mapping[str, tuple[str | None, ...]] | None


def known(home: Home, ledger: Ledger, model_id: int) -> tuple[DatasetLabels, ...]:
    """Of each of the model's datasets, in the order of its record; names only with a passphrase among the settings.

    Raises ``NotFound`` for no such model, and ``BlockMissing`` where its record is not in this home.
    """
    from ledger.errors import BlockMissing

    run = _run(ledger, model_id)
    found = []
    for use in run.datasets:
        fields = None
        with contextlib.suppress(BlockMissing):
            record = _record(ledger, use)
            names = _names(home, record)
            heard = ((name, count) for name, count in zip(LABELS, highest(record), strict=True) if _heard(run, name))
            fields = {
                name: tuple(names.get((name, number)) for number in range(1, count + 1))
                for name, count in heard
                if count
            }
        found.append(DatasetLabels(use.id, fields))
    return tuple(found)


def moved(
    ledger: Ledger,
    model_id: int,
    asked: Iterable[Asked],
    counted: Callable[[Ledger, int], tuple[int, ...]] | None = None,
) -> tuple[int, ...]:
    """What a claim says of labels: of each of ``LABELS`` the model's number, 0 for what is not asked for.

    ``counted`` says the highest number of each in a dataset, by its record if left out.
    Raises :class:`UsageError` for what the model does not know, for a field asked for twice, and where a dataset's
    record, which says how many labels it has, is not in this home.
    """
    from gen.labels import joined
    from ledger.errors import BlockMissing

    run = _run(ledger, model_id)
    ids = [use.id for use in run.datasets]
    counts: list[tuple[int, ...]] = []
    for use in run.datasets:
        try:
            counts.append(counted(ledger, use.id) if counted else highest(_record(ledger, use)))
        except BlockMissing:
            raise UsageError(
                f"--label: the record of dataset {use.id} is not in this home, and says which labels there are; fetch "
                f"it with stemmata content pull dataset {use.id}"
            ) from None
    offsets, _ = joined(counts)
    found = dict.fromkeys(LABELS, 0)
    for one in asked:
        place = _place(ids, one, model_id)
        field = LABELS.index(one.field)
        count = counts[place][field] if _heard(run, one.field) else 0
        if not 1 <= one.number <= count:
            there = f"knows 1 to {count}" if count else "knows none"
            raise UsageError(
                f"--label {one.field}={one.number}: model {model_id} {there} of dataset {ids[place]}; stemmata model "
                f"show {model_id} lists all"
            )
        if found[one.field]:
            raise UsageError(f"--label {one.field}: asked for twice; a track has one label of a kind")
        found[one.field] = offsets[place][field] + one.number
    return tuple(found.values())


def highest(record: DatasetRecord) -> tuple[int, ...]:
    """The highest number of each of ``LABELS`` in a dataset; they count from 1 without a gap."""
    labels = [item.labels for item in record.recordings if item.labels]
    return tuple(max((own[field] for own in labels), default=0) for field in range(len(LABELS)))


def _place(ids: Sequence[int], asked: Asked, model_id: int) -> int:
    if asked.dataset is None and len(ids) == 1:
        return 0
    if asked.dataset in ids:
        return ids.index(asked.dataset)
    datasets = ", ".join(map(str, ids))
    said = f"{asked.field}={asked.number}"
    if asked.dataset is None:
        raise UsageError(
            f"--label {said}: model {model_id} learnt from the datasets {datasets}; say which, such as {ids[0]}:{said}"
        )
    raise UsageError(f"--label {asked.dataset}:{said}: model {model_id} learnt from {datasets} alone")


def _heard(run: TrainingRunRecord, field: str) -> bool:
    """Whether any of the windows that a model learnt from bore a label of this kind."""
    return f"labelled_{field}" in run.metrics


def _run(ledger: Ledger, model_id: int) -> TrainingRunRecord:
    from ledger.archive import fetch

    entry = ledger.contracts.model(model_id)
    return fetch(ledger.store, TrainingRunRecord, entry.cid, entry.record, entry.trainer)


def _record(ledger: Ledger, use: DatasetUse) -> DatasetRecord:
    from api.workflows import datasets

    return datasets.show(ledger, use.id)[1]


def _names(home: Home, record: DatasetRecord) -> dict[tuple[str, int], str]:
    """What this home's holder says today of the recordings that bear a number: "march", or "march / polka" since."""
    from api import private_names
    from api.errors import NamesForgotten
    from ledger.errors import DecryptionFailed, WrongPassphrase

    if home.settings.passphrase is None:
        return {}
    try:
        private = private_names.read(home, record.root)
    except (WrongPassphrase, NamesForgotten, DecryptionFailed):
        return {}
    said: dict[tuple[str, int], dict[str, None]] = {}
    for item in record.recordings:
        labels = private[item.sha256].labels if item.sha256 in private else {}
        for field, number in zip(LABELS, item.labels, strict=False):
            if number and field in labels:
                said.setdefault((field, number), {})[labels[field]] = None
    return {which: " / ".join(names) for which, names in said.items()}
