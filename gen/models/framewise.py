"""What a processor does to a spectrogram frame by frame, while the frame lies in its nearest cache.

Each does what the function beside its name in `gen.models.phase` does on a GPU, but for rounding (`followed` without
that). numba compiles it where it is first called: some seconds, once per installation, kept in numba's own cache.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gen.numba_cache import compiled

LEAST = 1e-5
"""The smallest magnitude of a bin."""
FLAT, TINY = 1e-3, 1e-8
"""A peak that is flatter than this part of its height, or than this, has no summit that rounding would not move."""
_Floats = NDArray[np.float32]


class Triangles(NamedTuple):
    """Bands of which no more than two hear a bin, one beside the other.

    lower: of each bin, the first of the two (bins,), counted from 1; 0 and bands + 1 stand for none. weights: how it is
    heard by that and by the next one (2, bins).
    """

    lower: NDArray[np.int64]
    weights: NDArray[Any]

    @classmethod
    def of(cls, basis: NDArray[Any]) -> "Triangles":
        """Of a matrix (bands, bins), whose dtype the weights have."""
        padded, place = np.pad(basis, ((1, 1), (0, 0))), np.arange(basis.shape[1])
        lower = (padded > 0).argmax(axis=0)
        return cls(lower, np.stack([padded[lower, place], padded[lower + 1, place]]))


_TYPES = {
    "breathed": "void(float32[:, ::1], float32[:, ::1], float32[:, ::1], float32[:, ::1], float32[:, ::1],"
    " float32[:, ::1], float64, float32[:, ::1])",
    "followed": "void(float32[:, ::1], float64[::1], float32[:, ::1], float64, float32[:, ::1])",
}
"""Of one kind each: two processes that compile the same at once leave the same."""


@lru_cache(maxsize=2)
def quick(function: Callable[..., None]) -> Any:
    """The same in the processor's own instructions.

    Not `followed`, whose outcome grows with the music, may be rounded as suits the processor. Dividing is as numpy's:
    to ask first whether it is by zero takes longer, and keeps vectors away.
    """
    fast = set() if function is followed else {"contract", "reassoc", "arcp"}
    return compiled(function, _TYPES[function.__name__], fastmath=fast, error_model="numpy", nogil=True)


def followed(level: _Floats, last: NDArray[np.float64], lean: _Floats, advance: float, phase: _Floats) -> None:
    """Fill in the phase (T, bins) of magnitudes (T, bins), by following peaks (`followed_together`).

    last: the phase of the frame before the first, but for pi * bin, by which peaks alternate (bins,); is overwritten.
    lean: (T, bins). advance: of a steady tone within a frame, for each bin that it is higher.
    """
    frames, bins = level.shape
    flat, tiny, half, turn = np.float32(FLAT), np.float32(TINY), np.float32(0.5), 2 * math.pi
    places, angles = np.empty(bins, np.int64), np.empty(bins, np.float64)
    for t in range(frames):
        row, count = level[t], 0
        for j in range(1, bins - 1):
            if row[j] > row[j - 1] and row[j] >= row[j + 1]:
                places[count] = j
                count += 1
        if count == 0:  # each bin is its own
            count = bins
            for j in range(bins):
                places[j] = j
        for i in range(count):
            j = places[i]
            left, here, right = row[max(j - 1, 0)], row[j], row[min(j + 1, bins - 1)]
            offset = half * (right - left) / max(np.float32(2) * here - left - right, flat * here, tiny)
            angle = last[j] - lean[t, j] + advance * (j + min(max(offset, -half), half))
            angles[i] = angle - turn * math.floor(angle / turn)
        begin = 0
        for i in range(count):
            end = bins if i == count - 1 else (places[i] + places[i + 1]) // 2 + 1
            for j in range(begin, end):
                last[j] = angles[i] + lean[t, j]
            begin = end
        for j in range(bins):
            phase[t, j] = last[j] + math.pi * (j % 2)


def breathed(
    noise: _Floats,
    magnitude: _Floats,
    tone: _Floats,
    low: _Floats,
    cosine: _Floats,
    sine: _Floats,
    usual: float,
    made: _Floats,
) -> None:
    """Fill in made (T, 2 * bins), real and imaginary parts in turn, as `breathed_together`.

    noise: the same of white noise (T, 2 * bins), of which `usual` is the mean magnitude. magnitude, and tone 0 to 1
    (T, bins), which is nowhere less than low (1, bins). cosine and sine of the phase (T, bins).
    """
    frames, bins = magnitude.shape
    least, half, one, mean = np.float32(LEAST), np.float32(0.5), np.float32(1), np.float32(usual)
    for t in range(frames):
        for j in range(bins):
            real, imaginary = noise[t, 2 * j], noise[t, 2 * j + 1]
            size = max(np.sqrt(real * real + imaginary * imaginary), least)
            tonal = max(tone[t, j], low[0, j])
            loud = magnitude[t, j] * (tonal + (one - tonal) * (size / mean))
            made[t, 2 * j] = loud * (cosine[t, j] if tonal > half else real / size)
            made[t, 2 * j + 1] = loud * (sine[t, j] if tonal > half else imaginary / size)
