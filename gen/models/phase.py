"""Magnitude and phase without learning: the classical ground that the vocoder's network stands on."""

import math

import torch
from torch import Tensor, nn

from gen.config import RATE, MelConfig
from gen.features import from_spectrum, hann, mel_basis, spectrum

_LEAST = 1e-5
# What makes a tone: a rise of about 17 dB within 4 bins. Chosen so that bands of a string ensemble, resynthesised from
# mel, fluctuate as much as recorded.
_REACH, _STEEP, _BLUR = 4, 2.0, 0.4
_MELTED = (1000.0, 3000.0)
_TAPE = 1 << 15


def magnitude_from_mel(mel: Tensor, config: MelConfig, iterations: int = 12) -> Tensor:
    """The STFT magnitude that a mel spectrogram speaks of: (B, bands, T), not logarithmic, to (B, bins, T), >= 1e-5.

    Non-negative least squares by multiplicative updates (Lee and Seung 2001), from the pseudo-inverse.
    """
    basis = mel_basis(config)
    found = (_inverse(config).to(mel.device) @ mel).clamp_min(_LEAST)
    # Above the highest band there is nothing to find. (Asked where the numbers are: a GPU would be waited for.)
    heard = int(basis.any(dim=0).nonzero()[-1]) + 1
    found[:, heard:] = _LEAST
    basis = basis[:, :heard].to(mel.device).contiguous()
    target, low = basis.T @ mel, found[:, :heard].contiguous()
    for _ in range(iterations):
        said = (basis.T @ (basis @ low)).add_(1e-8)
        low.mul_(target).div_(said).clamp_min_(_LEAST)
    found[:, :heard] = low
    return found


def _inverse(config: MelConfig) -> Tensor:
    inverse: Tensor = torch.linalg.pinv(mel_basis(config))
    return inverse


def propagate_phase(magnitude: Tensor, window: int, hop: int, before: Tensor | None = None) -> Tensor:
    """A phase for a magnitude spectrogram (B, bins, T), by following its peaks as steady tones; radians, same shape.

    before: the phase (B, bins) of the frame before the first, if there was one. Single-pass spectrogram inversion
    (Beauregard, Harish and Wyse 2015): every peak's frequency comes from a parabola through it, its phase advances by
    that frequency, and the bins around a peak turn with it, with alternating sign.
    """
    batch, bins, frames = magnitude.shape
    level = magnitude.transpose(1, 2).reshape(-1, bins)
    peak = torch.zeros_like(level, dtype=torch.bool)
    peak[:, 1:-1] = (level[:, 1:-1] > level[:, :-2]) & (level[:, 1:-1] >= level[:, 2:])
    index = torch.arange(bins, device=level.device).expand_as(level)
    below = torch.where(peak, index, -bins).cummax(dim=1).values
    above = torch.where(peak, index, 3 * bins).flip(1).cummin(dim=1).values.flip(1)
    owner = torch.where(index - below <= above - index, below, above)
    owner = torch.where((owner >= 0) & (owner < bins), owner, index)
    left, here, right = (level.gather(1, (owner + step).clamp(0, bins - 1)) for step in (-1, 0, 1))
    curve = (2 * here - left - right).clamp_min(_LEAST * 1e-3)
    offset = (0.5 * (right - left) / curve).clamp(-0.5, 0.5)
    advance = (2 * math.pi * hop / window) * (owner + offset) + math.pi * (index - owner)
    owners, advances = (found.reshape(batch, frames, bins).unbind(1) for found in (owner, advance))
    last = level.new_zeros(batch, bins) if before is None else before
    phase = []
    for each, further in zip(owners, advances, strict=True):
        last = torch.remainder(last.gather(1, each) + further, 2 * math.pi)
        phase.append(last)
    return torch.stack(phase, dim=2)


def tonality(magnitude: Tensor) -> Tensor:
    """How much of each bin is tone and not noise, 0 to 1, from a magnitude spectrogram (B, bins, T), same shape.

    Near a tone the magnitude rises and falls steeply from bin to bin; where it is smooth, no tone can be told.
    """
    level = magnitude.log()
    return torch.sigmoid((_highest_near(level) + _highest_near(-level) - _STEEP) / _BLUR)


def _highest_near(level: Tensor) -> Tensor:
    """The highest of (B, bins, T) within _REACH bins; by doubling, six times as fast as max_pool2d."""
    found, width = nn.functional.pad(level, (0, 0, _REACH, _REACH), value=-math.inf), 2 * _REACH + 1
    reached = 1
    while reached < width:
        step = min(reached, width - reached)
        found, reached = torch.maximum(found[:, : found.shape[1] - step], found[:, step:]), reached + step
    return found


class NoiseTape:
    """White noise of deviation 1 that goes on as long as it is read, the same however it is read."""

    def __init__(self, random: torch.Generator) -> None:
        """random: drawn from when the reader comes to what was not drawn yet."""
        self.random = random
        self.first = 0
        self.held: Tensor | None = None

    def read(self, batch: int, first: int, last: int) -> Tensor:
        """The samples from number `first` to before `last`, (batch, last - first). Forgets what is before `first`."""
        held = torch.zeros(batch, 0) if self.held is None else self.held[:, first - self.first :]
        while held.shape[-1] < last - first:
            held = torch.cat([held, torch.randn(batch, _TAPE, generator=self.random)], dim=-1)
        self.held, self.first = held, first
        return held[:, : last - first]


def breathe(magnitude: Tensor, phase: Tensor, window: int, hop: int, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Let what is no tone sound like noise: magnitude and phase (radians), all of shape (B, bins, T).

    noise: white, of deviation 1, (B, (T - 1) * hop + window), of which the first frame hears the first window. Bins
    without a tone follow its STFT; left alone they would be a bundle of steady tones, one per bin, which buzzes. (Sines
    plus noise: Serra and Smith 1990.)
    """
    heard = torch.stft(noise, window, hop, window=hann(window).to(noise.device), center=False, return_complex=True)
    # A bin of white noise is Rayleigh distributed; this is its mean.
    usual = math.sqrt(math.pi / 4 * float(hann(window).square().sum()))
    pitch = torch.arange(window // 2 + 1, device=noise.device) * (RATE / window)
    # Below, chords lie so close that the mel bands melt them together: smooth there does not mean noise.
    low = (1 - (pitch - _MELTED[0]) / (_MELTED[1] - _MELTED[0])).clamp(0, 1)[:, None]
    size, tone = heard.abs() / usual, torch.maximum(tonality(magnitude), low)
    return magnitude * (tone + (1 - tone) * size), torch.where(tone > 0.5, phase, heard.angle())


def refine_phase(magnitude: Tensor, phase: Tensor, window: int, hop: int, iterations: int, frames: int) -> Tensor:
    """Samples (B, frames) whose STFT comes close to a magnitude (B, bins, T), from a first phase of the same shape.

    Griffin-Lim iterations with momentum 0.99 (Perraudin, Balazs and Sondergaard 2013); 0 iterations only invert.
    """
    bins = torch.polar(magnitude, phase)
    before: Tensor | None = None
    for _ in range(iterations):
        found = spectrum(from_spectrum(bins, window, hop, frames), window, hop)
        pushed = found if before is None else found - (0.99 / 1.99) * before
        before = found
        bins = pushed * (magnitude / (pushed.abs() + 1e-9))
    return from_spectrum(bins, window, hop, frames)
