"""From a weights file, a seed and a style to music."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gen.chance import draw_chance
from gen.config import RATE
from gen.errors import ConfigError
from gen.models.backbone import Backbone
from gen.models.style import Style
from gen.models.vocoder import Vocoder
from gen.preset import Preset
from gen.repeatable import repeatable
from gen.sampling import Daring, free_run
from gen.training.checkpoint import load_checkpoint
from gen.waveform import Waveform

PEAK = 0.9
LOUDNESS = -18.0
"""RMS of what is rendered, in dB below full scale, unless its peaks would pass PEAK."""
LONGEST = 3600 * RATE
_FADE = 0.02
_RUN_IN = 8
"""Steps that the generator takes before the music begins."""
_CHUNK, _OVERLAP = 20.0, 0.25
"""Seconds of mel frames that are vocoded at a time, and the overlap of neighbours."""


@dataclass(frozen=True)
class GenerationRequest:
    """What to make.

    frames: samples per channel at 44.1 kHz, up to an hour. seed: 0 to 2**63 - 1. style: a weight for each dataset of
    the model, none negative, not all 0 (they are scaled to sum to 1); None asks for all alike. temperature: 0.05 to 5;
    1 is as daring as the music was, less repeats what is likeliest.
    """

    frames: int
    seed: int
    style: tuple[float, ...] | None = None
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.frames <= LONGEST:
            raise ConfigError(f"frames: must be between 1 and {LONGEST}, not {self.frames}")
        if not 0 <= self.seed < 1 << 63:
            raise ConfigError(f"seed: must be between 0 and 2**63 - 1, not {self.seed}")
        if not 0.05 <= self.temperature <= 5:
            raise ConfigError(f"temperature: must be between 0.05 and 5, not {self.temperature}")
        if self.style is not None and not (
            all(math.isfinite(weight) and weight >= 0 for weight in self.style) and sum(self.style) > 0
        ):
            raise ConfigError("style: weights must be finite and not negative, and one must be above 0")


@dataclass(frozen=True)
class Generated:
    """What was made: the waveform (mono, 44.1 kHz), and how attention was shared between the model's datasets.

    attention sums to 1. It says what conditioned the network step by step; it is no proof of whose notes were used.
    """

    waveform: Waveform
    attention: tuple[float, ...]


class Generator:
    """A trained model, ready to play."""

    def __init__(self, preset: Preset, styles: tuple[str, ...], generator: Backbone, vocoder: Vocoder) -> None:
        """styles: names of the datasets, in the order of a request's style weights."""
        self.preset, self.styles = preset, styles
        self._generator, self._vocoder = generator, vocoder

    @classmethod
    def load(cls, path: Path) -> "Generator":
        """Read a weights file. Raises CheckpointError naming the file and what is wrong with it."""
        found = load_checkpoint(path)
        return cls(found.preset, found.styles, found.generator, found.vocoder)

    def render(self, request: GenerationRequest) -> Generated:
        """Make music: peak at most 0.9, short fades at both ends, the same samples for the same request every time.

        Raises ConfigError if the request's style has not one weight for each dataset.
        """
        weights = self._weights(request.style)
        with repeatable(), torch.no_grad():
            random = torch.Generator().manual_seed(request.seed)
            frames, attention = self._frames(request, weights, random)
            samples = _levelled(self._samples(frames, random)[: request.frames])
        shares = [float(share) for share in attention]
        return Generated(Waveform(samples[None].numpy(), RATE), tuple(share / sum(shares) for share in shares))

    def _weights(self, style: tuple[float, ...] | None) -> Tensor:
        wanted = style if style is not None else (1.0,) * len(self.styles)
        if len(wanted) != len(self.styles):
            raise ConfigError(f"style: the model has {len(self.styles)} datasets, not {len(wanted)}")
        weights = torch.tensor(wanted, dtype=torch.float64)
        return (weights / weights.sum()).float()[None]

    def _frames(self, request: GenerationRequest, weights: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Log-mel frames (bands, T), at least as long as asked, and mean attention (styles,)."""
        steps = request.frames // self.preset.stack_samples + 2
        config = self._generator.config
        chance = draw_chance(random, 1, steps + _RUN_IN, config.noise_size)
        daring = Daring(request.temperature, config.nucleus)
        points, _, attention, _ = free_run(self._generator, Style.of(weights), daring, chance)
        return self._generator.latent.decode(points[:, _RUN_IN:])[0], attention[0, _RUN_IN:].mean(dim=0).double()

    def _samples(self, frames: Tensor, random: torch.Generator) -> Tensor:
        """Samples (N,) of log-mel frames (bands, T), some seconds at a time, joined by cross-fades."""
        hop = self.preset.mel.hop
        chunk, overlap = round(_CHUNK * RATE / hop), round(_OVERLAP * RATE / hop)
        made = torch.zeros((frames.shape[1] - 1) * hop)
        # Squares sum to 1: neighbours have phases of their own.
        rise = torch.sin(torch.linspace(0, torch.pi / 2, overlap * hop))
        for first in range(0, max(1, frames.shape[1] - overlap - 1), chunk):
            piece = self._vocoder.render(frames[None, :, first : first + chunk + overlap + 1], random)[0]
            start = first * hop
            if first > 0:
                made[start : start + len(rise)] *= rise.flip(0)[: len(piece)]
                piece = piece.clone()
                piece[: len(rise)] *= rise[: len(piece)]
            made[start : start + len(piece)] += piece
        return made


def _levelled(samples: Tensor) -> Tensor:
    samples = samples - samples.mean()
    level, peak = float(samples.pow(2).mean().sqrt()), float(samples.abs().max())
    gain = min(10 ** (LOUDNESS / 20) / max(level, 1e-6), (1 - 1e-6) * PEAK / max(peak, 1e-6))
    fade = min(round(_FADE * RATE), len(samples) // 2)
    shape = torch.ones_like(samples)
    if fade > 0:
        ramp = torch.linspace(0, 1, fade + 1)[:-1]
        shape[:fade], shape[len(shape) - fade :] = ramp, ramp.flip(0)
    return samples * gain * shape
