"""Tiles of audio: short-time band energies, and how far each stands out from its neighbours.

Writer and reader both look at audio through this file, so they agree about what is steady and what is lively.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from gen.watermark.patterns import BANDS, EDGES, FRAME, RATE

Array = NDArray[np.float32]

# Root of a Hann window: applied before and after the transform, frames at half a frame's distance add up to one.
WINDOW: Final = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)
WINDOW.flags.writeable = False

LEVEL: Final = 0.1
# Power per bin that counts as silence once the audio is at LEVEL: what rounding to 16 bits leaves.
FLOOR: Final = 1e-7
# Frames transformed at once: bounds the memory of long files.
BLOCK: Final = 2048
# Weights of the tiles before, at and after the one looked at: music is steady, the mark is not.
_ACROSS_TIME: Final = (-0.12, -0.38, 1.0, -0.38, -0.12)
_ACROSS_BANDS: Final = 0.45
_LIVELINESS_TILES: Final = 15
_LEAST_LIVELINESS: Final = 0.35
_OUTLIER: Final = 12.0
_NOISE_PERCENTILE: Final = 2
_NOISE_MARGIN: Final = 2.5


def level(samples: Array) -> float:
    """Factor that brings the loudest second of samples (channels, frames) at RATE to LEVEL; 0.0 for silence."""
    power = np.square(samples, dtype=np.float32).mean(axis=0)
    whole = -(-len(power) // RATE)
    seconds = np.add.reduceat(power.astype(np.float64), np.arange(whole) * RATE) / min(RATE, max(1, len(power)))
    loudest = float(np.sqrt(seconds.max())) if len(power) else 0.0
    return LEVEL / loudest if loudest > 1e-9 else 0.0


def spectra(samples: Array, hop: int) -> Iterator[tuple[int, NDArray[np.complex64]]]:
    """Short-time spectra of one channel, BLOCK frames at a time: (first frame, complex64 (frames, bins))."""
    frames = sliding_window_view(samples, FRAME)[::hop]
    for first in range(0, len(frames), BLOCK):
        yield first, np.fft.rfft(frames[first : first + BLOCK] * WINDOW, axis=1).astype(np.complex64, copy=False)


def energies(samples: Array, hop: int, scale: float = 1.0) -> Array:
    """Band energies in decibels, float32 (frames, BANDS), of samples (channels, frames) with at least one frame.

    The audio is brought to LEVEL first: its loudness does not matter. `scale` moves all band limits by a factor, to
    look for audio whose pitch was changed.
    """
    gain = np.float32(level(samples) ** 2)
    count = (samples.shape[1] - FRAME) // hop + 1
    total = np.zeros((count, BANDS), np.float32)
    weights = None if scale == 1.0 else _band_weights(scale)
    for channel in samples:
        for first, block in spectra(channel, hop):
            power = np.square(block.real) + np.square(block.imag)
            total[first : first + len(block)] += (
                np.add.reduceat(power[:, : EDGES[-1]], EDGES[:-1], axis=1)
                if weights is None
                else power[:, : len(weights)] @ weights
            )
    widths = np.diff(EDGES).astype(np.float32)
    return 10 * np.log10(gain * total + np.float32(FLOOR) * widths)


def _band_weights(scale: float) -> Array:
    """How much of each bin belongs to each scaled band: float32 (bins, BANDS)."""
    edges = np.array(EDGES) * scale
    bins = np.arange(min(FRAME // 2 + 1, int(edges[-1]) + 1))[:, None]
    inside = np.minimum(edges[1:], bins + 1) - np.maximum(edges[:-1], bins)
    return np.clip(inside, 0, 1).astype(np.float32)


def residual(decibels: Array) -> tuple[Array, Array]:
    """What of band energies (tiles, BANDS) is not steady, and how lively the music is there.

    Returns two float32 arrays of the same shape in decibels: the difference to the neighbouring tiles and bands, and
    its effective value over a third of a second.
    """
    tiles = len(decibels)
    reach = len(_ACROSS_TIME) // 2
    padded = np.pad(decibels, ((reach, reach), (0, 0)), mode="edge")
    rest = sum(np.float32(weight) * padded[k : k + tiles] for k, weight in enumerate(_ACROSS_TIME))
    sides = np.pad(rest, ((0, 0), (1, 1)), mode="edge")
    rest = rest - np.float32(_ACROSS_BANDS / 2) * (sides[:, :-2] + sides[:, 2:])
    squares = np.square(np.clip(rest, -_OUTLIER, _OUTLIER), dtype=np.float64)
    side = _LIVELINESS_TILES // 2
    sums = np.cumsum(np.pad(squares, ((side + 1, side), (0, 0)), mode="edge"), axis=0)
    # A sum that runs on leaves a rounding error below zero where nothing happens.
    mean = np.maximum(sums[_LIVELINESS_TILES:] - sums[:-_LIVELINESS_TILES], 0) / _LIVELINESS_TILES
    return rest, np.maximum(np.sqrt(mean), _LEAST_LIVELINESS).astype(np.float32)


def clearness(decibels: Array) -> Array:
    """How much of each tile's energy is not background noise: float32 (tiles, BANDS), 0 to 1.

    The weakest tiles of the audio are taken for its noise, of the same density in all bands. Where the music hardly
    rises above it, a gain given to the music can hardly be seen.
    """
    density = decibels - 10 * np.log10(np.diff(EDGES)).astype(np.float32)
    heard = density[density > 10 * np.log10(FLOOR) + 1]
    if not heard.size:
        return np.zeros_like(density)
    noise = np.percentile(heard, _NOISE_PERCENTILE)
    return np.maximum(0, 1 - _NOISE_MARGIN * np.power(10, (noise - density) / 10)).astype(np.float32)
