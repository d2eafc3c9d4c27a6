"""Magnitude and phase without learning: the classical ground that the vocoder's network stands on."""

import itertools
import math
from collections.abc import Callable
from functools import lru_cache, partial

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
_HANN = 0.25645
_Map = Callable[[Tensor], Tensor]


def magnitude_from_mel(mel: Tensor, config: MelConfig, iterations: int = 12) -> Tensor:
    """The STFT magnitude that a mel spectrogram speaks of: (B, bands, T), not logarithmic, to (B, bins, T), >= 1e-5.

    Non-negative least squares by multiplicative updates (Lee and Seung 2001), from the pseudo-inverse.
    """
    down, up, inverse = _bands(config, mel.device)
    heard = inverse.shape[0]
    found = mel.new_full((mel.shape[0], mel.shape[2], config.window // 2 + 1), _LEAST).transpose(1, 2)
    for one, whole in zip(mel, found, strict=True):
        target, low = up(one), (inverse @ one).clamp_min_(_LEAST)
        for _ in range(iterations):
            said = up(down(low)).add_(1e-8)
            low.mul_(target).div_(said).clamp_min_(_LEAST)
        whole[:heard] = low
    return found


@lru_cache(maxsize=8)
def _bands(config: MelConfig, device: torch.device) -> tuple[_Map, _Map, Tensor]:
    """From the bins that bands hear to the bands; its transpose; its pseudo-inverse. Above these bins none is heard.

    A bin is heard by two bands, so a processor takes sparse matrices: 14 times as fast as what is mostly zeros.
    """
    from scipy.sparse import csr_array

    basis, heard = mel_basis(config), bins_heard(config)
    inverse = torch.linalg.pinv(basis)[:heard].to(device)
    basis = basis[:, :heard].contiguous()
    if device.type != "cpu":
        basis = basis.to(device)
        return partial(torch.matmul, basis), partial(torch.matmul, basis.T), inverse
    down, up = csr_array(basis.numpy()), csr_array(basis.T.numpy())
    return lambda low: torch.from_numpy(down @ low.numpy()), lambda bands: torch.from_numpy(up @ bands.numpy()), inverse


@lru_cache(maxsize=8)
def bins_heard(config: MelConfig) -> int:
    """How many bins from the lowest on have all that the mel bands hear: no frame says anything of those above."""
    return int(mel_basis(config).any(dim=0).nonzero()[-1]) + 1


def propagate_phase(
    magnitude: Tensor, window: int, hop: int, before: Tensor | None = None, lean: Tensor | None = None
) -> Tensor:
    """A phase for a magnitude spectrogram (B, bins, T), by following its peaks as steady tones; radians, same shape.

    before: the phase (B, bins) of the frame before the first, if there was one. lean: by how much more each bin is
    turned than a steady tone would turn it (`leaning`); nothing where it is not given.

    Single-pass spectrogram inversion (Beauregard, Harish and Wyse 2015): every peak's frequency comes from a parabola
    through it, its phase advances by that frequency, and the bins around a peak turn with it, with alternating sign.
    """
    batch, bins, frames = magnitude.shape
    # A row for each frame of each of the batch, all of one moment together.
    level = magnitude.permute(2, 0, 1).reshape(-1, bins)
    peak = torch.zeros_like(level, dtype=torch.bool)
    peak[:, 1:-1] = (level[:, 1:-1] > level[:, :-2]) & (level[:, 1:-1] >= level[:, 2:])
    peak |= ~peak.any(dim=1, keepdim=True)  # where there is none, each bin is its own
    row, place, owner, counts = (peaks_alone if level.device.type == "cpu" else every_bin)(peak)
    left, here, right = (level[row, (place + step).clamp(0, bins - 1)] for step in (-1, 0, 1))
    offset = (0.5 * (right - left) / (2 * here - left - right).clamp_min(_LEAST * 1e-3)).clamp(-0.5, 0.5)
    # Each one's phase but for pi * place, which alternates: so it is that of all bins that turn with it.
    phase = (2 * math.pi * hop / window) * (place + offset.double())
    first, *ends = itertools.accumulate(sum(counts[begin : begin + batch]) for begin in range(0, len(counts), batch))
    phase[:first] -= math.pi * place[:first]
    if before is not None:
        phase[:first] += before[row[:first], place[:first]]
    parent = owner[row[first:] - batch, place[first:]]
    turned = None if lean is None else lean.permute(2, 0, 1).reshape(-1, bins)
    if turned is not None:
        phase -= turned[row, place]
        phase[first:] += turned[row[first:] - batch, place[first:]]
    for begin, end in zip([first, *ends], ends, strict=False):
        phase[begin:end] += phase[parent[begin - first : end - first]]
    phase = torch.remainder(phase, 2 * math.pi).to(level.dtype)
    signs = math.pi * (torch.arange(bins, device=level.device) % 2)
    found = phase[owner] + signs
    return (found if turned is None else found + turned).view(frames, batch, bins).permute(1, 2, 0)


def leaning(magnitude: Tensor, window: int, hop: int) -> Tensor:
    """By how much the phase leans where sound begins or ends: radians, of the shape of the magnitude (B, bins, T).

    Where a bin rises, its sound lies late in the frame, and bins later by a part of the window differ in phase by as
    much of a turn: the derivative of the phase over frequency, which follows from that of the logarithm of the
    magnitude over time, and here is summed up from bin 0 (phase gradient: Průša, Balazs and Sondergaard 2017, with
    their constant for Hann windows).
    """
    level = magnitude.transpose(1, 2).log()
    steep = torch.zeros_like(level)
    # Over two frames. No sound lies outside of the window, so half a turn is the most.
    steep[:, 1:-1] = (level[:, 2:] - level[:, :-2]).mul_(-_HANN * window / (2 * hop)).clamp_(-math.pi, math.pi)
    return (steep.cumsum(dim=2) - steep / 2).transpose(1, 2)


def peaks_alone(peak: Tensor) -> tuple[Tensor, Tensor, Tensor, list[int]]:
    """What is reckoned of rows of bins (rows, bins), where each row has a peak: the peaks alone.

    Row and place of each (n,), in order; which of the n is the nearest to each bin, of two the lower (rows, bins);
    and how many each row has.
    """
    row, place = peak.nonzero().unbind(1)
    begin = torch.zeros_like(place)
    begin[1:] = torch.where(row[1:] == row[:-1], (place[:-1] + place[1:]) // 2 + 1, 0) + row[1:] * peak.shape[1]
    end = torch.cat([begin[1:], begin.new_tensor([peak.numel()])])
    number = torch.arange(len(place), device=place.device)
    owner = number.repeat_interleave(end - begin, output_size=peak.numel()).view(peak.shape)
    return row, place, owner, peak.sum(dim=1).tolist()


def every_bin(peak: Tensor) -> tuple[Tensor, Tensor, Tensor, list[int]]:
    """The same with all bins reckoned: for a GPU, which would be waited for to say how many peaks there are."""
    rows, bins = peak.shape
    index = torch.arange(bins, device=peak.device)
    below = torch.where(peak, index, -bins).cummax(dim=1).values
    above = torch.where(peak, index, 3 * bins).flip(1).cummin(dim=1).values.flip(1)
    nearest = torch.where(index - below <= above - index, below, above)
    row = torch.arange(rows, device=peak.device)
    return row.repeat_interleave(bins), index.repeat(rows), nearest + row[:, None] * bins, [bins] * rows


def tonality(magnitude: Tensor) -> Tensor:
    """How much of each bin is tone and not noise, 0 to 1, from a magnitude spectrogram (B, bins, T), same shape.

    Near a tone the magnitude rises and falls steeply from bin to bin; where it is smooth, no tone can be told.
    """
    level = magnitude.transpose(1, 2).log()
    return torch.sigmoid((_highest_near(level) + _highest_near(-level) - _STEEP) / _BLUR).transpose(1, 2)


def _highest_near(level: Tensor) -> Tensor:
    """The highest of (B, T, bins) within _REACH bins; by doubling, six times as fast as max_pool2d."""
    found, width = nn.functional.pad(level, (_REACH, _REACH), value=-math.inf), 2 * _REACH + 1
    reached = 1
    while reached < width:
        step = min(reached, width - reached)
        found, reached = torch.maximum(found[..., : found.shape[-1] - step], found[..., step:]), reached + step
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


def breathe(magnitude: Tensor, phase: Tensor, window: int, hop: int, noise: Tensor) -> Tensor:
    """Let what is no tone sound like noise: magnitude and phase (radians), (B, bins, T), to complex bins, (B, bins, T).

    noise: white, of deviation 1, (B, (T - 1) * hop + window), of which the first frame hears the first window. Bins
    without a tone follow its STFT; left alone they would be a bundle of steady tones, one per bin, which buzzes. (Sines
    plus noise: Serra and Smith 1990.) The lowest bins of an STFT suffice.
    """
    bins = magnitude.shape[1]
    heard = torch.stft(noise, window, hop, window=hann(window).to(noise.device), center=False, return_complex=True)
    heard = heard[:, :bins]
    # A bin of white noise is Rayleigh distributed; this is its mean.
    usual = math.sqrt(math.pi / 4 * float(hann(window).square().sum()))
    pitch = torch.arange(bins, device=noise.device) * (RATE / window)
    # Below, chords lie so close that the mel bands melt them together: smooth there does not mean noise.
    low = (1 - (pitch - _MELTED[0]) / (_MELTED[1] - _MELTED[0])).clamp(0, 1)[:, None]
    size, tone = _size(heard).clamp_min_(_LEAST), torch.maximum(tonality(magnitude), low)
    loud = magnitude * (tone + (1 - tone) * (size / usual))
    return torch.where(tone > 0.5, with_phase(loud, phase), _scaled(heard, loud / size))


def refine_phase(
    bins: Tensor, window: int, hop: int, iterations: int, frames: int, bands: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """Samples (B, frames) whose STFT comes close to the magnitude of bins (B, bins, T), from their phase.

    bins: all window / 2 + 1 of an STFT, or the lowest; there is nothing above them then. Griffin-Lim iterations with
    momentum 0.99 (Perraudin, Balazs and Sondergaard 2013); 0 iterations only invert.
    bands: mel magnitudes (B, bands, T) and their basis (bands, bins). Then half of each magnitude, in
    logarithm, is what the last STFT found, scaled to the bands: they say how much there is, and little of where.
    """
    magnitude = _size(bins)
    before: Tensor | None = None
    for _ in range(iterations):
        found = spectrum(from_spectrum(bins, window, hop, frames), window, hop)[:, : bins.shape[1]]
        pushed = found if before is None else torch.sub(found, before, alpha=0.99 / 1.99)
        before, size = found, _size(pushed) + 1e-9
        factor = magnitude / size
        if bands is not None:
            factor = (factor * _scale(size, *bands)).sqrt_()
        bins = _scaled(pushed, factor)
    return from_spectrum(bins, window, hop, frames)


def _scale(size: Tensor, mel: Tensor, basis: Tensor) -> Tensor:
    """What brings magnitudes (B, bins, T) nearer to mel magnitudes (B, bands, T): factors (B, bins, T)."""
    ratio = mel.transpose(1, 2) / (size.transpose(1, 2) @ basis.T + 1e-6)
    total = basis.sum(dim=0)
    # Where no band hears anything, what is there stays.
    made = torch.where(total > 0, ratio @ (basis / total.clamp_min(1e-9)), 1.0)
    return made.transpose(1, 2)


def with_phase(magnitude: Tensor, phase: Tensor) -> Tensor:
    """Complex numbers of these; twice as fast as torch.polar."""
    return torch.complex(magnitude * phase.cos(), magnitude * phase.sin())


def _size(bins: Tensor) -> Tensor:
    """The magnitude; three times as fast as torch.abs, which minds what overflows when it is squared."""
    real, imaginary = torch.view_as_real(bins).square().unbind(-1)
    return (real + imaginary).sqrt_()


def _scaled(bins: Tensor, factor: Tensor) -> Tensor:
    """Complex times real; four times as fast as torch, which makes the real ones complex."""
    return torch.view_as_complex(torch.view_as_real(bins) * factor[..., None])
