"""Whether what was made repeats a recording that the model learned from, and for how long.

Every stretch of what was made is held against every stretch of every recording, by Chromaprint codes: no index, so
nothing is overlooked. A fingerprint tells how harmony changes in time. So it knows a passage again under another
timbre, level or codec, and takes another performance in the very same tempo for a repeat too. The longer a stretch, the
less alike it has to be: a vocoder that blurs the low notes turns many bits, but never so many as other music does.
docs/generation.md has what this finds and what it does not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from gen import chromaprint
from gen.fingerprint import STEP, Fingerprint

Codes = npt.NDArray[np.uint32]
Places = npt.NDArray[np.intp]

LIMIT_SECONDS = 5.0
"""What may be repeated, if nothing else is said."""
# So many codes together, and how alike they have to be (1 all bits equal, 0 chance). Other pieces of one composer, on
# one theme, reached 0.70, 0.60 and 0.50; others 0.58, 0.49 and 0.42; a copy through mel and phase reconstruction fell
# to 0.78, 0.69 and 0.61.
_SCALES = {12: 0.8, 24: 0.68, 48: 0.58}
_SHORTEST, _LONGEST = min(_SCALES), max(_SCALES)
# And so alike its first and last 12 codes have to be, or a long stretch would reach beyond what is repeated.
_EDGE = 0.55
# A sound that is held has the same code all the time, and so has every other chord of its kind. Less change than this,
# in bits from code to code, says nothing; music has 4 to 5.
_LEAST_CHANGE = 1.0
# What is compared at a time: some 16 MB, however long both are.
_ROWS, _COLUMNS = 256, 4096

# A code hears 2.7 s: at the edge of what is repeated, it hears half of it and half of something else.
_HALF = (chromaprint.SHORTEST / chromaprint.RATE - STEP) / 2

SHORTEST_SECONDS = _SHORTEST * STEP
"""What is shorter is not noticed: 1.5 s; within other music, what is shorter than some 3 s is not either."""


@dataclass(frozen=True)
class Repeat:
    """A stretch of what was made that some recording has too.

    seconds: how long. recording: its place among those compared. at, there: where it begins in what was made and in
    the recording, in seconds. similarity: mean agreement of the bits, 1 all, 0 chance.
    """

    seconds: float
    recording: int
    at: float
    there: float
    similarity: float


def longest_repeat(made: Fingerprint, known: Iterable[Fingerprint]) -> Repeat | None:
    """The longest stretch of what was made that is found in one of these recordings; None if there is none.

    The first of equally long ones is told.
    """
    best: Repeat | None = None
    for number, recording in enumerate(known):
        found = _longest(made.codes, recording.codes)
        if found is not None:
            first, offset, count = found
            begin, end = _begin(first), _end(first + count, len(made.codes))
            if best is None or end - begin > best.seconds:
                ours = made.codes[first : first + count]
                theirs = recording.codes[first + offset : first + offset + count]
                similarity = 1 - float(np.bitwise_count(ours ^ theirs).mean()) / 16
                best = Repeat(end - begin, number, begin, max(0.0, begin + offset * STEP), similarity)
    return best


def _begin(code: int) -> float:
    """Where a stretch begins, in seconds, whose first code this is."""
    return 0.0 if code == 0 else code * STEP + _HALF


def _end(code: int, codes: int) -> float:
    """Where a stretch ends, in seconds, after whose last code this one comes, of so many in all."""
    return code * STEP + (2 * _HALF if code == codes else _HALF)


def _longest(made: Codes, known: Codes) -> tuple[int, int, int] | None:
    """First code, offset in the recording, and number of codes of the longest run at one offset."""
    firsts, lasts, offsets = [], [], []
    telling = {count: _telling(made, count) for count in _SCALES}
    for first, begin in product(range(0, len(made), _ROWS), range(0, len(known), _COLUMNS)):
        rows, columns = (
            codes[at : at + most + _LONGEST - 1] for codes, at, most in ((made, first, _ROWS), (known, begin, _COLUMNS))
        )
        sums = dict(_differences(rows, columns))
        short = sums[_SHORTEST]
        for count, alike in _SCALES.items():
            here, there = np.nonzero(sums[count][:_ROWS, :_COLUMNS] <= (1 - alike) * 16 * count)
            last = count - _SHORTEST
            edges = np.maximum(short[here, there], short[here + last, there + last])
            kept = (edges <= (1 - _EDGE) * 16 * _SHORTEST) & telling[count][first + here]
            here, there = here[kept] + first, there[kept] + begin
            firsts.append(here)
            lasts.append(here + count)
            offsets.append(there - here)
    if not firsts:
        return None
    return _longest_run(np.concatenate(firsts), np.concatenate(lasts), np.concatenate(offsets))


def _longest_run(firsts: Places, lasts: Places, offsets: Places) -> tuple[int, int, int] | None:
    """Join stretches from `firsts` to `lasts` that touch at one offset: first code, offset, length of the longest."""
    if len(firsts) == 0:
        return None
    order = np.lexsort((firsts, offsets))
    firsts, lasts, offsets = firsts[order], lasts[order], offsets[order]
    # One number line with room between offsets, on which the farthest end so far can be told.
    room = int(lasts.max()) + 1
    line = (offsets - offsets[0]) * room
    reached = np.maximum.accumulate(line + lasts)
    begins = np.concatenate([[True], (line + firsts)[1:] > reached[:-1]])
    starts = np.flatnonzero(begins)
    ends = reached[np.concatenate([starts[1:], [len(firsts)]]) - 1] - line[starts]
    counts = ends - firsts[starts]
    longest = int(np.argmax(counts))
    place = starts[longest]
    return int(firsts[place]), int(offsets[place]), int(counts[longest])


def _telling(codes: Codes, count: int) -> npt.NDArray[np.bool_]:
    """Which stretches of `count` codes change enough to be known by, (n - count + 1,)."""
    if len(codes) < count:
        return np.zeros(0, bool)
    changes = np.concatenate([[0], np.cumsum(np.bitwise_count(codes[1:] ^ codes[:-1]), dtype=np.int64)])
    within = changes[count - 1 :] - changes[: len(codes) - count + 1]
    telling: npt.NDArray[np.bool_] = within >= _LEAST_CHANGE * (count - 1)
    return telling


def _differences(made: Codes, known: Codes) -> Iterator[tuple[int, npt.NDArray[np.uint16]]]:
    """How many bits differ between stretches of 12, 24 and 48 codes.

    Yields the number and uint16 (len(made) - number + 1, len(known) - number + 1), empty where there are fewer. Silence
    differs from everything by half of all bits.
    """
    bits = np.bitwise_count(made[:, None] ^ known[None, :]).astype(np.uint16)
    bits[made == chromaprint.SILENCE] = 16
    bits[:, known == chromaprint.SILENCE] = 16
    four = _doubled(_doubled(bits, 1), 2)
    eight = _doubled(four, 4)
    twelve = eight[:-4, :-4] + four[8:, 8:]
    twenty_four = _doubled(twelve, 12)
    yield 12, twelve
    yield 24, twenty_four
    yield 48, _doubled(twenty_four, 24)


def _doubled(sums: npt.NDArray[np.uint16], count: int) -> npt.NDArray[np.uint16]:
    """Sums along diagonals over `count`, to sums over twice as many; none where there are too few."""
    return sums[:-count, :-count] + sums[count:, count:]
