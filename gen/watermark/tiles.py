"""Tiles of audio: short-time band energies, and how far each stands out from its neighbours.

Writer and reader both look at audio through this file, so they agree where tiles and bands lie. Audio of every rate is
looked at as it is: frames, steps and bands have the same length in seconds and width in Hz at all of them, to within a
sample and a Fourier bin.
"""

from collections.abc import Iterable, Iterator
from math import floor
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.typing import NDArray

from gen.watermark.patterns import BANDS, EDGES_HZ, FRAME, RATE, TILE

Array = NDArray[np.float32]

# Readers do not know where the tiles begin: they look every STEP samples (of RATE), four times in a tile.
STEPS: Final = 4
STEP: Final = TILE // STEPS

LEVEL: Final = 0.1
# Power density (per sample and channel, as in a periodogram divided by the window's energy) that counts as silence:
# about what rounding to 16 bits leaves.
FLOOR: Final = 2e-10
# Frames transformed at once: they stay in a core's cache.
BLOCK: Final = 128
# The most that `Analysis.decibels` may be asked to move the bands by.
HIGHEST_PITCH: Final = 1.15
# What is taken off for the first and second tile before and after: music is steady, the mark is not.
_ACROSS_TIME: Final = (0.45, 0.05)
_LIVELINESS_TILES: Final = 7
_LEAST_LIVELINESS: Final = 0.35
_OUTLIER: Final = 12.0
_AROUND: Final = 9
_PEAK: Final = (-2.0, 8.0)
_LEAST_TRUST: Final = 0.2
_NOISE_PERCENTILE: Final = 2
_NOISE_MARGIN: Final = 2.5

# How many tiles to either side a tile's liveliness depends on.
REACH: Final = len(_ACROSS_TIME) + _LIVELINESS_TILES // 2


def _surroundings() -> Array:
    """What makes the means of bands and those around them; the outermost are their own neighbours: (BANDS, BANDS)."""
    bands, means = np.arange(BANDS), np.zeros((BANDS, BANDS), np.float32)
    for step in range(-(_AROUND // 2), _AROUND // 2 + 1):
        means[np.clip(bands + step, 0, BANDS - 1), bands] += np.float32(1 / _AROUND)
    return means


_SURROUNDINGS: Final = _surroundings()


def _smooth(number: float) -> int:
    """The even number nearest to `number` of which Fourier transforms are fast: no prime factor above 11."""
    centre = max(2, 2 * round(number / 2))
    near = [centre + 2 * k for k in range(-8, 9) if centre + 2 * k >= 2]
    return min((n for n in near if _is_smooth(n)), key=lambda n: abs(n - number), default=centre)


def _is_smooth(number: int) -> bool:
    for prime in (2, 3, 5, 7, 11):
        while number % prime == 0:
            number //= prime
    return number == 1


class Analysis:
    """How audio of one rate is cut into frames and bands.

    tempo: how much faster the audio is believed to play than when it was marked; its tiles are that much shorter.
    frame: samples of a frame. step: samples from one to the next. window: float32 (frame,), the root of a Hann window,
    applied before and after the transform. edges: band limits in bins; the first `bands` bands lie within what the rate
    can hold. bins: how many Fourier bins the bands may need.
    """

    def __init__(self, rate: int, tempo: float = 1.0) -> None:
        self.rate = rate
        self._tile = TILE * rate / RATE / tempo
        self.step = self._tile / STEPS
        self.frame = _smooth(FRAME * rate / RATE)
        self.window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.frame) / self.frame)).astype(np.float32)
        # In bins; the lowest bands of odd rates may not lose their two bins to rounding.
        edges = np.round(np.array(EDGES_HZ) * self.frame / rate).astype(np.intp)
        self.bands = int(np.searchsorted(edges, self.frame // 2 + 1, side="right")) - 1
        self.edges = edges[: self.bands + 1]
        self.bins = min(self.frame // 2 + 1, int(EDGES_HZ[-1] * self.frame / rate * HIGHEST_PITCH) + 2)
        self.energy = float(np.square(self.window, dtype=np.float64).sum())
        self._frames = np.empty((0, self.frame), np.float32)  # used again and again
        self._floors = (FLOOR * self.frame / rate * np.diff(EDGES_HZ)).astype(np.float32)

    def begins(self, first: int, last: int, per_tile: int = STEPS) -> NDArray[np.intp]:
        """First samples of the steps from `first` until before `last`; a tile has `per_tile` steps."""
        return np.floor(np.arange(first, last) * (self._tile / per_tile) + 0.5).astype(np.intp)

    def begin(self, tile: int) -> int:
        """First sample of a tile: what `begins` gives for one alone."""
        return floor(tile * self._tile + 0.5)

    def steps_in(self, samples: int) -> int:
        """How many whole frames, one every step, lie in so many samples."""
        most = max(0, int((samples - self.frame) / (self._tile / STEPS)) + 2)
        return int(np.count_nonzero(self.begins(0, most) + self.frame <= samples))

    def spectra(self, channel: Array, begins: NDArray[np.intp]) -> NDArray[np.complex64]:
        """Short-time spectra of the frames of one channel that begin there: complex64 (frames, bins)."""
        from scipy.fft import rfft

        if len(self._frames) < len(begins):
            self._frames = np.empty((len(begins), self.frame), np.float32)
        frames = self._frames[: len(begins)]
        hop = int(begins[1] - begins[0]) if len(begins) > 1 else 1
        if int(begins[-1] - begins[0]) == (len(begins) - 1) * hop:
            # Evenly spaced, as at the usual rates: windowed where they lie.
            channel = channel[begins[0] : begins[-1] + self.frame]
            (sample,) = channel.strides
            np.multiply(as_strided(channel, frames.shape, (hop * sample, sample)), self.window, out=frames)
        else:
            np.multiply(sliding_window_view(channel, self.frame)[begins], self.window, out=frames)
        return np.asarray(rfft(frames, axis=1, overwrite_x=True), np.complex64)

    def powers(self, samples: Array, skip: int = 1, begin: int = 0) -> Iterator[Array]:
        """Power spectra, summed over the channels, of the frame at every `skip`-th step: float32 (frames, bins).

        begin: the step of the first one. They come in blocks. Bins above the highest band are left out.
        """
        steps = -(-(self.steps_in(samples.shape[1]) - begin) // skip)
        for first in range(0, steps, BLOCK):
            begins = self.begins(begin + first * skip, begin + min(steps, first + BLOCK) * skip)[::skip]
            power = _energies([self.spectra(channel, begins) for channel in samples], slice(2 * self.bins))
            yield power[:, 0::2] + power[:, 1::2]

    def decibels(self, power: Array, gain: float = 1.0, pitch: float = 1.0) -> Array:
        """Band energies in decibels, float32 (frames, BANDS), of power spectra (frames, bins).

        gain: factor for the power. pitch: moves all band limits by a factor, to look for audio that was transposed.
        """
        if pitch == 1.0:
            return self.levels(np.add.reduceat(power[:, : self.edges[-1]], self.edges[:-1], axis=1), gain)
        weights = self._weights(pitch)
        return self.levels(power[:, : len(weights)] @ weights, gain)

    def levels(self, energies: Array, gain: float = 1.0) -> Array:
        """Decibels, float32 (frames, BANDS), of band energies (frames, bands); what the rate cannot hold is silent."""
        total = np.zeros((len(energies), BANDS), np.float32)
        np.multiply(energies, np.float32(gain / self.energy), out=total[:, : energies.shape[1]])
        total += self._floors
        np.log10(total, out=total)
        total *= 10
        return total

    def _weights(self, pitch: float) -> Array:
        """How much of each bin belongs to each band moved by `pitch`: float32 (bins, BANDS)."""
        edges = np.array(EDGES_HZ) * self.frame / self.rate * pitch
        bins = np.arange(min(self.frame // 2 + 1, int(edges[-1]) + 1))[:, None]
        inside = np.minimum(edges[1:], bins + 1) - np.maximum(edges[:-1], bins)
        return np.clip(inside, 0, 1).astype(np.float32)


def _energies(spectra: Iterable[NDArray[np.complex64]], parts: slice) -> Array:
    """Squares of real and imaginary parts, side by side, summed over the channels: float32 (frames, parts)."""
    squares = (np.square(channel.view(np.float32)[:, parts]) for channel in spectra)
    total = next(squares)
    for other in squares:
        total += other
    return total


def level(samples: Array, rate: int) -> float:
    """Factor that brings the loudest second of samples (channels, frames) to LEVEL; 0.0 for silence."""
    frames = samples.shape[1]
    if not frames:
        return 0.0
    loudest = 0.0
    for start in range(0, frames, rate):
        second = samples[:, start : start + rate]
        power = sum(float(np.square(channel).sum()) for channel in second) / len(samples)
        # What is left at the end may be a few loud samples; a short rest counts as if it were half a second.
        loudest = max(loudest, power / max(second.shape[1], min(frames, rate // 2)))
    return LEVEL / float(np.sqrt(loudest)) if loudest > 1e-18 else 0.0


def residual(decibels: Array, steps: int) -> tuple[Array, Array]:
    """What of band energies (rows, BANDS) is not steady, and how lively the music is there.

    steps: rows in a tile. Returns two float32 arrays of the same shape in decibels: the difference to the neighbouring
    tiles, and its effective value over a twelfth of a second.
    """
    from scipy.ndimage import uniform_filter1d

    rows, reach = len(decibels), len(_ACROSS_TIME) * steps
    padded = np.concatenate([np.repeat(decibels[:1], reach, axis=0), decibels, np.repeat(decibels[-1:], reach, axis=0)])
    rest = decibels.copy()
    for tiles, weight in enumerate(_ACROSS_TIME, 1):
        near = padded[reach - tiles * steps :][:rows] + padded[reach + tiles * steps :][:rows]
        near *= np.float32(weight)
        rest -= near
    squares = np.square(rest)
    np.minimum(squares, np.float32(_OUTLIER**2), out=squares)
    mean = uniform_filter1d(squares, 2 * (_LIVELINESS_TILES // 2 * steps) + 1, axis=0, mode="nearest")
    # A sum that runs on leaves a rounding error below zero where nothing happens.
    np.maximum(mean, np.float32(_LEAST_LIVELINESS**2), out=mean)
    return rest, np.sqrt(mean, out=mean)


def height(decibels: Array, steps: int = STEPS) -> Array:
    """How far each tile rises above its surroundings, nine tiles by nine bands: float32 (rows, BANDS), decibels."""
    from scipy.ndimage import uniform_filter1d

    rows = len(decibels)
    padded = np.concatenate([decibels, np.repeat(decibels[-1:], -rows % steps, axis=0)])
    tiles = padded.reshape(-1, steps, BANDS).mean(axis=1) @ _SURROUNDINGS
    around = uniform_filter1d(tiles, _AROUND, axis=0, mode="nearest")
    padded.reshape(-1, steps, BANDS)[:] -= around[:, None]
    return padded[:rows]


def trust(heights: Array, least: float, most: float) -> Array:
    """A fifth below `least` decibels, 1 above `most`, and a straight line between: float32, of the same shape."""
    share = np.clip((heights - np.float32(least)) / np.float32(most - least), 0, 1)
    share *= np.float32(1 - _LEAST_TRUST)
    share += np.float32(_LEAST_TRUST)
    return share


def prominence(decibels: Array, steps: int = STEPS) -> Array:
    """How far each tile is trusted by its height: float32 (rows, BANDS). Encoders keep peaks, noise leaves them."""
    return trust(height(decibels, steps), *_PEAK)


def clearness(decibels: Array, steps: int = STEPS) -> Array:
    """How much of each tile's energy is not background noise: float32 (rows, BANDS), 0 to 1. steps: rows in a tile.

    The weakest tiles of the audio are taken for its noise, of the same density in all bands. Where the music hardly
    rises above it, a gain given to the music can hardly be seen.
    """
    density = decibels - 10 * np.log10(np.diff(EDGES_HZ)).astype(np.float32)
    silence = 10 * np.log10(FLOOR * FRAME / RATE)
    # Rows overlap: one in a tile has seen all.
    some = density[::steps]
    heard = some[some > silence + 1]
    if not heard.size:
        return np.zeros_like(density)
    noise = np.percentile(heard, _NOISE_PERCENTILE)
    density -= np.float32(noise)
    density *= np.float32(-np.log(10) / 10)
    covered = np.exp(density, out=density)
    covered *= np.float32(-_NOISE_MARGIN)
    covered += 1
    return np.maximum(covered, 0, out=covered)
