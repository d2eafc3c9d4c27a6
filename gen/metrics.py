"""How near made sound is to real sound, in figures."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen.config import RATE, MelConfig
from gen.errors import MetricError
from gen.features import log_mel
from gen.models.vocoder import Vocoder

PESQ_RATE = 16000
_LONGEST = 20.0
"""Seconds that PESQ is given at a time: it was made for phrases of 8 to 20 s."""


def mel_distance(real: Tensor, made: Tensor, mel: MelConfig) -> float:
    """Mean distance of the log-mel frames of samples (..., N), in the natural logarithm ("mel L1"): 0 for the same."""
    return float((log_mel(real, mel) - log_mel(made, mel)).abs().mean())


def pesq(real: Tensor, made: Tensor) -> float:
    """Perceptual evaluation of speech quality, wide-band (ITU-T P.862.2): 1.0 to 4.64, the higher the better.

    real and made: samples (N,) at 44.1 kHz, at least half a second. They are resampled to 16 kHz, so nothing above
    8 kHz is heard, and the measure was made for telephony: for music it is a figure to compare vocoders by, as papers
    do, and no more. Longer ones are measured in pieces of at most 20 s, and averaged.

    Raises MetricError if the package `pesq` is not installed, if there is nothing to hear, or the lengths differ.
    """
    try:
        import pesq as package
    except ImportError as error:
        raise MetricError("pesq: needs pip install 'stemmata[pesq]'") from error
    import soxr

    if real.dim() != 1 or real.shape != made.shape:
        raise MetricError(f"pesq: needs two sounds (N,) alike, not {tuple(real.shape)} and {tuple(made.shape)}")
    if not (real.any() or made.any()):
        raise MetricError("pesq: both are silent; give something to hear")
    pieces = max(1, math.ceil(len(real) / (_LONGEST * RATE)))
    found = []
    for one, other in zip(real.tensor_split(pieces), made.tensor_split(pieces), strict=True):
        known, judged = (soxr.resample(part.numpy().astype(np.float64), RATE, PESQ_RATE) for part in (one, other))
        try:
            found.append(float(package.pesq(PESQ_RATE, known, judged, "wb")))
        except (package.PesqError, ValueError) as error:
            raise MetricError(f"pesq: {_told(error)}; give at least half a second with something to hear") from error
    return sum(found) / len(found)


def _told(error: Exception) -> str:
    """The package's errors carry bytes."""
    text: Any = error.args[0] if error.args else error
    return text.decode() if isinstance(text, bytes) else str(text)


@dataclass(frozen=True)
class Copies:
    """How well a vocoder copies: the means over windows, weighted by their length.

    mel: `mel_distance`. pesq: as above; None without the package. windows and seconds: how much was copied.
    """

    mel: float
    pesq: float | None
    windows: int
    seconds: float


def copy_synthesis(vocoder: Vocoder[Any], windows: Iterable[Tensor], random: torch.Generator) -> Copies:
    """Copy music that the vocoder has not learnt from: to mel frames and back, window by window.

    windows: samples (N,) at 44.1 kHz, mono; one shorter than a frame is left out. Raises MetricError if none is left,
    or in one there is nothing that PESQ could hear.
    """
    mel, hop = vocoder.mel, vocoder.mel.hop
    near: list[float] = []
    heard: list[float] = []
    lengths: list[int] = []
    for window in windows:
        length = len(window) // hop * hop
        if length == 0:
            continue
        made = vocoder.mid(log_mel(window[None, :length], mel), random)[0]
        near.append(mel_distance(window[:length], made, mel))
        if _has_pesq():
            heard.append(pesq(window[:length], made))
        lengths.append(length)
    if not lengths:
        raise MetricError("copy synthesis: there are no windows to copy")
    weights = np.array(lengths) / sum(lengths)
    mean = float(weights @ heard) if heard else None
    return Copies(float(weights @ near), mean, len(lengths), sum(lengths) / RATE)


def _has_pesq() -> bool:
    from importlib.util import find_spec

    return find_spec("pesq") is not None
