"""Writing the mark: each tile a little louder or a little softer."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gen.watermark.patterns import EDGES, FRAME, PERIOD, TILE
from gen.watermark.tiles import WINDOW, Array, energies, residual, spectra

# Gain of a tile in decibels where the music's own liveliness is REFERENCE decibels; it grows with the root of the
# liveliness, because unsteady sound hides more, and stays between the two limits.
STRENGTH: Final = 0.8
REFERENCE: Final = 2.0
WEAKEST: Final = 0.3
STRONGEST: Final = 0.8


def difference(samples: Array, signs: NDArray[np.float32]) -> Array:
    """What has to be added to samples (channels, frames) at 44.1 kHz so that they carry `signs` (PERIOD, BANDS).

    All channels get the same gains, so that a downmix keeps the mark.
    """
    channels, frames = samples.shape
    result = np.zeros_like(samples)
    padded = np.pad(samples, ((0, 0), (TILE, FRAME + (-frames) % TILE)))
    changes = _gains(padded, signs) - 1
    owner = np.repeat(np.arange(len(EDGES) - 1), np.diff(EDGES))
    for channel in range(channels):
        total = np.zeros((len(changes) + 1, TILE), np.float32)
        for first, block in spectra(padded[channel], TILE):
            # Bins outside the bands stay zero: what is added to them is nothing.
            added = np.zeros_like(block)
            bins = slice(EDGES[0], EDGES[-1])
            added[:, bins] = block[:, bins] * changes[first : first + len(block), owner]
            pieces = np.fft.irfft(added, n=FRAME, axis=1) * WINDOW
            total[first : first + len(block)] += pieces[:, :TILE]
            total[first + 1 : first + len(block) + 1] += pieces[:, TILE:]
        result[channel] = total.ravel()[TILE : TILE + frames]
    return result


def _gains(samples: Array, signs: NDArray[np.float32]) -> Array:
    """Factor for each tile: float32 (tiles, BANDS)."""
    _, liveliness = residual(energies(samples, TILE))
    tiles = len(liveliness)
    wanted = np.tile(signs, (-(-tiles // PERIOD), 1))[:tiles]
    decibels = np.clip(STRENGTH * np.sqrt(liveliness / REFERENCE), WEAKEST, STRONGEST)
    return np.power(np.float32(10), decibels * wanted / 20)
