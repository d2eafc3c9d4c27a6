"""Where the sound is: a stereo picture told in a few numbers, and made again around any mono rendering.

Parametric stereo (Breebaart et al. 2005, "Parametric coding of stereo audio") in the form of prediction (Helmrich et
al. 2011): of the mid m = (l + r) / 2, the side s = (l - r) / 2 is a part that follows m and a rest that does not,
s = a * m + b * d, where d is m made unlike itself by an all-pass filter. a and b are told for each frame in CUES bands.
The mid of what is made is the mono rendering itself, and what is placed keeps its phase, so that nothing smears.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

from gen.config import RATE, MelConfig
from gen.features import from_spectrum, log_mel, spectrum
from gen.models.config import CUES

_TAPS = 1024
_MOST, _LEAST = 10.0, 0.01
_SILENT = 1e-6
"""Power of a bin below which there is nothing to place."""


def stereo_frames(samples: Tensor, mel: MelConfig) -> Tensor:
    """Frames of a stereo recording, left and right (B, 2, N): (B, bands + 2 * CUES, 1 + N // hop).

    First the log-mel frames of the mid; then, in radians, the arc tangent of how the side follows it (0 is the middle,
    pi / 4 all left, -pi / 4 all right); then the logarithm of how much of the side does not, log(0.01) to log(10).
    """
    mid = samples.mean(dim=1)
    one, other = (spectrum(part, mel.window, mel.hop) for part in (mid, samples[:, 0] - mid))
    weights = _bands(mel).to(samples)
    power, product, rest = (
        weights @ found
        for found in (one.abs().square(), other.real * one.real + other.imag * one.imag, other.abs().square())
    )
    power = power + _SILENT
    follows = (product / power).clamp(-_MOST, _MOST)
    rest = (rest / power - follows.square()).clamp(_LEAST**2, _MOST**2)
    return torch.cat([log_mel(mid, mel), follows.atan(), rest.log() / 2], dim=1)


class Stage:
    """Places a mono rendering."""

    def __init__(self, mel: MelConfig) -> None:
        self.mel = mel

    @property
    def context(self) -> int:
        """Frames on each side that a sample depends on: by the filter, the STFT and its inverse."""
        return math.ceil(_TAPS / self.mel.hop) + 2 * math.ceil(self.mel.window / 2 / self.mel.hop)

    def spread(self, mid: Tensor, cues: Tensor) -> Tensor:
        """Left and right (B, 2, N) of a mid (B, N), N = (T - 1) * hop, and the cues of its frames (B, 2 * CUES, T)."""
        window, hop = self.mel.window, self.mel.hop
        angle, rest = (_bands(self.mel).T.to(mid.device) @ half for half in cues.chunk(2, dim=1))
        follows = angle.clamp(-math.atan(_MOST), math.atan(_MOST)).tan()
        rest = rest.clamp(math.log(_LEAST), math.log(_MOST)).exp()
        unlike = _filtered(mid)
        bins = follows * spectrum(mid, window, hop) + rest * spectrum(unlike, window, hop)
        side = from_spectrum(bins, window, hop, mid.shape[1])
        return torch.stack([mid + side, mid - side], dim=1)


@lru_cache(maxsize=8)
def _bands(mel: MelConfig) -> Tensor:
    """What each bin counts in each band, (CUES, window / 2 + 1): triangles that sum to 1 in every bin.

    Evenly spread on the ERB-rate scale (Glasberg and Moore 1990). Shared: do not write into it.
    """
    pitch = torch.arange(mel.window // 2 + 1) * (RATE / mel.window)
    place = torch.log10(1 + 0.00437 * pitch)
    place = place / place[-1] * (CUES - 1)
    weights: Tensor = (1 - (place - torch.arange(CUES)[:, None]).abs()).clamp_min(0)
    return weights


def _filtered(samples: Tensor) -> Tensor:
    """The convolution of samples (B, N) with `_filter`, cut to as many, by FFT."""
    length = 1 << (samples.shape[-1] + _TAPS - 1).bit_length()
    bins = torch.fft.rfft(samples, length) * torch.fft.rfft(_filter().to(samples.device), length)
    made: Tensor = torch.fft.irfft(bins, length)[..., : samples.shape[-1]]
    return made


@lru_cache(maxsize=1)
def _filter() -> Tensor:
    """An all-pass filter of 23 ms that leaves nothing alike: (_TAPS,). Shared: do not write into it.

    Its phases are those of Weyl's sequence n**2 * x with the golden ratio for x, equidistributed and no random numbers.
    """
    number = torch.arange(_TAPS // 2 + 1, dtype=torch.float64)
    turn = 2 * math.pi * torch.remainder(number.square() * ((math.sqrt(5) - 1) / 2), 1)
    turn[0] = turn[-1] = 0
    made: Tensor = torch.fft.irfft(torch.polar(torch.ones_like(turn), turn), _TAPS)
    return made.float()
