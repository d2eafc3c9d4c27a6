"""A section of audio as the reader looks at it: rows of band levels, in one view or more."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from gen.watermark.apart import dry_powers, faint_powers
from gen.watermark.tiles import STEPS, Analysis, Array, level
from gen.waveform import Waveform

# Audio is searched in sections, so that memory stays within bounds; neighbours share a window.
SECTION_SECONDS: Final = 90
SHARED_SECONDS: Final = 15
_STEREO: Final = 2
_HALF: Final = np.float32(np.sqrt(0.5))


@dataclass(frozen=True, eq=False)
class Section:
    """A part of audio, float32 `samples` (channels, frames), that begins at `start` seconds.

    analysis: how it is cut into rows. gain: a factor for its power. pitch: one for the limits of the bands.
    """

    analysis: Analysis
    samples: Array
    start: float
    gain: float
    pitch: float

    @property
    def rows(self) -> int:
        """How many rows there are to look at."""
        return self.analysis.steps_in(self.samples.shape[1])

    def look(self, skip: int = 1, first: int = 0) -> Array:
        """Every `skip`-th row from `first` on, all channels together: float32 (rows, BANDS)."""
        return np.concatenate([self._decibels(power) for power in self.analysis.powers(self.samples, skip, first)])

    def dry(self) -> Array:
        """All rows of the channels' sum, without the room that it was played in: float32 (rows, BANDS)."""
        mono = self.samples.mean(axis=0) * np.float32(np.sqrt(len(self.samples)))
        return self._decibels(dry_powers(self.analysis, mono))

    def parts(self) -> list[Array]:
        """What is wide in parts, all rows of each: left, right, middle, sides and what is faint; none of other audio.

        float32 (rows, BANDS) each.
        """
        if not self.wide:
            return []
        left, right = self.samples[:1], self.samples[1:]
        views = [replace(self, samples=part).look() for part in (left, right, _HALF * (left + right))]
        return [*views, self.sides().look(), self._decibels(faint_powers(self.analysis, self.samples))]

    def middle(self, seconds: float) -> "Section":
        """So many seconds in its middle, or all if it has fewer."""
        length = round(seconds * self.analysis.rate)
        spare = max(0, self.samples.shape[1] - length) // 2
        start = self.start + spare / self.analysis.rate
        return replace(self, samples=self.samples[:, spare : spare + length], start=start)

    @property
    def wide(self) -> bool:
        """Whether it is stereo whose two channels differ."""
        return len(self.samples) == _STEREO and not np.array_equal(*self.samples)

    def sides(self) -> "Section":
        """What the two channels of stereo do not share."""
        return replace(self, samples=_HALF * (self.samples[:1] - self.samples[1:]))

    def _decibels(self, power: Array) -> Array:
        return self.analysis.decibels(power, self.gain, self.pitch)


def sections(waveform: Waveform, tempo: float = 1.0, pitch: float = 1.0) -> Iterator[Section]:
    """The audio in sections that share their ends, without those that are silent or too short to say anything.

    tempo, pitch: how much faster and higher it is believed to be than when it was marked.
    """
    analysis = Analysis(waveform.rate, tempo)
    start = end = 0.0
    while end < waveform.duration:
        end = start + SECTION_SECONDS
        # A short rest is searched with what lies before it.
        end = waveform.duration if end + SHARED_SECONDS >= waveform.duration else end
        samples = waveform.samples[:, round(start * waveform.rate) : round(end * waveform.rate)]
        gain = level(samples, waveform.rate) ** 2
        if analysis.steps_in(samples.shape[1]) > STEPS and gain > 0:
            yield Section(analysis, samples, start, gain, pitch)
        start = end - SHARED_SECONDS
