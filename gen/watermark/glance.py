"""A first look at half of the rows, to pass over what carries no mark, and to be done where a mark is plain.

Most audio carries none, or not at the speed that is tried, and to know that takes less than to read one. So at first
only every second row is looked at, and each place where pilots fit is judged by them and by the power of its code bits.
Where these promise just enough, they have to do so once more by what could not be foretold of the audio (`surprise`).
Whatever passes is searched as if nobody had looked, unless half of the rows read all that passes.
"""

from typing import Final

import numpy as np

from gen.watermark.align import BLOCK_CHIPS, Delays
from gen.watermark.detect import Mark, Search, limit, power, promise, uncovered, windows
from gen.watermark.surprise import HEARING, soft_surprise
from gen.watermark.tiles import STEPS

# Of so many rows one is looked at.
SKIP: Final = 2
# The sides of stereo seldom say what all channels together do not: of them it is fewer rows, of so many seconds.
SKIP_OF_SIDES: Final = 4
SECONDS_OF_SIDES: Final = 30
# Pilot correlations below this many standard deviations are passed over.
_LEAST_SCORE: Final = 3.3
# What pilots and code bits promise together (see `detect.promise`) at a constant delay whose pilots fit, how much more
# leaves no doubt, and what surprise has to promise there otherwise; and code bits alone along a path, which there
# always is.
LEAST_PROMISE: Final = 5.2
LEAST_PROMISE_OF_SIDES: Final = 6.5
_NO_DOUBT: Final = 2.5
_LEAST_PROMISE_OF_SURPRISE: Final = 5.3
_LEAST_PROMISE_OF_PATH: Final = 2.65
# A mark with this score is read as well, and found as far, in half of the rows.
_PLAIN: Final = 9.0


def promising(search: Search, known: list[Mark] | None = None, least: float = LEAST_PROMISE) -> bool:
    """Whether a mark may be read here, besides those that are known. search: of some rows. least: to be promised."""
    known = known or []
    blocks = search.alignments[0].blocks
    enough = limit(blocks, least)
    hopes = []
    for first, last in windows(blocks):
        for score, alignment, delays in search.candidates(first, last, _LEAST_SCORE, known):
            promised = search.promise(alignment, delays, first, last, score)
            if promised > enough + _NO_DOUBT:
                return True
            if promised > enough:
                hopes.append((delays, first, last))
    if any(_surprising(search, *hope) > limit(blocks, _LEAST_PROMISE_OF_SURPRISE) for hope in hopes):
        return True
    free = uncovered(known, blocks)
    return any(
        free[first:last].mean() > 0.5
        and search.promise(search.alignments[0], search.path[0], first, last, 0) > _LEAST_PROMISE_OF_PATH
        for first, last in windows(blocks)
    )


def _surprising(search: Search, delays: Delays, first: int, last: int) -> float:
    """What surprise promises in these blocks, by themselves."""
    steps = STEPS // search.skip
    begin, end = (block * BLOCK_CHIPS * search.chip_rows for block in (first, last))
    rows = search.decibels[begin : end + steps]
    chips = soft_surprise(rows, steps)
    most = 0.0
    for ear in HEARING:
        alignment = search.aligned(chips * ear(rows, steps))
        here = delays[first:last] - begin
        pilots = alignment.evidence(here, 0, search.pattern.pilots)
        most = max(most, promise(search.pattern, pilots.score, power(search.pattern, alignment.fold(here, 0))))
    return most


def plain(marks: list[Mark]) -> bool:
    """Whether there are marks, and all so clear that other rows say no more of them."""
    return bool(marks) and all(mark.score > _PLAIN and np.ptp(mark.delays) == 0 for mark in marks)
