"""Training from recordings to one weights file: phase after phase, and on again from where a run was killed."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from gen.errors import TrainingDiverged
from gen.preset import Preset
from gen.repeatable import repeatable
from gen.training.board import Board
from gen.training.checkpoint import Checkpoint, save_checkpoint
from gen.training.generator import GeneratorTraining
from gen.training.latent import LatentTraining
from gen.training.material import Material, Split, StyleCorpus, gather
from gen.training.phase import MODEL, Phase
from gen.training.processes import devices_for, start, together
from gen.training.state import RunState, Saving
from gen.training.team import Team
from gen.training.vocoder import VocoderTraining

__all__ = ["Progress", "Saving", "Split", "StyleCorpus", "TrainingResult", "train"]

_SPEED_OVER = 20
_ASIDE = 64
"""Windows that are judged by, at most: judging takes time from learning."""


@dataclass(frozen=True)
class Progress:
    """Where a run is: `step` of `steps` of the phase are done: of "listening" and "windows", which prepare recordings,
    then of "latent", "generator" and "vocoder".

    loss: of the last step; NaN while nothing is learnt yet. eta_seconds: an estimate for the whole run; NaN then, and
    at the first steps, as is speed, in steps a second.
    """

    step: int
    steps: int
    phase: str
    loss: float
    eta_seconds: float
    speed: float = math.nan


@dataclass(frozen=True)
class TrainingResult:
    """What a run gave: the weights file; figures by name (losses over the last steps, and on music set aside).

    split: windows used. seconds: wall-clock time since it last began or went on. devices: all that took steps.
    """

    weights: Path
    metrics: dict[str, float]
    split: Split
    seconds: float
    devices: tuple[str, ...] = ()


def train(
    styles: Sequence[StyleCorpus],
    preset: Preset,
    seed: int,
    out: Path,
    progress: Callable[[Progress], None] | None = None,
    *,
    saving: Saving | None = None,
    board: Path | None = None,
    processes: int = 1,
    device: str | None = None,
    team: Team | None = None,
) -> TrainingResult:
    """Train latent space, generator and vocoder on one or more styles, and write everything to one safetensors file.

    seed: 0 to 2**63 - 1. The same recordings, preset, seed and machine give the same file, bit for bit, however often
    the run was killed on the way. out is written whole at the very end. progress is called after every step; whatever
    it raises ends the run. saving: where the state lies that a run goes on from, and how often it is written; without
    it a run that is interrupted leaves nothing but what the caches hold. board: a folder for TensorBoard. processes and
    device: as in `processes.together`; on the CPU each process uses one thread. team: instead of these, for processes
    that others have begun; each of them calls this with the same arguments, and the first one writes.

    Raises NoRecordings (no styles, or one without recordings), ConfigError (two styles of one name, a bad seed, a GPU
    that does not start), TrainingDiverged naming phase, step and batch, StateError for a state that cannot be gone on
    from, TeamError for another process that failed, OSError when `out` cannot be written, and what reading a recording
    raises.
    """
    began = time.monotonic()
    devices = devices_for(processes, device) if team is None else [team.device]
    watch = _Watch(preset, progress)

    def learn(material: Material, team: Team) -> tuple[dict[str, float], tuple[str, ...]]:
        identity = {
            "preset": preset.to_dict(),
            "seed": seed,
            "split": asdict(material.split),
            "styles": list(material.styles),
        }
        with Board(board) if board is not None and team.leads else contextlib.nullcontext() as shown:
            run = _Run(
                dataclasses.replace(team, mixed=preset.training.mixed and team.device != "cpu"),
                None if saving is None else RunState(saving, identity),
                shown,
                watch if team.leads else _Watch(preset, None),
            )
            models, metrics = {}, {}
            for phase in _phases(material, preset, seed, run.team):
                try:
                    metrics |= run.through(phase)
                except TrainingDiverged as error:
                    raise TrainingDiverged(f"{error}{_named(error.windows, styles)}", error.windows) from error
                models[phase.name] = phase.networks[MODEL]
        if team.leads:
            save_checkpoint(Checkpoint(preset, material.styles, models["generator"], models["vocoder"]), out)
        team.wait()
        return dict(sorted(metrics.items())), tuple(run.devices)

    with repeatable(strict=devices[0] == "cpu"), torch.random.fork_rng(devices=[]):
        if team is None:
            if processes == 1:  # now, and not after all that is prepared; others are forked before they open theirs
                start(devices[0])
            material = gather(styles, preset, seed, watch.prepare)
            metrics, used = together(processes, lambda team: learn(material, team), device)
        else:
            if not team.leads:
                team.wait()  # what the first one has heard lies in the caches
            material = gather(styles, preset, seed, watch.prepare)
            if team.leads:
                team.wait()
            metrics, used = learn(material, team)
    return TrainingResult(out, metrics | material.figures, material.split, time.monotonic() - began, used)


def _phases(material: Material, preset: Preset, seed: int, team: Team) -> Iterator[Phase]:
    """Each is made when those before it have learnt."""
    excerpts = material.excerpts("train")
    aside = {name: material.excerpts(name, _ASIDE) for name in ("validation", "test")}
    styles = len(material.styles)
    latent = LatentTraining(excerpts, styles, preset, _random(seed, 3), aside, team)
    yield latent
    yield GeneratorTraining(excerpts, styles, preset, latent.model, _random(seed, 1), aside, team, material.label_sizes)
    yield VocoderTraining(excerpts, preset, _random(seed, 2), aside, team)


def _named(windows: Sequence[str], styles: Sequence[StyleCorpus]) -> str:
    """Where windows are from, by dataset and number; names of files are their holders' own."""
    places = {
        recording.digest.hex()[:12]: f"{style.name} recording {number}"
        for style in styles
        for number, recording in enumerate(style.recordings, 1)
    }
    pairs = (window.rpartition("-")[::2] for window in windows)
    found = [f"{places.get(recording, recording)} window {int(number) + 1}" for recording, number in pairs]
    return f"; it was learning from: {', '.join(found)}" if found else ""


def _random(seed: int, stream: int) -> torch.Generator:
    return torch.Generator().manual_seed((seed * 4 + stream) % (1 << 64))


class _Run:
    """What all phases of a run share."""

    def __init__(self, team: Team, state: RunState | None, board: Board | None, watch: "_Watch") -> None:
        self.team, self.state, self.board, self.watch = team, state, board, watch
        self.devices = [team.described()]

    def through(self, phase: Phase) -> dict[str, float]:
        """Let a phase learn what it has not learnt yet; returns its figures. Its model is on the CPU then."""
        done, figures = 0, None
        if self.state is not None:
            done, figures, devices = self.state.restore(phase)
            self.devices = [*devices, *(device for device in self.devices if device not in devices)]
            self.team.wait()  # nobody may write before all have read
        if figures is None:
            done = self._learn(phase, done)
            phase.finish()
            figures = phase.final()
            if self.board is not None and phase.steps:
                self.board.examples(phase, done)
            self._write(phase, done, figures)
        else:
            phase.finish()
        phase.networks[MODEL].to("cpu")
        return figures

    def _learn(self, phase: Phase, done: int) -> int:
        """All steps that are left; returns how many are done in all."""
        phase.begin(done)
        self.watch.begin()
        while done < phase.steps:
            loss = phase.advance(done)
            done += 1
            value, enough = self._judged(phase, done)
            if self.board is not None:
                self.board.step(phase, done, loss, value)
            if enough:
                self.watch.report(phase.name, done, done, loss)
                break
            if self.state is not None and done < phase.steps and self.team.leads and self.state.due(done):
                self._write(phase, done)
            self.watch.report(phase.name, done, phase.steps, loss)
        return done

    def _judged(self, phase: Phase, done: int) -> tuple[float | None, bool]:
        """How good it is, where that is asked now; and whether it has not become better for too long."""
        every, patience = phase.training.evaluate_every, phase.training.patience
        if every == 0 or (done % every and done < phase.steps):
            return None, False
        value = phase.evaluate()
        if self.board is not None:
            self.board.examples(phase, done)
        return value, value is not None and patience > 0 and done - phase.best_step >= patience * every

    def _write(self, phase: Phase, done: int, figures: dict[str, float] | None = None) -> None:
        if self.state is not None and self.team.leads:
            self.state.write(phase, done, tuple(self.devices), figures)


class _Watch:
    """Turns steps into Progress."""

    def __init__(self, preset: Preset, progress: Callable[[Progress], None] | None) -> None:
        latent = 0 if preset.latent.kind == "linear" else preset.latent.steps
        self.steps = {"latent": latent, "generator": preset.generator.steps, "vocoder": preset.vocoder.steps}
        self.progress = progress
        self.times: list[float] = []

    def prepare(self, phase: str, done: int, total: int) -> None:
        """A recording is done."""
        if self.progress is not None:
            self.progress(Progress(done, total, phase, math.nan, math.nan))

    def begin(self) -> None:
        """A phase begins, or goes on."""
        self.times = [time.monotonic()]

    def report(self, phase: str, step: int, steps: int, loss: float) -> None:
        """A step is done."""
        if self.progress is None:
            return
        self.times = [*self.times[-_SPEED_OVER:], time.monotonic()]
        taken = (self.times[-1] - self.times[0]) / (len(self.times) - 1)
        # A step of a later phase takes about as long as one of this.
        names = list(self.steps)
        later = sum(self.steps[name] for name in names[names.index(phase) + 1 :])
        self.progress(Progress(step, steps, phase, loss, taken * (steps - step + later), 1 / max(taken, 1e-9)))
