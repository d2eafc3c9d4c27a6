"""What TensorBoard shows of a run: losses, speed, judgements, spectrograms and sounds."""

import math
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from gen.config import RATE
from gen.errors import ConfigError
from gen.training.phase import Phase

EVERY = 10
"""Steps between two points of a curve."""


class Board:
    """Writes event files into a folder, which `tensorboard --logdir` reads."""

    def __init__(self, folder: Path) -> None:
        """Raises ConfigError where TensorBoard is not installed, OSError where the folder cannot be made."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ConfigError("board: needs TensorBoard; install it with: pip install 'stemmata[studio]'") from error
        folder.mkdir(parents=True, exist_ok=True)
        self.writer = SummaryWriter(str(folder))
        self.last: tuple[str, int, float] = ("", 0, math.nan)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.writer.close()

    def step(self, phase: Phase, done: int, loss: float, judged: float | None) -> None:
        """A point of each curve, every so many steps; what was judged, always."""
        if judged is not None:
            self.writer.add_scalar(f"{phase.name}/validation", judged, done)
        if done % EVERY and done < phase.steps:
            return
        now = time.monotonic()
        name, before, since = self.last
        if name == phase.name:
            self.writer.add_scalar(f"{phase.name}/steps_per_second", (done - before) / max(now - since, 1e-9), done)
        self.last = phase.name, done, now
        self.writer.add_scalar(f"{phase.name}/loss", loss, done)
        for name, value in phase.metrics.items():
            self.writer.add_scalar(name.replace("_", "/", 1), value, done)
        for name, optimiser in phase.optimisers.items():
            self.writer.add_scalar(f"{phase.name}/rate_{name}", optimiser.param_groups[0]["lr"], done)

    def examples(self, phase: Phase, done: int) -> None:
        """What the phase shows of its model, as pictures and sounds."""
        found = phase.show()
        for name, frames in found.spectrograms.items():
            self.writer.add_image(f"{phase.name}/{name}", picture(frames), done)
        for name, samples in found.sounds.items():
            heard = samples.detach().float().cpu().clamp(-1, 1)
            self.writer.add_audio(f"{phase.name}/{name}", heard[None], done, sample_rate=RATE)
        self.writer.flush()


def picture(frames: Tensor) -> Tensor:
    """Log-mel frames (bands, T) as a grey picture (1, bands, T) between 0 and 1, low bands at the bottom."""
    seen = frames.detach().float().cpu().flip(0)
    lowest, highest = seen.min(), seen.max()
    return ((seen - lowest) / (highest - lowest).clamp_min(1e-6))[None].to(torch.float32)
