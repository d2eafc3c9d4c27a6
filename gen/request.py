"""What a generator can be asked for."""

import math
from dataclasses import dataclass

from gen.config import RATE
from gen.errors import ConfigError
from gen.sampling import Daring
from gen.waveform import Waveform

LONGEST = 3600 * RATE
MOST_BEAMS = 64
SHORTEST_PRIMER, LONGEST_PRIMER = 0.5, 60.0
"""Seconds."""


@dataclass(frozen=True)
class Morph:
    """Where the music goes to, evenly, from its first moment to its last.

    seed: a second walk with luck of its own, and the music moves from the first to it through the latent space. style,
    labels: as a request has them; what is asked of each dataset and label moves to these. None stays as it is.
    """

    seed: int | None = None
    style: tuple[float, ...] | None = None
    labels: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.seed is not None:
            _check_seed("morph.seed", self.seed)
        _check_style("morph.style", self.style)
        _check_labels("morph.labels", self.labels)
        if self.seed is None and self.style is None and self.labels is None:
            raise ConfigError("morph: name a seed, a style or labels to go to")


@dataclass(frozen=True)
class GenerationRequest:
    """What to make. Equal requests to one model give the same samples.

    frames: samples per channel at 44.1 kHz, up to an hour. seed: 0 to 2**63 - 1. style: a weight for each dataset of
    the model, none negative, not all 0 (they are scaled to sum to 1); None asks for all alike. labels: an index for
    each field of labels that the model knows, 0 for unknown; None leaves all unknown. temperature, 0.05 to 5: 1 is as
    daring as the music was, less repeats what is likeliest. nucleus: the likeliest places that together reach this
    probability stay in play, above 0 to 1; None takes the preset's. beams: 1 draws each step; more keep so many walks
    and go on with the likeliest. primer: music to go on from, 0.5 to 60 s at any rate, which is not repeated in what is
    made. morph: where the music goes to.
    """

    frames: int
    seed: int
    style: tuple[float, ...] | None = None
    temperature: float = 1.0
    nucleus: float | None = None
    beams: int = 1
    labels: tuple[int, ...] | None = None
    primer: Waveform | None = None
    morph: Morph | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.frames <= LONGEST:
            raise ConfigError(f"frames: must be between 1 and {LONGEST}, not {self.frames}")
        _check_seed("seed", self.seed)
        Daring(self.temperature, 1.0 if self.nucleus is None else self.nucleus)
        if not 1 <= self.beams <= MOST_BEAMS:
            raise ConfigError(f"beams: must be between 1 and {MOST_BEAMS}, not {self.beams}")
        _check_style("style", self.style)
        _check_labels("labels", self.labels)
        if self.primer is not None and not SHORTEST_PRIMER <= self.primer.duration <= LONGEST_PRIMER:
            raise ConfigError(
                f"primer: must have {SHORTEST_PRIMER:g} to {LONGEST_PRIMER:g} s, not {self.primer.duration:.2f} s"
            )


def _check_seed(name: str, seed: int) -> None:
    if not 0 <= seed < 1 << 63:
        raise ConfigError(f"{name}: must be between 0 and 2**63 - 1, not {seed}")


def _check_style(name: str, style: tuple[float, ...] | None) -> None:
    if style is not None and not (all(math.isfinite(weight) and weight >= 0 for weight in style) and sum(style) > 0):
        raise ConfigError(f"{name}: weights must be finite and not negative, and one must be above 0")


def _check_labels(name: str, labels: tuple[int, ...] | None) -> None:
    if labels is not None and any(label < 0 for label in labels):
        raise ConfigError(f"{name}: indices must not be negative")
