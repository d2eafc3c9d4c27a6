"""A recording in windows of a few seconds, in memory that does not grow with its length."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gen.config import SegmentConfig
from gen.waveform import Waveform


@dataclass(frozen=True, eq=False)
class Window:
    """samples: float32 (channels, length). start: where it begins in the recording, in samples. sounding: how many of
    its samples are the recording's; those behind them are silence, added where the recording is too short."""

    samples: npt.NDArray[np.float32]
    start: int
    sounding: int


def starts(frames: int, length: int, step: int) -> Iterator[int]:
    """Where windows of `length` samples begin in `frames`, from 0 in steps of `step`.

    The last one ends where the recording ends, so it may overlap the one before it by more than the others do: every
    sample is in a window, and every window is full. A recording shorter than a window has one, filled up with silence.
    """
    last = max(0, frames - length)
    yield from range(0, last, step)
    yield last


def windows(blocks: Iterable[npt.NDArray[np.float32]], length: int, step: int) -> Iterator[Window]:
    """The windows of a recording that comes in blocks, float32 (channels, any number), as `starts` places them.

    Holds one window and one block. Nothing comes of no samples at all.
    """
    held: npt.NDArray[np.float32] | None = None
    first, wanted = 0, 0  # Where `held` begins, and the next window.
    for block in blocks:
        held = block if held is None else np.concatenate([held, block], axis=1)
        # A window that ends with what is here may be the last one, which is told when more comes, or nothing.
        while wanted + length < first + held.shape[1]:
            yield Window(held[:, wanted - first : wanted - first + length], wanted, length)
            wanted += step
        # The last window may begin up to `length` before the end.
        kept = max(0, held.shape[1] - length)
        kept = min(kept, wanted - first)
        held, first = held[:, kept:], first + kept
    if held is None or held.shape[1] == 0:
        return
    tail = held[:, max(0, held.shape[1] - length) :]
    missing = length - tail.shape[1]
    start = first + held.shape[1] - tail.shape[1]
    yield Window(np.pad(tail, ((0, 0), (0, missing))) if missing else tail, start, length - missing)


def segment(waveform: Waveform, config: SegmentConfig) -> Iterator[Window]:
    """The windows of a recording in memory, of config.seconds each and config.overlap of that in common."""
    yield from windows([waveform.samples], *window_and_step(waveform.rate, config))


def window_and_step(rate: int, config: SegmentConfig) -> tuple[int, int]:
    """How long a window is, and how far it is to the next one, in samples."""
    length = max(1, round(config.seconds * rate))
    return length, max(1, round(length * (1 - config.overlap)))
