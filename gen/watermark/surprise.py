"""Chips by what nobody could have foretold of them: the slow way, for where a mark is heard but cannot be read.

What the usual reader takes off each tile is the same for all music. Here it is learned from the very audio, band by
band: a chip is foretold from the tiles around it by least squares, and what is left is its surprise. A sum of music and
noise, an echo, or an encoder hide the mark in some tiles more than in others, and so there is more than one way to
trust them: EARS.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from gen.watermark.patterns import BANDS
from gen.watermark.tiles import STEPS, Array, clearness, prominence, trust

# Tiles from the first of a chip on by which it is foretold: of its own band all but itself, of its neighbours those
# beside it too.
_OWN_BAND: Final = (-3, -2, -1, 2, 3, 4)
_NEIGHBOURS: Final = (-1, 0, 1, 2)
_NEAREST_BANDS: Final = (-2, -1, 1, 2)
# What is learned is drawn towards nothing: the marks of the neighbours are noise, and short audio teaches little.
_RIDGE: Final = 0.3
_LEVEL_TILES: Final = 61
_SPREAD_TILES: Final = 31
_LIVELINESS_TILES: Final = 11
_LEAST_LIVELINESS: Final = 0.5
_SHARPNESS: Final = 0.8
# Decibels beyond which a chip is an accident.
_OUTLIER: Final = 12.0
_CLIPPED: Final = 20.0
# How a room of half a second's reverberation goes on sounding, tile by tile.
_DECAY: Final = 0.73
_DECAY_TILES: Final = 11
_ONSET: Final = (-2.0, 6.0)


def surprise(decibels: Array, steps: int = STEPS) -> Array:
    """Chips less what foretells them, in decibels: float32 (rows - steps, BANDS), one that begins at every row.

    decibels: float32 (rows, BANDS), `steps` rows a tile.
    """
    from scipy.ndimage import uniform_filter1d

    rows = len(decibels) - steps
    bands = np.ascontiguousarray(decibels.T)
    chips = bands[:, :rows] - bands[:, steps:]
    bands -= uniform_filter1d(bands, _LEVEL_TILES * steps, axis=1, mode="nearest")
    first = min(_OWN_BAND)
    padded = np.pad(bands, ((0, 0), (-first * steps, (max(_OWN_BAND) - 1) * steps)), mode="edge")
    tiles = {tile: padded[:, (tile - first) * steps :][:, :rows] for tile in {*_OWN_BAND, *_NEIGHBOURS}}
    spread = uniform_filter1d(
        np.minimum(np.square(chips), np.float32(_OUTLIER**2)), _SPREAD_TILES * steps, axis=1, mode="nearest"
    )
    every = max(1, steps // 2)
    certain = 1 / (spread + np.float32(_LEAST_LIVELINESS**2))
    for band in range(BANDS):
        near = [band + step for step in _NEAREST_BANDS if 0 <= band + step < BANDS]
        known = np.stack(
            [tiles[tile][band] for tile in _OWN_BAND] + [tiles[tile][other] for other in near for tile in _NEIGHBOURS]
        )
        # Two rows of each tile say it all.
        some = known[:, ::every]
        weighed = some * certain[band, ::every]
        products = (weighed @ some.T).astype(np.float64)
        wanted = weighed @ np.clip(chips[band, ::every], -_CLIPPED, _CLIPPED)
        products[np.diag_indices(len(known))] *= 1 + _RIDGE
        products[np.diag_indices(len(known))] += 1e-3
        chips[band] -= np.linalg.solve(products, wanted.astype(np.float64)).astype(np.float32) @ known
    return np.ascontiguousarray(chips.T)


def soft_surprise(decibels: Array, steps: int = STEPS) -> Array:
    """Soft chips, of the same shape as `surprise`: each weighted by how calm it is around, and none outvotes others."""
    from scipy.ndimage import uniform_filter1d

    rest = surprise(decibels, steps)
    squares = np.minimum(np.square(rest), np.float32(_CLIPPED**2))
    mean = uniform_filter1d(squares, _LIVELINESS_TILES * steps, axis=0, mode="nearest", output=squares)
    liveliness = np.sqrt(np.maximum(mean, np.float32(_LEAST_LIVELINESS**2)))
    rest *= np.float32(_SHARPNESS) / liveliness
    np.tanh(rest, out=rest)
    rest /= np.sqrt(liveliness)
    if steps < STEPS:
        return rest
    # Looked at a quarter of a tile early and late, a chip is nearly the same, and its surroundings are not.
    soft = rest / 2
    soft[1:] += rest[:-1] / 4
    soft[:-1] += rest[1:] / 4
    return soft


def _all(decibels: Array, steps: int) -> Array:
    """Each tile is trusted like the other."""
    return np.ones((len(decibels) - steps, BANDS), np.float32)


def _clear(decibels: Array, steps: int) -> Array:
    """Without what background noise seems to cover."""
    clear = clearness(decibels, steps)
    return np.minimum(clear[:-steps], clear[steps:])


def _peaks(decibels: Array, steps: int) -> Array:
    """What rises above its surroundings in time and frequency: encoders keep it, and noise does not reach it."""
    peaks = prominence(decibels, steps)
    return (peaks[:-steps] + peaks[steps:]) / 2


def _onsets(decibels: Array, steps: int) -> Array:
    """What is louder than the sound before it would still be in a room."""
    powers = _powers(decibels)
    padded = np.pad(powers, ((_DECAY_TILES * steps, 0), (0, 0)), mode="edge")
    late = np.zeros_like(powers)
    for tile in range(1, _DECAY_TILES + 1):
        late += np.float32((1 - _DECAY) * _DECAY**tile) * padded[(_DECAY_TILES - tile) * steps :][: len(powers)]
    return trust(10 * np.log10(_chip_powers(powers, steps) / late[:-steps]), *_ONSET)


def _clear_peaks(decibels: Array, steps: int) -> Array:
    return _clear(decibels, steps) * _peaks(decibels, steps)


def _clear_onsets(decibels: Array, steps: int) -> Array:
    return _clear(decibels, steps) * _onsets(decibels, steps)


EARS: Final[tuple[Callable[[Array, int], Array], ...]] = (_all, _peaks, _onsets, _clear, _clear_peaks, _clear_onsets)
"""How far each chip is trusted: float32 (rows - steps, BANDS), 0 to 1, by decibels (rows, BANDS) and rows in a tile."""
HEARING: Final = (_all, _peaks, _clear_peaks)
"""Those that find a mark where it is: the others find few that these do not."""


def _powers(decibels: Array) -> Array:
    return np.exp(decibels * np.float32(np.log(10) / 10)) + np.float32(1e-12)


def _chip_powers(powers: Array, steps: int) -> Array:
    """The mean of the two tiles of the chip that begins at each row."""
    return (powers[:-steps] + powers[steps:]) / 2
