"""The watermark as the other rooms see it: a key, and audio in and out.

Audio of any rate is analysed at 44.1 kHz; what the mark adds is brought back to the audio's own rate and added there,
so that nothing above the mark's bands, and nothing in silence, is touched.
"""

from collections.abc import Iterator

import numpy as np

from gen.errors import TooShort
from gen.watermark import payload
from gen.watermark.detect import PHASES, Detection, Grid, Search
from gen.watermark.embed import difference
from gen.watermark.patterns import FRAME, RATE, TILE, Pattern
from gen.watermark.speed import Change, likely
from gen.watermark.tiles import energies
from gen.waveform import Waveform

SHORTEST_SECONDS = 3.0


class Watermark:
    """Writes and finds the marks of one key.

    `key` has at least 16 bytes (WrongLength otherwise); `payload.PUBLIC_KEY` is the one that everybody knows. Marks of
    different keys do not disturb each other much: audio may carry more than one.
    """

    def __init__(self, key: bytes) -> None:
        self._key = bytes(key)
        self._pattern = Pattern.of(self._key)

    def embed(self, waveform: Waveform, id: bytes) -> Waveform:  # noqa: A002 (the field's own word)
        """The same audio, carrying an id of 8 bytes: same rate, channels and length, and the same samples every time.

        No sample leaves full scale that was not beyond it before: there the mark gives way. Nothing is scaled.
        Raises TooShort for less than 3 s, WrongLength for an id of another size.
        """
        signs = self._pattern.write(payload.encode(self._key, id))
        if waveform.duration < SHORTEST_SECONDS:
            raise TooShort(f"{waveform.duration:.2f} s are too short for a mark: give at least {SHORTEST_SECONDS:g} s")
        added = Waveform(difference(waveform.resampled(RATE).samples, signs), RATE).resampled(waveform.rate).samples
        samples = waveform.samples
        limit = np.maximum(np.float32(1), np.abs(samples))
        return Waveform(np.clip(samples + _fit(added, waveform.frames), -limit, limit), waveform.rate)

    def detect(self, waveform: Waveform, *, search_speed: bool = False) -> list[Detection]:
        """The marks found, by their beginning; empty when there is none, or the audio is silent or very short.

        With `search_speed`, audio in which nothing is found is searched again at other speeds, tempos and pitches, up
        to 6 % off; this takes many times longer, and one copy may be reported in parts.
        """
        samples = waveform.resampled(RATE).samples
        if samples.shape[1] < FRAME:
            return []
        decoded = 0
        for change in self._changes(samples, search_speed):
            grid = Grid(energies(samples, TILE // PHASES, change.pitch), change.tempo)
            search = Search(grid, self._key, decoded)
            marks = search.marks()
            decoded = search.decoded
            if marks:
                return [
                    Detection(
                        mark.id, mark.score, *grid.seconds(mark), search.false_positive, change.tempo, change.pitch
                    )
                    for mark in marks
                ]
        return []

    def _changes(self, samples: np.ndarray, search_speed: bool) -> Iterator[Change]:
        yield Change()
        if search_speed:
            yield from likely(samples, self._key)


def _fit(samples: np.ndarray, frames: int) -> np.ndarray:
    """The first `frames` frames of samples (channels, frames), with zeros behind where rounding left fewer."""
    missing = max(0, frames - samples.shape[1])
    return np.pad(samples[:, :frames], ((0, 0), (0, missing)))
