"""Training from recordings to one weights file."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from gen.errors import ConfigError, NoRecordings, TrainingDiverged
from gen.preset import Preset
from gen.repeatable import repeatable
from gen.training.checkpoint import Checkpoint, save_checkpoint
from gen.training.excerpts import Excerpts, Split, StyleCorpus, draw_excerpts
from gen.training.generator import GeneratorTraining
from gen.training.latent import LatentTraining
from gen.training.vocoder import VocoderTraining

__all__ = ["Progress", "Split", "StyleCorpus", "TrainingResult", "train"]


@dataclass(frozen=True)
class Progress:
    """Where a run is: `step` of `steps` of the phase ("generator" or "vocoder") are done.

    loss: of the last step. eta_seconds: an estimate for the whole run; NaN at the first steps.
    """

    step: int
    steps: int
    phase: str
    loss: float
    eta_seconds: float


@dataclass(frozen=True)
class TrainingResult:
    """What a run gave: the weights file; figures by name (losses over the last steps, and on music set aside).

    split: windows used. seconds: wall-clock time.
    """

    weights: Path
    metrics: dict[str, float]
    split: Split
    seconds: float


def train(
    styles: Sequence[StyleCorpus],
    preset: Preset,
    seed: int,
    out: Path,
    progress: Callable[[Progress], None] | None = None,
    alike: Sequence[tuple[int, int]] = (),
) -> TrainingResult:
    """Train generator and vocoder on one or more styles and write everything to one safetensors file.

    seed: 0 to 2**63 - 1. The same recordings, preset, seed and machine give the same file, bit for bit. out is written
    whole at the very end; a run that is interrupted leaves nothing. progress is called after every step; whatever it
    raises ends the run. alike: near-duplicates, as `draw_excerpts` has them. Runs on the CPU, on one thread.

    Raises NoRecordings (no styles, or one without recordings), ConfigError (two styles of one name, a bad seed),
    TrainingDiverged naming the step, OSError when `out` cannot be written, and what reading a recording raises.
    """
    began = time.monotonic()
    _check(styles, seed)
    with repeatable():
        excerpts = draw_excerpts(styles, preset, seed, alike)
        latent = LatentTraining(excerpts.train, len(styles), preset, _random(seed, 3))
        generator = GeneratorTraining(excerpts.train, len(styles), preset, latent.model, _random(seed, 1))
        steps = {"generator": preset.generator.steps, "vocoder": preset.vocoder.steps}
        watch = _Watch(steps, progress)
        generator.run(lambda step, loss: watch.report("generator", step, loss))
        vocoder = VocoderTraining(excerpts.train, preset, _random(seed, 2))
        vocoder.run(lambda step, loss: watch.report("vocoder", step, loss))
        metrics = {**generator.metrics, **vocoder.metrics, **_judged(generator, vocoder, excerpts)}
        names = tuple(style.name for style in styles)
        save_checkpoint(Checkpoint(preset, names, generator.model, vocoder.model), out)
    return TrainingResult(out, metrics, excerpts.split, time.monotonic() - began)


def _check(styles: Sequence[StyleCorpus], seed: int) -> None:
    if not styles:
        raise NoRecordings("styles: there are none; give at least one dataset")
    names = [style.name for style in styles]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"styles: {twice[0]!r} is there twice; give every dataset a name of its own")
    if not 0 <= seed < 1 << 63:
        raise ConfigError(f"seed: must be between 0 and 2**63 - 1, not {seed}")


def _random(seed: int, stream: int) -> torch.Generator:
    return torch.Generator().manual_seed((seed * 4 + stream) % (1 << 64))


def _judged(generator: GeneratorTraining, vocoder: VocoderTraining, excerpts: Excerpts) -> dict[str, float]:
    found = {}
    for name, aside in (("validation", excerpts.validation), ("test", excerpts.test)):
        surprise, distance = generator.judged_on(aside)
        found[f"{name}_foresight"], found[f"{name}_distance"] = surprise, distance
    found["validation_stft"] = vocoder.judged_on(excerpts.validation)
    return {name: value for name, value in found.items() if not math.isnan(value)}


class _Watch:
    """Turns steps into Progress, and stops a run whose loss is no number any more."""

    def __init__(self, steps: dict[str, int], progress: Callable[[Progress], None] | None) -> None:
        self.steps, self.progress = steps, progress
        self.began: dict[str, float] = {}

    def report(self, phase: str, step: int, loss: float) -> None:
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"{phase}: the loss is {loss} at step {step}; try another seed or a lower learning rate"
            )
        if self.progress is None:
            return
        now = time.monotonic()
        first = self.began.setdefault(phase, now)
        left = math.nan
        if step > 1:
            pace = (now - first) / (step - 1)
            # A step of the vocoder takes about as long as one of the generator.
            later = self.steps["vocoder"] if phase == "generator" else 0
            left = pace * (self.steps[phase] - step + later)
        self.progress(Progress(step, self.steps[phase], phase, loss, left))
