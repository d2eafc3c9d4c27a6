"""A training run, as what decides its outcome, and the licenses under which it may happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.home import Home, Ledger
from api.run_folder import RunFolder
from api.toolchain import code_digest
from api.workflows import datasets as dataset_workflow
from ledger.digest import Digest

if TYPE_CHECKING:
    from gen.preset import Preset
    from ledger.address import Address
    from ledger.contracts import DatasetEntry
    from ledger.keys import Signer
    from ledger.records import DatasetRecord


@dataclass(frozen=True, slots=True)
class Run:
    """What decides a run's outcome, and under which licenses it happens (0 where the trainer owns the dataset).

    The royalty that the model's holder will ask is fixed when the run is recorded, and does not change the weights.
    """

    trainer: Address
    preset: Preset
    seed: int
    code: Digest
    datasets: tuple[tuple[DatasetEntry, DatasetRecord], ...]
    licenses: tuple[int, ...]
    royalty_ppm: int
    seal: bool

    @property
    def identity(self) -> Digest:
        """Equal for equal runs; licenses, which may be renewed, the royalty and the seal are left out."""
        from ledger.canonical import encode

        return Digest.of(
            encode(
                {
                    "code": str(self.code),
                    "config": self.preset.flat(),
                    "preset": self.preset.name,
                    "roots": [str(entry.root) for entry, _ in self.datasets],
                    "seed": self.seed,
                    "trainer": str(self.trainer),
                }
            )
        )

    @property
    def number(self) -> float:
        """The first 48 bits of it, which a float holds."""
        return float(int.from_bytes(self.identity.raw[:6]))


def licensed(
    home: Home,
    dataset_ids: Sequence[int],
    preset: Preset,
    seed: int,
    signer: Signer,
    royalty_ppm: int = 0,
    seal: bool = False,
) -> tuple[Run, RunFolder]:
    """What is asked for, after the chain was asked for a license for each dataset; and the folder where it is done.

    Raises :class:`ledger.errors.LicenseMissing` naming the dataset.
    """
    with home.acting(signer.address) as ledger:
        chosen = tuple(dataset_workflow.show(ledger, dataset_id) for dataset_id in sorted(set(dataset_ids)))
        licenses = _require_licenses(ledger, [entry for entry, _ in chosen], signer.address)
    run = Run(signer.address, preset, seed, code_digest(), chosen, licenses, royalty_ppm, seal)
    return run, RunFolder(home.folder("runs") / str(run.identity))


def _require_licenses(ledger: Ledger, entries: Sequence[DatasetEntry], trainer: Address) -> tuple[int, ...]:
    """The id of a valid training license per dataset; 0 where the trainer owns the dataset."""
    from api.workflows.licenses import held_license
    from ledger.errors import LicenseMissing

    found = []
    for entry in entries:
        if entry.owner == trainer:
            found.append(0)
            continue
        license_entry = held_license(ledger, "dataset", entry.id, trainer, "train")
        if license_entry is None:
            raise LicenseMissing(
                f"dataset {entry.id}, use train: {trainer} holds no valid license; "
                f"buy one with: stemmata license buy {entry.id} --use train --key NAME"
            )
        found.append(license_entry.id)
    return tuple(found)
