"""The magnitude that a mel spectrogram speaks of: the same numbers on every machine.

Whoever follows peaks from frame to frame adds up what their heights say, so what rounding changes there grows with the
music. Therefore all is reckoned in float64 and rounded once, to the same float32 in whichever order it was summed, but
for chances of about one in 10**8.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gen.config import MelConfig
from gen.features import PROCESSOR, mel_basis
from gen.models.framewise import LEAST, Triangles
from gen.numba_cache import compiled

_BLOCK = 96
_LITTLE = 1e-8
_Doubles = NDArray[np.float64]


def magnitude_from_mel(mel: Tensor, config: MelConfig, iterations: int = 4) -> Tensor:
    """The STFT magnitude that a mel spectrogram speaks of: (B, bands, T), not logarithmic, to (B, bins, T), >= 1e-5.

    Non-negative least squares by multiplicative updates (Lee and Seung 2001), from the pseudo-inverse. Float32 is
    returned, which lies frame by frame in memory; no gradients.
    """
    exact = mel.detach().double()
    bins = config.window // 2 + 1
    found = torch.full((len(mel), mel.shape[2], bins), LEAST, dtype=torch.float32, device=mel.device)
    explain = _explained_alone if mel.device == PROCESSOR else _explained_together
    for one, whole in zip(exact, found, strict=True):
        for block in blocks(one):
            explain(one[:, block], config, iterations, whole[block, : bins_heard(config)])
    return found.transpose(1, 2)


def blocks(tensor: Tensor) -> Iterator[slice]:
    """The frames of (..., T) in stretches that the processor's own cache holds; a GPU takes all at once."""
    frames = tensor.shape[-1]
    size = _BLOCK if tensor.device == PROCESSOR else max(frames, 1)
    return (slice(first, first + size) for first in range(0, frames, size))


@lru_cache(maxsize=8)
def bins_heard(config: MelConfig) -> int:
    """How many bins from the lowest on have all that the mel bands hear: no frame says anything of those above."""
    return int(mel_basis(config).any(dim=0).nonzero()[-1]) + 1


@lru_cache(maxsize=8)
def _bands(config: MelConfig, device: torch.device) -> tuple[Tensor, Tensor]:
    """How bands hear the bins that they hear, float64 (bands, bins), and the pseudo-inverse of that. Read-only."""
    basis = mel_basis(config).double()
    heard = bins_heard(config)
    return basis[:, :heard].contiguous().to(device), torch.linalg.pinv(basis)[:heard].to(device)


def _explained_together(mel: Tensor, config: MelConfig, iterations: int, found: Tensor) -> None:
    """Fill in found, float32 (T, bins), from mel, float64 (bands, T): for a GPU."""
    basis, inverse = _bands(config, mel.device)
    low, target = (inverse @ mel).clamp_min_(LEAST), basis.T @ mel
    for _ in range(iterations):
        said = basis.T @ (basis @ low) + _LITTLE
        low.mul_(target).div_(said).clamp_min_(LEAST)
    found.copy_(low.T)


def _explained_alone(mel: Tensor, config: MelConfig, iterations: int, found: Tensor) -> None:
    """The same by a processor."""
    _, inverse = _bands(config, mel.device)
    heard = torch.nn.functional.pad(mel, (0, 0, 1, 1))
    low = inverse @ mel
    _compiled()(low.numpy(), heard.numpy(), *_triangles(config), iterations)
    found.copy_(low.T)


@lru_cache(maxsize=8)
def _triangles(config: MelConfig) -> Triangles:
    return Triangles.of(_bands(config, PROCESSOR)[0].numpy())


@lru_cache(maxsize=1)
def _compiled() -> Any:
    types = "void(float64[:, ::1], float64[:, ::1], int64[::1], float64[:, ::1], int64)"
    return compiled(_explained, types, error_model="numpy", nogil=True)


def _explained(found: _Doubles, mel: _Doubles, lower: NDArray[np.int64], weights: _Doubles, iterations: int) -> None:
    """Update what was found, (bins, T). mel: (1 + bands + 1, T), with bands of nothing around.

    lower and weights: `Triangles` of the bands.
    """
    bins, frames = found.shape
    near, far = weights
    target, total = np.empty((bins, frames)), np.empty((len(mel), frames))
    for j in range(bins):
        band = lower[j]
        for t in range(frames):
            found[j, t] = max(found[j, t], LEAST)
            target[j, t] = near[j] * mel[band, t] + far[j] * mel[band + 1, t]
    for _ in range(iterations):
        for band in range(len(total)):
            for t in range(frames):
                total[band, t] = 0.0
        for j in range(bins):
            band = lower[j]
            for t in range(frames):
                total[band, t] += near[j] * found[j, t]
            for t in range(frames):
                total[band + 1, t] += far[j] * found[j, t]
        for j in range(bins):
            band = lower[j]
            for t in range(frames):
                said = near[j] * total[band, t] + far[j] * total[band + 1, t]
                found[j, t] = max(found[j, t] * target[j, t] / (said + _LITTLE), LEAST)
