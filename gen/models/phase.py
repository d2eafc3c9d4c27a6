"""Phase without learning, and what is tone and what is noise: the ground that the vocoder's network stands on."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from gen.config import RATE
from gen.features import hann, lowest_bins
from gen.models.framewise import FLAT, LEAST, TINY, breathed, followed, quick
from gen.models.magnitude import blocks

# What makes a tone: a rise of about 17 dB within 4 bins. Chosen so that bands of a string ensemble, resynthesised from
# mel, fluctuate as much as recorded.
_REACH, _STEEP, _BLUR = 4, 2.0, 0.4
_MELTED = (1000.0, 3000.0)
_TAPE = 1 << 15
_HANN = 0.25645


def propagate_phase(
    magnitude: Tensor, window: int, hop: int, before: Tensor | None = None, lean: Tensor | None = None
) -> Tensor:
    """A phase for a magnitude spectrogram (B, bins, T), by following its peaks as steady tones; radians, same shape.

    All float32, without gradients. before: the phase (B, bins) of the frame before the first, if there was one. lean:
    by how much more each bin is turned than a steady tone would turn it (`leaning`); nothing where it is not given.

    Single-pass spectrogram inversion (Beauregard, Harish and Wyse 2015): every peak's frequency comes from a parabola
    through it, its phase advances by that frequency, and the bins around a peak turn with it, with alternating sign.
    """
    follow = followed_alone if magnitude.device.type == "cpu" else followed_together
    return follow(magnitude, 2 * math.pi * hop / window, before, lean)


def followed_alone(magnitude: Tensor, advance: float, before: Tensor | None, lean: Tensor | None) -> Tensor:
    """For a processor, peak by peak; as `propagate_phase`. advance: of a steady tone, a frame and a bin of pitch."""
    found = torch.empty_like(magnitude.transpose(1, 2), memory_format=torch.contiguous_format)
    start = -math.pi * torch.arange(magnitude.shape[1], dtype=torch.float64)
    for row, phase in enumerate(found):
        level = magnitude[row].T.contiguous()
        own = torch.zeros_like(level) if lean is None else lean[row].T.contiguous()
        last = start.clone() if before is None else start + before[row]
        quick(followed)(level.numpy(), last.numpy(), own.numpy(), advance, phase.numpy())
    return found.transpose(1, 2)


def followed_together(magnitude: Tensor, advance: float, before: Tensor | None, lean: Tensor | None) -> Tensor:
    """The same with all bins reckoned: for a GPU, which would be waited for to say how many peaks there are."""
    batch, bins, frames = magnitude.shape
    # A row for each frame of each of the batch, all of one moment together.
    level = magnitude.permute(2, 0, 1).reshape(-1, bins)
    peak = torch.zeros_like(level, dtype=torch.bool)
    peak[:, 1:-1] = (level[:, 1:-1] > level[:, :-2]) & (level[:, 1:-1] >= level[:, 2:])
    peak |= ~peak.any(dim=1, keepdim=True)  # where there is none, each bin is its own
    place = torch.arange(bins, device=peak.device, dtype=torch.float64)
    near = functional.pad(level, (1, 1), mode="replicate")
    left, right = near[:, :-2], near[:, 2:]
    sharp = torch.maximum(2 * level - left - right, (FLAT * level).clamp_min(TINY))
    offset = (0.5 * (right - left) / sharp).clamp(-0.5, 0.5)
    # Each one's phase but for pi * place, which alternates: so it is that of all bins that turn with it.
    phase = advance * (place + offset)
    turned = None if lean is None else lean.permute(2, 0, 1).reshape(-1, bins)
    if turned is not None:
        phase -= turned
        phase[batch:] += turned[:-batch]
    phase[:batch] -= math.pi * place
    if before is not None:
        phase[:batch] += before
    owner = nearest(peak)
    phase = phase.gather(1, owner)
    # Each is its own and, at its owner, that of the frame before: for 2, 4, 8 ... frames in turn, as sums over prefixes
    # are (Hillis and Steele 1986). A GPU would take longer to be asked frame by frame.
    reached = batch
    while reached < len(phase):
        phase[reached:] += phase[:-reached].gather(1, owner[reached:])
        owner[reached:] = owner[:-reached].gather(1, owner[reached:])
        reached *= 2
    found = (torch.remainder(phase, 2 * math.pi) + math.pi * (place % 2)).to(level.dtype)
    return (found if turned is None else found + turned).view(frames, batch, bins).permute(1, 2, 0)


def nearest(peak: Tensor) -> Tensor:
    """The peak nearest to each bin of rows (rows, bins) that have one each; of two the lower."""
    bins = peak.shape[1]
    index = torch.arange(bins, device=peak.device)
    below = torch.where(peak, index, -bins).cummax(dim=1).values
    above = torch.where(peak, index, 3 * bins).flip(1).cummin(dim=1).values.flip(1)
    return torch.where(index - below <= above - index, below, above)


def leaning(magnitude: Tensor, window: int, hop: int) -> Tensor:
    """By how much the phase leans where sound begins or ends: radians, of the shape of the magnitude (B, bins, T).

    Where a bin rises, its sound lies late in the frame, and bins later by a part of the window differ in phase by as
    much of a turn: the derivative of the phase over frequency, which follows from that of the logarithm of the
    magnitude over time, and here is summed up from bin 0 (phase gradient: Průša, Balazs and Sondergaard 2017, with
    their constant for Hann windows).
    """
    # Followed phases add up how their peaks lean. So it is rounded once, from float64, as on every machine.
    level = magnitude.transpose(1, 2).double().log().float()
    steep = torch.zeros_like(level)
    # Over two frames. No sound lies outside of the window, so half a turn is the most.
    steep[:, 1:-1] = (level[:, 2:] - level[:, :-2]).mul_(-_HANN * window / (2 * hop)).clamp_(-math.pi, math.pi)
    # In float64 within; a processor does so unasked.
    whole = steep.cumsum(dim=2) if steep.device.type == "cpu" else steep.double().cumsum(dim=2).float()
    return (whole - steep / 2).transpose(1, 2)


def tonality(magnitude: Tensor) -> Tensor:
    """How much of each bin is tone and not noise, 0 to 1, from a magnitude spectrogram (B, bins, T), same shape.

    Near a tone the magnitude rises and falls steeply from bin to bin; where it is smooth, no tone can be told.
    """
    level = magnitude.transpose(1, 2).log()
    return torch.sigmoid((_highest_near(level) + _highest_near(-level) - _STEEP) / _BLUR).transpose(1, 2)


def _highest_near(level: Tensor) -> Tensor:
    """The highest of (B, T, bins) within _REACH bins; by doubling, six times as fast as max_pool2d."""
    found, width = functional.pad(level, (_REACH, _REACH), value=-math.inf), 2 * _REACH + 1
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
    heard = lowest_bins(noise, window, hop, bins)
    # A bin of white noise is Rayleigh distributed; this is its mean.
    usual = math.sqrt(math.pi / 4 * float(hann(window).square().sum()))
    pitch = torch.arange(bins, device=noise.device) * (RATE / window)
    # Below, chords lie so close that the mel bands melt them together: smooth there does not mean noise.
    low = (1 - (pitch - _MELTED[0]) / (_MELTED[1] - _MELTED[0])).clamp(0, 1)[:, None]
    return (breathed_alone if noise.device.type == "cpu" else breathed_together)(heard, magnitude, phase, low, usual)


def breathed_alone(heard: Tensor, magnitude: Tensor, phase: Tensor, low: Tensor, usual: float) -> Tensor:
    """`breathed_together` by a processor, but for rounding."""
    made = torch.empty(heard.shape[0], heard.shape[2], 2 * magnitude.shape[1])
    for row, result in enumerate(made):
        noise = torch.view_as_real(heard[row].T).flatten(1)
        for block in blocks(magnitude):
            own = magnitude[row : row + 1, :, block]
            angle = phase[row, :, block].T
            parts = (noise[block], own[0].T, tonality(own)[0].T, low.T, angle.cos(), angle.sin())
            quick(breathed)(*(part.contiguous().numpy() for part in parts), usual, result[block].numpy())
    return torch.view_as_complex(made.unflatten(2, (-1, 2))).transpose(1, 2)


def breathed_together(heard: Tensor, magnitude: Tensor, phase: Tensor, low: Tensor, usual: float) -> Tensor:
    """What `breathe` gives, of an STFT of noise (B, bins, T), whose magnitude is `usual` in the mean.

    low: what of each bin is tone at least (bins, 1).
    """
    size, tone = size_of(heard).clamp_min_(LEAST), torch.maximum(tonality(magnitude), low)
    loud = magnitude * (tone + (1 - tone) * (size / usual))
    return torch.where(tone > 0.5, with_phase(loud, phase), scaled(heard, loud / size))


def with_phase(magnitude: Tensor, phase: Tensor) -> Tensor:
    """Complex numbers of these; twice as fast as torch.polar."""
    return torch.complex(magnitude * phase.cos(), magnitude * phase.sin())


def size_of(bins: Tensor) -> Tensor:
    """The magnitude; three times as fast as torch.abs, which minds what overflows when it is squared."""
    real, imaginary = torch.view_as_real(bins).square().unbind(-1)
    return (real + imaginary).sqrt_()


def scaled(bins: Tensor, factor: Tensor) -> Tensor:
    """Complex times real; four times as fast as torch, which makes the real ones complex."""
    return torch.view_as_complex(torch.view_as_real(bins) * factor[..., None])
