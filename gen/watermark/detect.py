"""Finding marks: where the pilots fit, read the code; where the tag fits, measure how far the mark reaches.

Audio is searched in overlapping windows, so that a file may hold several marked tracks, one after another or one over
another, and then once more as a whole, for marks too weak for one window. In each window the pilots choose at most
CANDIDATES constant delays and one path of changing delays. What has code bits no stronger than noise is not decoded;
everything decoded counts against the probability of a false mark.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gen.watermark.align import BLOCK_STEPS, CHIP_STEPS, DELAYS, Alignment, Delays, soft_chips, soft_tiles
from gen.watermark.patterns import CHIP_TILES, PILOT_SHARE, RATE, Pattern
from gen.watermark.payload import TAG_BYTES, decodings, encode
from gen.watermark.tiles import STEP, STEPS, Array, clearness, prominence
from gen.watermark.worth import worth

CANDIDATES: Final = 4
# What is decoded of each: what the usual rounds find, and one more.
TRIES: Final = 2
# So many a search decodes at most: more would let a mark be seen by accident in one of 1e9 files.
MOST_DECODED: Final = int(1e-9 * 2 ** (8 * TAG_BYTES))
# Pilot correlations below this many standard deviations are not decoded.
THRESHOLD: Final = 4.2
# Above this many there is hardly a doubt that a mark is there.
CERTAIN: Final = 4.4
BLOCK_SECONDS: Final = BLOCK_STEPS * STEP / RATE
WINDOW_SECONDS: Final = 15
WINDOW_BLOCKS: Final = round(WINDOW_SECONDS / BLOCK_SECONDS)
# Power of the code bits over that of noise. A code of rate 1/6 cannot be decoded below 1.26 (Shannon, "A Mathematical
# Theory of Communication", 1948); of so few bits it is measured to within 0.06, and below this limit nobody tries.
_LEAST_POWER: Final = 1.06
# A path that wanders may pass for a mark with less than this per block; below it nothing can be read either.
_LEAST_PATH: Final = 1.0
# What is taken off for neighbours lets a mark be heard up to so many steps beside its place.
_NEAR: Final = 2 * CHIP_STEPS
# By so much, times its logarithm, the highest promise of unmarked audio grows with the number of windows.
_A_WINDOW_MORE: Final = 0.38


@dataclass(frozen=True)
class Detection:
    """One mark that was found.

    id: the 8 bytes it says (16 if the watermark was asked for those). score: pilot correlation in standard deviations
    of unmarked audio; of a plain mark, which is read from half of what there is, up to a quarter less. start, end: the
    part of the audio that carries it, in seconds, good to about a second. false_positive: an upper bound for the
    probability that this search would have reported anything in audio made without the key (candidates decoded times
    2**-40), at most 1e-9. tempo, pitch: how much faster and higher the audio is than when it was marked; beyond half a
    per cent only if that was searched for, and the pitch then to within 3 %. A mark that can be read as the audio is,
    as some can a semitone off, says 1 for both.
    """

    id: bytes
    score: float
    start: float
    end: float
    false_positive: float
    tempo: float = 1.0
    pitch: float = 1.0


@dataclass(frozen=True, eq=False)
class Mark:
    """A mark in one alignment: its id, score, first and last block, and the delay of each block in steps.

    skip: how many steps the rows were apart in which it was found.
    """

    id: bytes
    score: float
    first: int
    last: int
    delays: Delays
    skip: int = 1

    @property
    def tempo(self) -> float:
        """How much faster than nominal the pattern runs, by the slow drift of the delay."""
        turns = np.unwrap(self.delays[self.first : self.last].astype(np.float64), period=DELAYS)
        drift = np.diff(turns)
        # Splices jump; what they jump says nothing about speed.
        slow = drift[np.abs(drift) <= self.skip]
        return 1.0 - float(slow.mean()) / BLOCK_STEPS if len(slow) >= 8 else 1.0


class Search:
    """One search for the marks of one key; goes on counting the candidates that were decoded before it.

    decibels: float32 (rows, BANDS), every `skip`-th row of `Analysis.decibels`; 1, 2 or 4.
    """

    def __init__(self, decibels: Array, key: bytes, id_bytes: int, decoded: int = 0, skip: int = 1) -> None:
        self.decibels = decibels
        self.key = key
        self.pattern = Pattern.of(key, id_bytes)
        self.decoded = decoded
        self.skip = skip
        pilots, rows = self.pattern.pilots, STEPS // skip
        tiles = soft_tiles(decibels, rows)
        # Looked at as it is, without what background noise seems to cover, and by what stands out.
        views = (tiles, tiles * clearness(decibels, rows), tiles * prominence(decibels, rows))
        self.chip_rows = CHIP_TILES * rows
        self.alignments = [Alignment.of(soft_chips(view, rows), pilots, self.chip_rows) for view in views]
        self._rows = len(decibels)

    def aligned(self, chips: Array) -> Alignment:
        """Other chips of these rows, to be folded at delays that are known: the scores are those of the first view."""
        return replace(self.alignments[0], chips=chips)

    def marks(self) -> list[Mark]:
        """All marks, by their beginning."""
        found: list[Mark] = []
        for first, last in windows(self.alignments[0].blocks):
            for mark in self._read(first, last, found):
                _merge(found, mark)
        return sorted(found, key=lambda mark: mark.first)

    @cached_property
    def path(self) -> tuple[Delays, Array]:
        """The likeliest path of changing delays, and how well each block fits there."""
        return self.alignments[0].path()

    def candidates(
        self, first: int, last: int, least: float, known: list[Mark], alignments: list[Alignment] | None = None
    ) -> Iterator[tuple[float, Alignment, Delays]]:
        """The highest pilot correlations in these blocks, at most CANDIDATES, as (score, alignment, delays).

        least: none lower than this. known: marks of which none of them is. alignments: other ones than the search's.
        """
        alignments = alignments or self.alignments
        scores = np.stack([alignment.scores(first, last) for alignment in alignments])
        for score, view, delay in _peaks(scores, least, _NEAR // self.skip):
            delays = np.full(alignments[view].blocks, delay)
            if not any(self.holds(mark, first, last, delays) for mark in known):
                yield score, alignments[view], delays

    def wandering(self, first: int, last: int) -> tuple[Delays, float]:
        """The delays of the likeliest path, and its score in these blocks; 0 if it hardly fits them."""
        delays, fits = self.path
        part = fits[first:last]
        return delays, float(part.sum()) / float(np.sqrt(last - first)) if part.mean() > _LEAST_PATH else 0.0

    def promise(self, alignment: Alignment, delays: Delays, first: int, last: int, score: float) -> float:
        """How likely there is a mark at these delays: see `promise`. Where pilots are clear, they weigh the chips."""
        most = max(power(self.pattern, chips) for chips in self._chips(alignment, delays, first, last, score))
        return promise(self.pattern, score, most)

    def _read(self, first: int, last: int, known: list[Mark]) -> Iterator[Mark]:
        """The marks of one window that are not known yet, or reach on."""
        free = uncovered(known, last)
        for score, alignment, delays in self.candidates(first, last, THRESHOLD, known):
            mark = self._try(alignment, delays, first, last, score)
            if mark is not None:
                free[mark.first : mark.last] = False
                yield mark
        if free[first:].mean() <= 0.5:
            return
        delays, score = self.wandering(first, last)
        if score > THRESHOLD:
            mark = self._try(self.alignments[0], delays, first, last, score)
            if mark is not None:
                yield mark

    def _chips(self, alignment: Alignment, delays: Delays, first: int, last: int, score: float) -> Iterator[Array]:
        """The folded chips of these blocks, and if the pilots are clear once more, as these weigh bands and blocks."""
        part = delays[first:last]
        yield alignment.fold(part, first)
        if score > CERTAIN:
            yield alignment.fold(part, first, *worth([alignment.evidence(part, first, self.pattern.pilots)]))

    def _try(self, alignment: Alignment, delays: Delays, first: int, last: int, score: float) -> Mark | None:
        for chips in self._chips(alignment, delays, first, last, score):
            identity, _ = self.decode(chips)
            if identity is not None:
                return self.mark(identity, alignment, delays, first, last, score)
        return None

    def mark(self, identity: bytes, alignment: Alignment, delays: Delays, first: int, last: int, score: float) -> Mark:
        """The mark with an id that was read in these blocks, as far as it reaches."""
        # Not the pilots: by them the delays were chosen, so they agree a little everywhere.
        signs = self.pattern.write(encode(self.key, identity)) - self.pattern.pilots
        agreement = alignment.agreement(delays, signs)
        # Half of what a marked block agrees on average: above it speaks for the mark, below against.
        run = (first, last)
        for _ in range(3):
            half = max(1.0, float(agreement[run[0] : run[1]].mean())) / 2
            run = _heaviest_run(agreement - half, first, last)
        return Mark(identity, score, *run, delays * self.skip, self.skip)

    def holds(self, mark: Mark, first: int, last: int, delays: Delays) -> bool:
        """Whether this mark, in these blocks, is what fits at these delays of all blocks."""
        part = slice(max(first, mark.first), min(last, mark.last))
        return alike(mark.delays[part], delays[part] * self.skip)

    def decode(self, chips: Array) -> tuple[bytes | None, NDArray[np.uint8] | None]:
        """The id that folded chips say, if its tag fits, and the bits that were decoded, if any were."""
        if power(self.pattern, chips) < _LEAST_POWER or exhausted(self.decoded):
            return None, None
        for identity, message in islice(decodings(self.key, self.pattern.read(chips)), TRIES):
            self.decoded += 1
            if identity is not None:
                return identity, message
        return None, message

    def seconds(self, mark: Mark) -> tuple[float, float]:
        """Begin and end of a mark in seconds, with the ends of the audio where it comes near them."""
        second = RATE / STEP
        length = ((self._rows - 1) * self.skip + 2 * STEPS) / second
        begin, end = mark.first * BLOCK_SECONDS, mark.last * BLOCK_SECONDS
        return (0.0 if begin < BLOCK_SECONDS / 2 else begin), min(end, length)


def false_positive(decoded: int) -> float:
    """Upper bound for the probability that any of so many decoded candidates was a mark by accident."""
    return min(1.0, decoded * 2.0 ** (-8 * TAG_BYTES))


def exhausted(decoded: int) -> bool:
    """Whether a search that has decoded so many candidates may decode no other."""
    return decoded + TRIES > MOST_DECODED


def uncovered(marks: list[Mark], blocks: int) -> NDArray[np.bool_]:
    """Which of the first blocks belong to no mark."""
    free = np.ones(blocks, bool)
    for mark in marks:
        free[mark.first : mark.last] = False
    return free


def alike(delays: Delays, others: Delays) -> bool:
    """Whether these are nearly the same delays, in steps, of the same blocks; of no blocks they are not."""
    apart = np.abs((delays - others + DELAYS // 2) % DELAYS - DELAYS // 2)
    return bool(len(apart) and np.median(apart) <= _NEAR)


def _peaks(scores: Array, least: float, near: int) -> Iterator[tuple[float, int, int]]:
    """The highest of scores (views, delays), as (score, view, delay). Delays near a better one are the same place."""
    left = scores.copy()
    for _ in range(CANDIDATES):
        view, delay = (int(index) for index in np.unravel_index(np.argmax(left), left.shape))
        if left[view, delay] < least:
            return
        yield float(left[view, delay]), view, delay
        left[:, np.arange(delay - near, delay + near + 1) % left.shape[1]] = -np.inf


def promise(pattern: Pattern, score: float, power: float) -> float:
    """How far pilots and code bits together stand out: standard deviations of the one and of the other, added up.

    power: as `power` says. Of 420 searches of 20 s under wrong keys, one in twenty found more than 6.1 somewhere, one
    in a hundred 6.6.
    """
    return score + (power - 1) / float(np.sqrt(2 / pattern.bits))


def limit(blocks: int, least: float) -> float:
    """What has to be promised where there are many windows, for as few false hopes as above `least` in one."""
    return least + _A_WINDOW_MORE * float(np.log(len(list(windows(blocks)))))


def power(pattern: Pattern, chips: Array) -> float:
    """Power of the soft code bits that folded chips give, over that of noise: 1 on average where no code word is."""
    noise = (1 - PILOT_SHARE) * float(np.square(chips).sum())
    return float(np.square(pattern.read(chips)).sum()) / (noise + 1e-12)


def _merge(found: list[Mark], mark: Mark) -> None:
    """Add a mark, or make one of it and the mark of which it is another part."""
    for place, other in enumerate(found):
        common = min(other.last, mark.last) - max(other.first, mark.first)
        if other.id == mark.id and 2 * common > min(other.last - other.first, mark.last - mark.first):
            best = max(other, mark, key=lambda each: each.score)
            found[place] = replace(best, first=min(other.first, mark.first), last=max(other.last, mark.last))
            return
    found.append(mark)


def windows(blocks: int) -> Iterator[tuple[int, int]]:
    """Windows of 15 s at half their distance, the last one at the end, and then everything at once."""
    step = WINDOW_BLOCKS // 2
    for first in range(0, max(1, blocks - WINDOW_BLOCKS), step):
        yield first, min(blocks, first + WINDOW_BLOCKS)
    if blocks > WINDOW_BLOCKS:
        yield blocks - WINDOW_BLOCKS, blocks
        yield 0, blocks


def _heaviest_run(values: Array, first: int, last: int) -> tuple[int, int]:
    """First and end index of the run of values with the largest sum (Kadane's algorithm, by running minima).

    The run holds at least a part of what lies between `first` and `last`.
    """
    sums = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
    gains = sums - np.minimum.accumulate(sums)
    # The run that ends best inside the window, and from there on as far as it still gains.
    end = first + 1 + int(np.argmax(gains[first + 1 : last + 1]))
    end += int(np.argmax(sums[end:] - sums[end])) if end < len(values) else 0
    return int(np.argmin(sums[:end])), end
