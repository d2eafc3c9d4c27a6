"""Finding marks: where the pilots fit, read the code; where the tag fits, measure how far the mark reaches.

Audio is searched in overlapping windows, so that a file may hold several marked tracks, and then once more as a whole,
for marks too weak for one window. The grid of tiles is tried at four phases and all PERIOD offsets, and twice: as the
audio is, and without the tiles that noise seems to have covered. Of all these the pilots choose; at most CANDIDATES
of them are decoded in a window, and every one decoded counts against the probability of a false mark.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import attrgetter, itemgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gen.watermark.patterns import FRAME, PERIOD, RATE, TILE, Pattern
from gen.watermark.payload import TAG_BYTES, decode, encode
from gen.watermark.tiles import Array, clearness, residual

PHASES: Final = 4
CANDIDATES: Final = 4
# Pilot correlations below this many standard deviations are not decoded.
THRESHOLD: Final = 4.0
WINDOW_TILES: Final = round(15 * RATE / TILE)


@dataclass(frozen=True)
class Detection:
    """One mark that was found.

    id: the 8 bytes it says. score: pilot correlation in standard deviations of unmarked audio. start, end: the part of
    the audio that carries it, in seconds, good to about a second. false_positive: an upper bound for the probability
    that this search would have reported anything in audio made without the key (candidates decoded times 2**-32).
    tempo, pitch: how much faster and higher the audio is than when it was marked; 1.0 unless that was searched for.
    """

    id: bytes
    score: float
    start: float
    end: float
    false_positive: float
    tempo: float = 1.0
    pitch: float = 1.0


@dataclass(frozen=True)
class View:
    """One way to look at the tiles: the phase of their grid (0 to PHASES - 1), and whether noise is masked."""

    phase: int
    masked: bool


@dataclass(frozen=True)
class Mark:
    """A mark in one view of the tiles: its id, score and first and last tile."""

    id: bytes
    score: float
    view: View
    first: int
    last: int


class Grid:
    """Soft tiles of one audio in all views: values whose sign is the mark's, weighted by how far they can be trusted.

    decibels: band energies every TILE / PHASES samples, float32 (frames, BANDS), at least one frame. tempo: factor by
    which the audio is believed to be faster than when it was marked. phases: at how many of PHASES to look.
    """

    def __init__(self, decibels: Array, tempo: float = 1.0, phases: int = PHASES) -> None:
        clear = clearness(decibels)
        self.tempo = tempo
        self.hops = len(decibels) - 1 + FRAME * PHASES // TILE
        self.views: dict[View, Array] = {}
        for phase in range(0, min(PHASES, len(decibels)), PHASES // phases):
            rows = np.round(np.arange(phase, len(decibels) * tempo, PHASES) / tempo).astype(np.intp)
            rows = rows[rows < len(decibels)]
            soft = _soft(decibels[rows])
            self.views[View(phase, False)] = soft
            self.views[View(phase, True)] = soft * clear[rows]

    @property
    def tiles(self) -> int:
        """How many tiles the audio is long."""
        return len(self.views[View(0, False)])

    def fold(self, view: View, first: int, last: int) -> Array:
        """Tiles first to last added up over the periods: float32 (PERIOD, BANDS), row t holding tiles t mod PERIOD."""
        tiles = self.views[view][first:last]
        before = first % PERIOD
        after = -(before + len(tiles)) % PERIOD
        padded = np.pad(tiles, ((before, after), (0, 0)))
        return padded.reshape(-1, PERIOD, tiles.shape[1]).sum(axis=0)

    def seconds(self, mark: Mark) -> tuple[float, float]:
        """Begin and end of a mark in seconds: the middle half of its first and last frame, or the ends of the audio."""
        begin, end = ((PHASES * tile + mark.view.phase) / self.tempo for tile in (mark.first, mark.last))
        margin = PHASES / 2
        begin = 0.0 if begin < 2 * PHASES else begin + margin
        end = self.hops if end > self.hops - 4 * PHASES else end + margin
        second = RATE * PHASES / TILE
        return float(begin / second), float(end / second)


def _soft(decibels: Array) -> Array:
    rest, liveliness = residual(decibels)
    # The hyperbolic tangent: a tile far out is an accident of the music, and may not outvote the others.
    return np.tanh(rest / liveliness) / np.sqrt(liveliness)


class Search:
    """One search for the marks of one key; goes on counting the candidates that were decoded before it."""

    def __init__(self, grid: Grid, key: bytes, decoded: int = 0) -> None:
        self.grid = grid
        self.key = key
        self.pattern = Pattern.of(key)
        self.decoded = decoded
        pilots = self.pattern.pilots
        self._pilots = np.conj(np.fft.rfft(pilots, axis=0))
        self._weight = float(np.square(pilots).sum())

    @property
    def false_positive(self) -> float:
        """Upper bound for the probability that anything was found by accident."""
        return min(1.0, self.decoded * 2.0 ** (-8 * TAG_BYTES))

    def marks(self) -> list[Mark]:
        """All marks, by their beginning."""
        found: list[Mark] = []
        free = np.ones(self.grid.tiles, bool)
        for first, last in _windows(self.grid.tiles):
            if free[first:last].mean() < 0.5:
                continue
            mark = self._read(first, last)
            if mark is not None:
                free[mark.first : mark.last] = False
                twin = next((other for other in found if _same_copy(other, mark)), None)
                if twin is None:
                    found.append(mark)
                else:
                    best = max(twin, mark, key=attrgetter("score"))
                    whole = replace(best, first=min(twin.first, mark.first), last=max(twin.last, mark.last))
                    found[found.index(twin)] = whole
        return sorted(found, key=lambda mark: mark.first)

    def fits(self, first: int, last: int) -> list[tuple[float, View, int]]:
        """Best (pilot correlation, view, offset) among the tiles first to last, best first."""
        best = []
        for view in self.grid.views:
            fold = self.grid.fold(view, first, last)
            spread = np.sqrt(float(np.square(fold).mean()) * self._weight)
            if spread == 0:
                continue
            spectrum = (np.fft.rfft(fold, axis=0) * self._pilots).sum(axis=1)
            scores = np.fft.irfft(spectrum, n=PERIOD) / spread
            best += [(float(scores[offset]), view, int(offset)) for offset in np.argsort(scores)[-CANDIDATES:]]
        return sorted(best, key=itemgetter(0), reverse=True)[:CANDIDATES]

    def _read(self, first: int, last: int) -> Mark | None:
        for score, view, offset in self.fits(first, last):
            if score < THRESHOLD:
                break
            self.decoded += 1
            fold = np.roll(self.grid.fold(view, first, last), -offset, axis=0)
            identity = decode(self.key, self.pattern.read(fold))
            if identity is not None:
                return Mark(identity, score, view, *self._extent(identity, view, offset, first, last))
        return None

    def _extent(self, identity: bytes, view: View, offset: int, first: int, last: int) -> tuple[int, int]:
        """From which tile to which the audio carries this mark."""
        tiles = self.grid.views[view]
        signs = self.pattern.write(encode(self.key, identity))
        wanted = np.roll(signs, offset, axis=0)[np.arange(len(tiles)) % PERIOD]
        agreement = (tiles * wanted).sum(axis=1) / (np.sqrt(np.square(tiles).sum(axis=1)) + 1e-9)
        # Half of what a marked tile agrees on average: above it speaks for the mark, below against.
        return _heaviest_run(agreement - agreement[first:last].mean() / 2)


def _same_copy(one: Mark, other: Mark) -> bool:
    """Whether two windows have found one and the same copy of a mark: most of the shorter extent is common."""
    common = min(one.last, other.last) - max(one.first, other.first)
    return one.id == other.id and 2 * common > min(one.last - one.first, other.last - other.first)


def _windows(tiles: int) -> Iterator[tuple[int, int]]:
    """Windows of 15 s at half their distance, the last one at the end, and then everything at once."""
    step = WINDOW_TILES // 2
    for first in range(0, max(1, tiles - WINDOW_TILES), step):
        yield first, min(tiles, first + WINDOW_TILES)
    if tiles > WINDOW_TILES:
        yield tiles - WINDOW_TILES, tiles
        yield 0, tiles


def _heaviest_run(values: NDArray[np.floating]) -> tuple[int, int]:
    """First and end index of the run of values with the largest sum (Kadane's algorithm, by running minima)."""
    sums = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
    gains = sums - np.minimum.accumulate(sums)
    last = int(np.argmax(gains))
    return int(np.argmin(sums[: last + 1])), last
