"""A first look at half of the rows, to pass over what carries no mark, and to be done where a mark is plain.

Most audio carries none, or not at the speed that is tried, and to know that takes less than to read one. So at first
only every second row is looked at, and each place where pilots fit is judged by them and by the power of its code bits.
Whatever passes is searched as if nobody had looked, unless half of the rows read all that passes.
"""

from typing import Final

import numpy as np

from gen.watermark.detect import Mark, Search, limit, uncovered, windows

# Rows between those that are looked at.
SKIP: Final = 2
# Pilot correlations below this many standard deviations are passed over.
_LEAST_SCORE: Final = 3.3
# What pilots and code bits promise together (see `detect.promise`) at a constant delay whose pilots fit, and code bits
# alone along a path, which there always is.
_LEAST_PROMISE: Final = 5.7
_LEAST_PROMISE_OF_PATH: Final = 2.65
# A mark with this score is read as well, and found as far, in half of the rows.
_PLAIN: Final = 12.0


def promising(search: Search, known: list[Mark] | None = None) -> bool:
    """Whether a mark may be read here, besides those that are known. search: of every SKIP-th row."""
    known = known or []
    blocks = search.alignments[0].blocks
    enough = limit(blocks, _LEAST_PROMISE)
    for first, last in windows(blocks):
        for score, alignment, delays in search.candidates(first, last, _LEAST_SCORE, known):
            if search.promise(alignment, delays, first, last, score) > enough:
                return True
    free = uncovered(known, blocks)
    return any(
        free[first:last].mean() > 0.5
        and search.promise(search.alignments[0], search.path[0], first, last, 0) > _LEAST_PROMISE_OF_PATH
        for first, last in windows(blocks)
    )


def plain(marks: list[Mark]) -> bool:
    """Whether there are marks, and all so clear that other rows say no more of them."""
    return bool(marks) and all(mark.score > _PLAIN and np.ptp(mark.delays) == 0 for mark in marks)
