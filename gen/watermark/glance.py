"""A first look at half of the rows, to pass over what carries no mark.

Most audio carries none, or not at the speed that is tried, and to know that takes less than to read one. So only every
second row is looked at, and what a search would decode is judged by the power of its code bits. The limits leave room
for what half of the rows hear less; whatever passes is searched as if nobody had looked.
"""

from typing import Final

import numpy as np

from gen.watermark.align import BLOCK_CHIPS, Alignment, Delays, soft_chips, soft_tiles
from gen.watermark.detect import CERTAIN, THRESHOLD, WINDOW_BLOCKS, candidates, power, windows
from gen.watermark.patterns import CHIP_TILES, Pattern
from gen.watermark.tiles import STEPS, Array, clearness

# Rows between those that are looked at.
SKIP: Final = 2
_STEPS: Final = STEPS // SKIP
_CHIP_ROWS: Final = CHIP_TILES * _STEPS
_WINDOW_ROWS: Final = WINDOW_BLOCKS * BLOCK_CHIPS * _CHIP_ROWS
# With half of the rows a mark lies up to a quarter of a tile off, and fits a tenth less.
_LOSS: Final = 0.9
# Power of the code bits (see `detect.power`) at a constant delay whose pilots fit, and along a path, which there always
# is.
_LEAST_POWER: Final = 1.1
_LEAST_POWER_OF_PATH: Final = 1.15


def promising(decibels: Array, pattern: Pattern) -> bool:
    """Whether a mark of this pattern may be read here.

    decibels: float32 (rows, BANDS), every SKIP-th row of `Analysis.decibels`.
    """
    middle = max(0, len(decibels) - _WINDOW_ROWS) // 2
    # A marked track is marked everywhere: its middle says so at once.
    if middle > _WINDOW_ROWS and _promising(decibels[middle : middle + _WINDOW_ROWS], pattern):
        return True
    return _promising(decibels, pattern)


def _promising(decibels: Array, pattern: Pattern) -> bool:
    tiles = soft_tiles(decibels, _STEPS)
    pilots = pattern.pilots
    views = []
    for view in (tiles, tiles * clearness(decibels, _STEPS)):
        views.append(Alignment.of(soft_chips(view, _STEPS), pilots, _CHIP_ROWS))
    for first, last in windows(views[0].blocks):
        scores = np.stack([view.scores(first, last) for view in views])
        for score, view, delay in candidates(scores, _LOSS * THRESHOLD, _CHIP_ROWS):
            delays = np.full(last - first, delay)
            if _says(views[view], pattern, delays, first, score) > _LEAST_POWER:
                return True
    delays, _ = views[0].path()
    return any(
        _says(views[0], pattern, delays[first:last], first, 0) > _LEAST_POWER_OF_PATH
        for first, last in windows(views[0].blocks)
    )


def _says(alignment: Alignment, pattern: Pattern, delays: Delays, first: int, score: float) -> float:
    """Power of the code bits, where pilots are clear also of those weighed by them."""
    most = power(pattern, alignment.fold(delays, first))
    if score > _LOSS * CERTAIN:
        weights = alignment.reliability(delays, first, pattern.pilots)
        most = max(most, power(pattern, alignment.fold(delays, first, weights)))
    return most
