"""A first look at half of the rows, to pass over what carries no mark, and to be done where a mark is plain.

Most audio carries none, or not at the speed that is tried, and to know that takes less than to read one. So at first
only every second row is looked at, and what a search would decode is judged by the power of its code bits. The limits
leave room for what half of the rows hear less; whatever passes is searched as if nobody had looked, unless half of the
rows read all that passes.
"""

from typing import Final

import numpy as np

from gen.watermark.align import Alignment, Delays
from gen.watermark.detect import CERTAIN, THRESHOLD, Mark, Search, power, uncovered, windows
from gen.watermark.patterns import Pattern

# Rows between those that are looked at.
SKIP: Final = 2
# With half of the rows a mark lies up to a quarter of a tile off, and fits a tenth less.
_LOSS: Final = 0.9
# Power of the code bits (see `detect.power`) at a constant delay whose pilots fit, and along a path, which there always
# is.
_LEAST_POWER: Final = 1.1
_LEAST_POWER_OF_PATH: Final = 1.15
# A mark with this score is read as well, and found as far, in half of the rows.
_PLAIN: Final = 12.0


def promising(search: Search, known: list[Mark] | None = None) -> bool:
    """Whether a mark may be read here, besides those that are known. search: of every SKIP-th row."""
    known = known or []
    blocks = search.alignments[0].blocks
    for first, last in windows(blocks):
        for score, view, delay in search.candidates(first, last, _LOSS * THRESHOLD, known):
            delays = np.full(last - first, delay)
            if _says(search.alignments[view], search.pattern, delays, first, score) > _LEAST_POWER:
                return True
    free = uncovered(known, blocks)
    return any(
        free[first:last].mean() > 0.5
        and _says(search.alignments[0], search.pattern, search.path[0][first:last], first, 0) > _LEAST_POWER_OF_PATH
        for first, last in windows(blocks)
    )


def plain(marks: list[Mark]) -> bool:
    """Whether there are marks, and all so clear that other rows say no more of them."""
    return bool(marks) and all(mark.score > _PLAIN and np.ptp(mark.delays) == 0 for mark in marks)


def _says(alignment: Alignment, pattern: Pattern, delays: Delays, first: int, score: float) -> float:
    """Power of the code bits, where pilots are clear also of those weighed by them."""
    most = power(pattern, alignment.fold(delays, first))
    if score > _LOSS * CERTAIN:
        weights = alignment.reliability(delays, first, pattern.pilots)
        most = max(most, power(pattern, alignment.fold(delays, first, weights)))
    return most
