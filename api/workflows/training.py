"""Train a model on licensed datasets and record the run.

A run's identity is what decides its outcome: the datasets' roots, the preset, the seed, the trainer and the code. The
same command again finds the finished run; one that was killed goes on at the step whose state was written last.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api import sealed_weights
from api.data_keys import get_or_new, of_weights
from api.errors import UsageError
from api.home import Home, Ledger
from api.run_folder import RunFolder
from api.toolchain import machine, packages
from api.workflows import sounds
from api.workflows.run import Run, licensed
from ledger import file
from ledger.digest import Digest

if TYPE_CHECKING:
    from gen.preset import Preset
    from gen.training.loop import Progress, TrainingResult
    from gen.training.team import Team
    from ledger.contracts import ModelEntry
    from ledger.keys import Signer
    from ledger.records import ContentRef


@dataclass(frozen=True, slots=True)
class Effort:
    """What a run may use; it decides how long it takes, not what it is.

    device: "cpu", "cuda" or "cuda:1", by default a GPU for each process if there are any. board: a folder for
    TensorBoard. save_seconds: how often the state is written that a killed run goes on from. team: instead of processes
    and device, what torchrun has begun; the first process trains, and the others :func:`follow`.
    """

    processes: int = 1
    device: str | None = None
    board: Path | None = None
    save_seconds: float = 60.0
    team: Team | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """The outcome of :func:`train`; ``sealed`` says that the weights are stored as ciphertext."""

    entry: ModelEntry
    metrics: dict[str, str]
    sealed: bool
    already: bool


def train(
    home: Home,
    dataset_ids: Sequence[int],
    *,
    preset: Preset,
    seed: int,
    signer: Signer,
    now: Callable[[], datetime],
    asking: Callable[[], datetime] | None = None,
    royalty_ppm: int = 0,
    seal: bool = False,
    progress: Callable[[Progress], None] | None = None,
    effort: Effort | None = None,
) -> Trained:
    """Train on every dataset named, keep the weights, and record the run on chain.

    The chain is asked for a license before anything is decrypted, and asked again by its own contract when the run is
    recorded. With ``seal`` the weights are kept as ciphertext alone, for the trainer and for whoever is licensed to
    generate with the model. What has been learnt lies in the run's folder, in clear, until the model is recorded, so
    that a run that was killed goes on; then it is overwritten. ``asking``: the time that requests for the keys of
    datasets bear, if not ``now``. Raises :class:`ledger.errors.LicenseMissing` naming the dataset, and
    :class:`UsageError` where a model that is to be sealed was recorded in clear before.
    """
    effort = effort or Effort()
    run, folder = licensed(home, dataset_ids, preset, seed, signer, royalty_ppm, seal)
    with home.changing(f"run-{run.identity}"):
        outcome = folder.outcome()
        already = outcome is not None and "model" in outcome
        if effort.team is not None:
            effort.team.agree(run.number if outcome is None else _NOTHING)
        if outcome is None:
            outcome = _learn(home, folder, run, signer, now, asking or now, progress, effort)
        if not already:
            outcome = _record(home, folder, run, outcome, signer)
        folder.clear()
        with home.ledger() as ledger:
            entry = ledger.contracts.model(outcome["model"])
            sealed = _is_sealed(ledger, entry)
    if seal and not sealed:
        raise UsageError(
            f"--seal: this run was recorded before, as model {entry.id}, with its weights in clear, and cannot be "
            "sealed any more; another --seed makes another model"
        )
    return Trained(entry, outcome["metrics"], sealed, already)


_NOTHING = -1.0
"""Said by the first of several processes instead of a run's number, where all is learnt already."""


def follow(
    home: Home,
    dataset_ids: Sequence[int],
    *,
    preset: Preset,
    seed: int,
    signer: Signer,
    now: Callable[[], datetime],
    team: Team,
) -> None:
    """Take a share of the training that another process leads (:func:`train`), and write nothing.

    Raises what :func:`train` does until something is learnt, and :class:`UsageError` where the leader does another run.
    """
    run, folder = licensed(home, dataset_ids, preset, seed, signer)
    number = team.agree(None)
    if number == _NOTHING:
        return
    if number != run.number:
        raise UsageError(
            f"process {team.rank} was asked for another run than the first one; datasets, preset, seed, key and the "
            "version of this package have to be the same everywhere"
        )
    _heard(home, folder, run, signer, now, None, Effort(team=team))


def described(step: Progress) -> str:
    """A phase in words and how it goes, with a tab between them, as :meth:`api.console.Console.progress` takes them."""
    words = {"listening": "hearing recordings", "windows": "cutting windows"}
    loss = "" if math.isnan(step.loss) else f"loss {step.loss:.3f}"
    speed = "" if math.isnan(step.speed) else f"{step.speed:.1f} steps/s"
    return f"{words.get(step.phase, f'training {step.phase}')}\t{', '.join(filter(None, (loss, speed)))}"


def _learn(
    home: Home,
    folder: RunFolder,
    run: Run,
    signer: Signer,
    now: Callable[[], datetime],
    asking: Callable[[], datetime],
    progress: Callable[[Progress], None] | None,
    effort: Effort,
) -> dict[str, Any]:
    """Train; the outcome is written beside the weights, last, so that a kill after it costs no second training."""
    from ledger.records import timestamp

    started = folder.begin(timestamp(now()))
    result = _heard(home, folder, run, signer, asking, progress, effort)
    digest = Digest.of_file(result.weights)
    outcome = {
        "weights": str(digest),
        "started": started,
        "finished": timestamp(now()),
        "devices": list(result.devices),
        "metrics": {name: f"{value:.6g}" for name, value in result.metrics.items()},
        "split": asdict(result.split),
    }
    folder.finish(outcome)
    return outcome


def _heard(
    home: Home,
    folder: RunFolder,
    run: Run,
    signer: Signer,
    now: Callable[[], datetime],
    progress: Callable[[Progress], None] | None,
    effort: Effort,
) -> TrainingResult:
    """Open the recordings and learn from them."""
    from gen.confined import ConfinedDecoder
    from gen.training.loop import Saving
    from gen.training.loop import train as learn

    with ConfinedDecoder() as decoder:  # somebody else made these files
        return learn(
            sounds.of_datasets(home, run.datasets, decoder, signer=signer, now=now),
            run.preset,
            run.seed,
            folder.weights,
            progress,
            saving=Saving(folder.state, effort.save_seconds),
            board=effort.board,
            processes=effort.processes,
            device=effort.device,
            team=effort.team,
        )


def _record(home: Home, folder: RunFolder, run: Run, outcome: dict[str, Any], signer: Signer) -> dict[str, Any]:
    """Store the weights, publish the TrainingRun record and put it on chain, once.

    Only what is recorded decides what becomes of the file: weights that are sealed go from the home, so that their
    ciphertext alone stays, and others come to lie among the models.
    """
    from ledger.archive import publish
    from ledger.errors import NotFound
    from ledger.records import DatasetUse, Split, TrainingRunRecord

    weights = Digest.parse(outcome["weights"])
    path = folder.weights
    uses = tuple(
        DatasetUse(entry.id, entry.record, entry.root, license_id, share)
        for (entry, _), license_id, share in zip(run.datasets, run.licenses, run.shares, strict=True)
    )
    with home.ledger() as ledger:
        entry = ledger.contracts.model_by_weights(weights)
        if entry is None or entry.trainer != signer.address:  # somebody else's model: the contract will say so
            if not path.exists():
                raise NotFound(f"{path} is gone, and was not recorded; delete {folder.path} and train again")
            record = TrainingRunRecord(
                weights=weights,
                sealed=run.seal,
                content=_stored(home, ledger, folder, outcome, run),
                weights_size=path.stat().st_size,
                trainer=signer.address,
                royalty_ppm=run.royalty_ppm,
                datasets=uses,
                parents=(),
                preset=run.preset.name,
                config=run.preset.flat(),
                seed=run.seed,
                code=run.code,
                packages=packages(),
                machine=machine(outcome.get("devices", ())),
                started=outcome["started"],
                finished=outcome["finished"],
                metrics=outcome["metrics"],
                split=Split(**outcome["split"]),
            )
            cid = publish(ledger.store, record, signer)
            home.introduce(ledger, signer)
            shares = [(use.id, use.share_ppm) for use in uses]
            entry = ledger.contracts.record_model(
                signer, weights, record.digest, str(cid), shares, royalty_ppm=run.royalty_ppm
            )
        sealed = _is_sealed(ledger, entry)
    with contextlib.suppress(FileNotFoundError):
        if sealed:
            file.shred(path)
        else:
            path.replace(home.folder("models") / f"{weights}.safetensors")
    outcome = {**outcome, "model": entry.id}
    folder.finish(outcome)
    return outcome


def _stored(home: Home, ledger: Ledger, folder: RunFolder, outcome: dict[str, Any], run: Run) -> ContentRef:
    """The weights in the store, as they are or as ciphertext.

    No ciphertext comes out twice the same. It is written down with the outcome, so that the record, which somebody may
    have been asked to sign, is the same when it is made again.
    """
    from ledger import hashing
    from ledger.errors import DigestMismatch
    from ledger.records import ContentRef
    from ledger.records.fields import read_object

    path, weights = folder.weights, Digest.parse(outcome["weights"])
    if not run.seal:
        content = hashing.keep(ledger.store, path)
        if content.sha256 != weights:
            raise DigestMismatch(f"{path} no longer holds what was trained; delete {path.parent} and train again")
        return content
    if "sealed" in outcome:
        content = read_object("sealed", outcome["sealed"], ContentRef.read)
        if ledger.store.has(content.cid):
            return content
    key = get_or_new(home.vault(), of_weights(weights, run.trainer))
    content = sealed_weights.keep(ledger.store, path, weights, key, home.folder("tmp"))
    folder.finish({**outcome, "sealed": content.to_json()})
    return content


def _is_sealed(ledger: Ledger, entry: ModelEntry) -> bool:
    from ledger.archive import fetch
    from ledger.records import TrainingRunRecord

    return fetch(ledger.store, TrainingRunRecord, entry.cid, entry.record, entry.trainer).sealed
