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

from gen.watermark.align import BLOCK_STEPS, DELAYS, Alignment, Delays, soft_chips, soft_tiles
from gen.watermark.patterns import CHIP_TILES, PERIOD, PILOT_SHARE, RATE, Pattern
from gen.watermark.payload import TAG_BYTES, decodings, encode
from gen.watermark.tiles import STEP, STEPS, Array, clearness

CANDIDATES: Final = 4
# What is decoded of each: what the usual rounds find, and one more.
TRIES: Final = 2
# Pilot correlations below this many standard deviations are not decoded.
THRESHOLD: Final = 4.2
# Above this many there is hardly a doubt that a mark is there.
CERTAIN: Final = 4.8
BLOCK_SECONDS: Final = BLOCK_STEPS * STEP / RATE
WINDOW_BLOCKS: Final = round(15 / BLOCK_SECONDS)
# Power of the code bits over that of noise. A code of rate 1/6 cannot be decoded below 1.26 (Shannon, "A Mathematical
# Theory of Communication", 1948); of so few bits it is measured to within 0.06, and below this limit nobody tries.
_LEAST_POWER: Final = 1.06
# A path that wanders may pass for a mark with less than this per block; below it nothing can be read either.
_LEAST_PATH: Final = 1.0


@dataclass(frozen=True)
class Detection:
    """One mark that was found.

    id: the 8 bytes it says (16 if the watermark was asked for those). score: pilot correlation in standard deviations
    of unmarked audio; of a plain mark, which is read from half of what there is, up to a quarter less. start, end: the
    part of the audio that carries it, in seconds, good to about a second. false_positive: an upper bound for the
    probability that this search would have reported anything in audio made without the key (candidates decoded times
    2**-40). tempo, pitch: how much faster and higher the audio is than when it was marked; beyond half a per cent only
    if that was searched for, and the pitch then to within 3 %. A mark that can be read as the audio is, as some can a
    semitone off, says 1 for both.
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
    """A mark in one alignment: its id, score, first and last block, and the delay of each block."""

    id: bytes
    score: float
    first: int
    last: int
    delays: Delays

    @property
    def tempo(self) -> float:
        """How much faster than nominal the pattern runs, by the slow drift of the delay."""
        turns = np.unwrap(self.delays[self.first : self.last].astype(np.float64), period=DELAYS)
        drift = np.diff(turns)
        # Splices jump; what they jump says nothing about speed.
        slow = drift[np.abs(drift) <= 1]
        return 1.0 - float(slow.mean()) / BLOCK_STEPS if len(slow) >= 8 else 1.0


class Search:
    """One search for the marks of one key; goes on counting the candidates that were decoded before it.

    decibels: float32 (rows, BANDS), every `skip`-th row of `Analysis.decibels`; 1, 2 or 4.
    """

    def __init__(self, decibels: Array, key: bytes, id_bytes: int, decoded: int = 0, skip: int = 1) -> None:
        self.key = key
        self.pattern = Pattern.of(key, id_bytes)
        self.decoded = decoded
        self.skip = skip
        pilots, rows = self.pattern.pilots, STEPS // skip
        tiles = soft_tiles(decibels, rows)
        # Looked at as it is, and without what background noise seems to cover.
        views = (tiles, tiles * clearness(decibels, rows))
        # Delays nearer than a chip are the same place in the pattern.
        self.chip_rows = CHIP_TILES * rows
        self.alignments = [Alignment.of(soft_chips(view, rows), pilots, self.chip_rows) for view in views]
        self._rows = len(decibels)

    @property
    def false_positive(self) -> float:
        """Upper bound for the probability that anything was found by accident."""
        return min(1.0, self.decoded * 2.0 ** (-8 * TAG_BYTES))

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

    def candidates(self, first: int, last: int, least: float, known: list[Mark]) -> Iterator[tuple[float, int, int]]:
        """The highest pilot correlations in these blocks, at most CANDIDATES, as (score, view, delay).

        least: none lower than this. known: marks of which none of them is.
        """
        scores = np.stack([alignment.scores(first, last) for alignment in self.alignments])
        for score, view, delay in _peaks(scores, least, self.chip_rows):
            if not any(self._holds(mark, first, last, delay) for mark in known):
                yield score, view, delay

    def _read(self, first: int, last: int, known: list[Mark]) -> Iterator[Mark]:
        """The marks of one window that are not known yet, or reach on."""
        free = uncovered(known, last)
        for score, view, delay in self.candidates(first, last, THRESHOLD, known):
            delays = np.full(self.alignments[view].blocks, delay)
            mark = self._try(view, delays, first, last, score)
            if mark is not None:
                free[mark.first : mark.last] = False
                yield mark
        if free[first:].mean() <= 0.5:
            return
        delays, fits = self.path
        score = float(fits[first:last].sum()) / float(np.sqrt(last - first))
        if score > THRESHOLD and fits[first:last].mean() > _LEAST_PATH:
            mark = self._try(0, delays, first, last, score)
            if mark is not None:
                yield mark

    def _try(self, view: int, delays: Delays, first: int, last: int, score: float) -> Mark | None:
        alignment = self.alignments[view]
        part = delays[first:last]
        identity = self._decode(alignment.fold(part, first))
        if identity is None and score > CERTAIN:
            # There is a mark: trust the bands and blocks in which the pilots are clear.
            weights = alignment.reliability(part, first, self.pattern.pilots)
            identity = self._decode(alignment.fold(part, first, weights))
        if identity is None:
            return None
        # Not the pilots: by them the delays were chosen, so they agree a little everywhere.
        signs = self.pattern.write(encode(self.key, identity)) - self.pattern.pilots
        agreement = alignment.agreement(delays, signs)
        # Half of what a marked block agrees on average: above it speaks for the mark, below against.
        run = (first, last)
        for _ in range(3):
            half = max(1.0, float(agreement[run[0] : run[1]].mean())) / 2
            run = _heaviest_run(agreement - half, first, last)
        return Mark(identity, score, *run, delays)

    def _holds(self, mark: Mark, first: int, last: int, delay: int) -> bool:
        """Whether this mark, in these blocks, is what fits at this delay."""
        part, period = mark.delays[max(first, mark.first) : min(last, mark.last)], PERIOD * self.chip_rows
        apart = np.abs((part - delay + period // 2) % period - period // 2)
        return bool(len(part) and np.median(apart) <= self.chip_rows)

    def _decode(self, chips: Array) -> bytes | None:
        if power(self.pattern, chips) < _LEAST_POWER:
            return None
        for identity in islice(decodings(self.key, self.pattern.read(chips)), TRIES):
            self.decoded += 1
            if identity is not None:
                return identity
        return None

    def seconds(self, mark: Mark) -> tuple[float, float]:
        """Begin and end of a mark in seconds, with the ends of the audio where it comes near them."""
        second = RATE / STEP
        length = ((self._rows - 1) * self.skip + 2 * STEPS) / second
        begin, end = mark.first * BLOCK_SECONDS, mark.last * BLOCK_SECONDS
        return (0.0 if begin < BLOCK_SECONDS / 2 else begin), min(end, length)


def uncovered(marks: list[Mark], blocks: int) -> NDArray[np.bool_]:
    """Which of the first blocks belong to no mark."""
    free = np.ones(blocks, bool)
    for mark in marks:
        free[mark.first : mark.last] = False
    return free


def _peaks(scores: Array, least: float, near: int) -> Iterator[tuple[float, int, int]]:
    """The highest of scores (views, delays), as (score, view, delay). Delays near a better one are the same place."""
    left = scores.copy()
    for _ in range(CANDIDATES):
        view, delay = (int(index) for index in np.unravel_index(np.argmax(left), left.shape))
        if left[view, delay] < least:
            return
        yield float(left[view, delay]), view, delay
        left[:, np.arange(delay - near, delay + near + 1) % left.shape[1]] = -np.inf


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
