"""Whether what was made paraphrases a recording that the model learned from: the same passage in another key, at
another tempo, or played by others.

Windows of ten seconds of harmony (`gen.harmony`) are embedded as vectors: how the notes of each step differ from the
mean of the window, at length 1. The likeness of two windows is the cosine of their vectors, at the best of twelve
turns, each a semitone, and of three tempos. Every window of every recording is looked at, by no index, so nothing is
overlooked; in the Fourier domain of the twelve notes all turns cost one product. docs/generation.md has what this finds
and how often it is wrong.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from gen.harmony import NOTES, STEP, Harmony

Steps = npt.NDArray[np.float32]

WINDOW_SECONDS = 10.0
ALIKE = 0.78
"""From here on windows are taken for one passage."""
_WINDOW = round(WINDOW_SECONDS / STEP)
_TEMPOS = (0.93, 1.0, 1.07)
"""How much faster the other may be; a window bears half of a tempo's distance to the next."""
_EVERY = 5
"""Steps from one window of what was made to the next."""
_NEARBY = 1
"""Steps by which the next window of a passage may lie elsewhere than where the tempo says."""
# A chord that is held changes less, as mean squared difference from the window's mean, and says nothing.
_LEAST_CHANGE = 0.05
# What is compared at a time: 3 MB, however long both are.
_ROWS, _COLUMNS = 64, 512


@dataclass(frozen=True)
class Paraphrase:
    """The window of what was made that is likest to one of a recording.

    likeness: -1 to 1. seconds: how long the passage around it is at least that is ALIKE all along, 0 if this window is
    not. recording: its place among those compared. at, there: where the passage, or else the window, begins in what was
    made and in the recording, in seconds. semitones: how much higher it was made, -5 to 6. tempo: how much faster.
    """

    likeness: float
    seconds: float
    recording: int
    at: float
    there: float
    semitones: int
    tempo: float


@dataclass(frozen=True)
class _Match:
    likeness: float
    recording: int
    tempo: int
    window: int
    there: int
    turn: int


def nearest(made: Harmony, known: Iterable[Harmony]) -> Paraphrase | None:
    """The longest passage that one of these recordings has too, or else the likest window; None if there is none.

    Less than ten seconds of either (at the other's tempo) is not compared, nor a window that hardly changes.
    """
    windows = [_windows(_at_tempo(made.vectors, tempo)) for tempo in _TEMPOS]
    comparison = _Comparison(windows)
    best: _Match | None = None
    longest: tuple[float, _Match] | None = None
    for number, recording in enumerate(known):
        steps = recording.vectors
        if len(steps) < _WINDOW:
            continue
        found = max(comparison.matches(steps, number), key=lambda match: match.likeness, default=None)
        if found is None:
            continue
        if best is None or found.likeness > best.likeness:
            best = found
        if found.likeness >= ALIKE:
            passage = _passage(windows, steps, number)
            if longest is None or passage[0] > longest[0]:
                longest = passage
    if longest is not None:
        return _told(longest[1], longest[0])
    return None if best is None or best.likeness <= 0 else _told(best, 0.0)


def _told(match: _Match, seconds: float) -> Paraphrase:
    tempo = _TEMPOS[match.tempo]
    return Paraphrase(
        likeness=match.likeness,
        seconds=seconds,
        recording=match.recording,
        at=match.window * _EVERY * STEP / tempo,
        there=match.there * STEP,
        semitones=match.turn - NOTES if match.turn > NOTES // 2 else match.turn,
        tempo=tempo,
    )


def _at_tempo(steps: Steps, tempo: float) -> Steps:
    """Steps (n, 12) of music that is `tempo` times too fast, as those of the other tempo: read between steps."""
    if len(steps) < 2:
        return steps
    places = np.arange(0, len(steps) - 1 + 1e-9, 1 / tempo)
    before = np.minimum(places.astype(np.intp), len(steps) - 2)
    share = (places - before)[:, None].astype(np.float32)
    read: Steps = steps[before] * (1 - share) + steps[before + 1] * share
    return read


def _windows(steps: Steps) -> Steps:
    """Every so many steps a window, less its mean, at length 1: (n, 20, 12); 0 where hardly anything changes."""
    if len(steps) < _WINDOW:
        return np.zeros((0, _WINDOW, NOTES), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(steps, _WINDOW, axis=0)[::_EVERY].swapaxes(1, 2)
    centred = windows - windows.mean(axis=1, keepdims=True)
    power = np.square(centred).sum(axis=(1, 2), keepdims=True)
    made: Steps = centred / np.sqrt(np.maximum(power, 1e-6))
    made[power[:, 0, 0] < _LEAST_CHANGE * _WINDOW] = 0
    return made


def _scales(steps: Steps) -> Steps:
    """By what the product with each window (n - 19,) has to be multiplied: 1 over its length, or 0."""

    def summed(of: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        sums = np.concatenate([np.zeros((1, *of.shape[1:])), of.cumsum(axis=0)])
        within: npt.NDArray[np.float64] = sums[_WINDOW:] - sums[:-_WINDOW]
        return within

    exact = steps.astype(np.float64)
    power = summed(np.square(exact).sum(axis=1)) - np.square(summed(exact)).sum(axis=1) / _WINDOW
    scales = 1 / np.sqrt(np.maximum(power, 1e-6))
    scales[power < _LEAST_CHANGE * _WINDOW] = 0
    found: Steps = scales.astype(np.float32)
    return found


class _Comparison:
    """All windows of what was made, against one recording after the other.

    The arrays that are worked in are made once: they are large, and a system that gives new pages slowly would take
    longer over that than all products do.
    """

    def __init__(self, windows: list[Steps]) -> None:
        self.asked = [(tempo, number) for tempo, own in enumerate(windows) for number in range(len(own))]
        queries = _frequencies(np.concatenate(windows))
        real, imaginary = queries.real, queries.imag
        # Real and imaginary part of the product of a conjugate with another number, as one matrix.
        self.queries = np.stack(
            [np.concatenate([real, imaginary], axis=2), np.concatenate([-imaginary, real], axis=2)], axis=1
        )
        self.turns = _turns()
        self.parts, self.turned = (np.empty(NOTES * _ROWS * _COLUMNS, np.float32) for _ in range(2))

    def matches(self, steps: Steps, recording: int) -> Iterator[_Match]:
        """The likest place of each block of windows and of steps of a recording (n, 12)."""
        scales, notes = _scales(steps), _frequencies(steps)
        for row, column in product(range(0, len(self.asked), _ROWS), range(0, len(scales), _COLUMNS)):
            count = min(_COLUMNS, len(scales) - column)
            rows = min(_ROWS, len(self.asked) - row)
            parts = self.parts[: NOTES * rows * count].reshape(len(notes), 2 * rows, count)
            turned = self.turned[: NOTES * rows * count].reshape(NOTES, rows, count)
            for line, queries, part in zip(notes, self.queries[:, :, row : row + rows], parts, strict=True):
                passing = np.lib.stride_tricks.sliding_window_view(line[column : column + count + _WINDOW - 1], count)
                sought = np.concatenate([passing.real, passing.imag])
                np.matmul(queries.reshape(2 * rows, -1), sought, out=part)
            np.matmul(self.turns, parts.reshape(NOTES, -1), out=turned.reshape(NOTES, -1))
            peaks = turned.max(axis=0) * scales[column : column + count]
            window, there = np.unravel_index(int(np.argmax(peaks)), peaks.shape)
            turn = int(np.argmax(turned[:, window, there]))
            tempo, number = self.asked[row + int(window)]
            yield _Match(float(peaks[window, there]), recording, tempo, number, column + int(there), -turn % NOTES)


def _frequencies(steps: Steps) -> npt.NDArray[np.complex64]:
    """The notes (..., 12) as frequencies 1 to 6, first of all: (6, ...). Frequency 0 is a mean, and there is none."""
    found: npt.NDArray[np.complex64] = np.moveaxis(np.fft.rfft(steps, axis=-1)[..., 1:], -1, 0).astype(np.complex64)
    return found


def _turns() -> Steps:
    """From real and imaginary parts of the six frequencies of twelve notes to the twelve turns: (12, 12)."""
    frequencies = np.arange(1, NOTES // 2 + 1)
    angles = 2 * np.pi * np.outer(np.arange(NOTES), frequencies) / NOTES
    weights = np.where(frequencies == NOTES // 2, 1, 2) / NOTES
    parts = np.stack([np.cos(angles) * weights, -np.sin(angles) * weights], axis=2)
    return parts.reshape(NOTES, -1).astype(np.float32)


def _passage(windows: list[Steps], steps: Steps, recording: int) -> tuple[float, _Match]:
    """How many seconds what was made is alike at most without a break, in one key and tempo; and how that begins.

    The likeness told is that of its likeliest window. At a tempo that is not quite theirs a passage may seem longer by
    less than a step from window to window: of those the likeliest is told.
    """
    scales = _scales(steps)
    spread = np.lib.stride_tricks.sliding_window_view(steps, _WINDOW, axis=0).swapaxes(1, 2)
    flat = np.ascontiguousarray(spread).reshape(len(scales), -1)
    found = [(0.0, _Match(0.0, recording, tempo, 0, 0, 0)) for tempo in range(len(windows))]
    for (tempo, own), turn in product(enumerate(windows), range(NOTES)):
        turned = np.roll(own, -turn, axis=2).reshape(len(own), -1)
        reached, likest = np.zeros(len(scales), np.float32), np.zeros(len(scales), np.float32)
        for window, products in enumerate(turned @ flat.T):
            likeness = products * scales
            before, peak = (np.pad(_highest(each), (_EVERY, 0))[: len(each)] for each in (reached, likest))
            reached = np.where(likeness >= ALIKE, before + 1, 0)
            likest = np.where((reached > 1) & (peak > likeness), peak, likeness)
            there = int(np.argmax(reached + np.clip(likest, 0, 0.999)))
            count = int(reached[there])
            seconds = (_WINDOW + (count - 1) * _EVERY) * STEP / _TEMPOS[tempo] if count else 0.0
            if (seconds, float(likest[there])) > (found[tempo][0], found[tempo][1].likeness):
                begin = max(0, there - (count - 1) * _EVERY)
                match = _Match(float(likest[there]), recording, tempo, window - count + 1, begin, turn)
                found[tempo] = seconds, match
    longest = max(seconds for seconds, _ in found)
    return max((one for one in found if one[0] > longest - _EVERY * STEP), key=lambda one: one[1].likeness)


def _highest(line: Steps) -> Steps:
    """The largest of each and its neighbours."""
    padded = np.pad(line, _NEARBY)
    highest: Steps = np.max([padded[shift : shift + len(line)] for shift in range(2 * _NEARBY + 1)], axis=0)
    return highest
