"""A training run, as what decides its outcome, and the licenses under which it may happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.amounts import percent_from_ppm
from api.errors import UsageError
from api.home import Home, Ledger
from api.run_folder import RunFolder
from api.toolchain import code_digest
from api.workflows import datasets as dataset_workflow
from api.workflows.shares import shares_ppm
from ledger.digest import Digest

if TYPE_CHECKING:
    from gen.preset import Preset
    from ledger.address import Address
    from ledger.contracts import DatasetEntry
    from ledger.keys import Signer
    from ledger.records import DatasetRecord


_WHOLE = 1_000_000


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
    def shares(self) -> tuple[int, ...]:
        """Each dataset's part of the audio, in parts per million; each has one."""
        return shares_ppm([length(record) for _, record in self.datasets], least=1)

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

    Raises as :func:`chosen`.
    """
    with home.acting(signer.address) as ledger:
        found, licenses = chosen(ledger, dataset_ids, signer.address, royalty_ppm)
    run = Run(signer.address, preset, seed, code_digest(), found, licenses, royalty_ppm, seal)
    return run, RunFolder(home.folder("runs") / str(run.identity))


def chosen(
    ledger: Ledger, dataset_ids: Sequence[int], trainer: Address, royalty_ppm: int = 0
) -> tuple[tuple[tuple[DatasetEntry, DatasetRecord], ...], tuple[int, ...]]:
    """What somebody may train on, in ascending order, each with its record, and the licenses that say so.

    What the contract would refuse when the run is recorded is refused before anything is learnt.

    Raises:
        LicenseMissing: no valid license to train on a dataset, which is named.
        UsageError: the model's holder and those of the datasets ask for more than the whole income of a track.
    """
    entries, licenses = entitled(ledger, dataset_ids, trainer)
    found = tuple(dataset_workflow.show(ledger, entry.id) for entry in entries)
    require_room(ledger, entries, [length(record) for _, record in found], trainer, royalty_ppm)
    return found, licenses


def entitled(
    ledger: Ledger, dataset_ids: Sequence[int], trainer: Address
) -> tuple[tuple[DatasetEntry, ...], tuple[int, ...]]:
    """As :func:`chosen`, without records. Raises ``LicenseMissing``."""
    entries = tuple(ledger.contracts.dataset(dataset_id) for dataset_id in sorted(set(dataset_ids)))
    return entries, _require_licenses(ledger, entries, trainer)


def length(record: DatasetRecord) -> int:
    """Milliseconds of audio, each recording's rounded down."""
    return sum(item.frames * 1000 // item.rate for item in record.recordings)


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


def require_room(
    ledger: Ledger, entries: Sequence[DatasetEntry], lengths: Sequence[int], trainer: Address, royalty_ppm: int
) -> None:
    """Raise :class:`UsageError` where more is owed than there is, added up as ``contracts/Models.sol`` does it.

    ``lengths``: of each dataset, by :func:`length`.
    """
    owed = 0
    for entry, share in zip(entries, shares_ppm(lengths, least=1), strict=True):
        owed += -(-share * _agreed(ledger, entry, trainer) // _WHOLE)
    if royalty_ppm + owed > _WHOLE:
        raise UsageError(
            f"royalty: holders of the datasets get {percent_from_ppm(owed)} % of a track's income, so that at most "
            f"{percent_from_ppm(_WHOLE - owed)} % are left for the model's"
        )


def _agreed(ledger: Ledger, entry: DatasetEntry, trainer: Address) -> int:
    """Part of later income that a dataset's holder is owed, in parts per million (``Licenses.royaltiesOf``)."""
    end = ledger.contracts.licensed_until("dataset", entry.id, trainer, "train")
    if end is not None and end < ledger.chain.timestamp(ledger.chain.block_number):
        return entry.terms.royalty_ppm
    return ledger.contracts.agreed_royalty(entry.id, trainer)
