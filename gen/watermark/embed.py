"""Writing the mark: each tile a little louder or a little softer, as the sound comes in.

The work is done in batches of BATCH tiles whose places follow from the beginning of the audio alone. So it does not
matter in which pieces the audio comes, and memory does not grow with its length.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from gen.errors import ConfigError, TooShort
from gen.watermark.lanes import CHANNELS, Lane, Spectra
from gen.watermark.patterns import BANDS, CHIP_TILES, PERIOD, RATE
from gen.watermark.tiles import REACH, Analysis, Array, residual

if TYPE_CHECKING:
    from gen.compiled_lane import CompiledLane

SHORTEST_SECONDS: Final = 3.0
# At least REACH; the spectra of as many tiles stay in a core's cache.
BATCH: Final = 128
# Gain of a tile in decibels where the music's own liveliness is REFERENCE decibels; it grows with the fourth root of
# the liveliness, because unsteady sound hides more, and stays between the two limits.
STRENGTH: Final = 0.88
REFERENCE: Final = 2.0
WEAKEST: Final = 0.24
STRONGEST: Final = 1.28
# A frame is a little longer or shorter than two tiles: so many may begin under the last one of a batch.
_OVERHANGING: Final = 3
_NEPERS: Final = np.float32(np.log(10) / 20)


@dataclass(frozen=True, eq=False)
class _Batch:
    """Tiles that were looked at and not written yet.

    first: the number of the first. spectra: of their frames, one for each lane. decibels: float32 (whole tiles, BANDS).
    """

    first: int
    spectra: list[Spectra]
    decibels: Array


class Embedder:
    """Marks a stream: what goes in by `push` comes out marked, two or three seconds later; `finish` gives the rest.

    rate: of the stream, in Hz. channels: how many. signs: float32 (PERIOD, BANDS), what to write. begin: the row of the
    signs at the first sample. strength: factor for all gains. balance: the power of a tile's level, against the mean of
    its frame, by which its gain shrinks: above 0 less is added to loud bands, and less in all. All channels get the
    same gains, so that a downmix keeps the mark. No sample leaves full scale that was not beyond it before: there the
    mark gives way. compiled: as `Watermark` has it.
    """

    def __init__(
        self,
        rate: int,
        channels: int,
        signs: NDArray[np.float32],
        begin: int = 0,
        strength: float = 1.0,
        balance: float = 0.0,
        compiled: bool = False,
    ) -> None:
        self._analysis = Analysis(rate)
        self._tiles = np.stack([signs, -signs], axis=1).reshape(CHIP_TILES * PERIOD, BANDS)
        self._begin = CHIP_TILES * begin
        self._strength = strength
        self._balance = balance
        most = BATCH + _OVERHANGING
        pairs = range(0, channels, CHANNELS)
        self._lanes = [_lane(self._analysis, min(CHANNELS, channels - pair), most, compiled) for pair in pairs]
        # The first tile begins half a frame before the audio, so that all of it lies under two frames.
        self._lead = self._start(1)
        self._first = 0  # the tile that begins where `_samples` does
        self._samples = self._room_for([np.zeros(self._lead * lane.channels, np.float32) for lane in self._lanes])
        self._room = self._frames_in_a_batch()
        self._filled = self._lead
        self._waiting: _Batch | None = None
        self._before = np.zeros((0, BANDS), np.float32)  # decibels of the tiles written last
        self._received = 0

    def push(self, samples: Array) -> Array:
        """Take samples, float32 (channels, frames), and give as many marked ones as are ready, maybe none."""
        self._received += samples.shape[1]
        ready = []
        taken = 0
        while taken < samples.shape[1]:
            piece = samples[:, taken : taken + self._room - self._filled]
            self._take(piece)
            taken += piece.shape[1]
            if self._filled == self._room:
                ready += self._turn()
        return _joined(ready, len(samples))

    def finish(self) -> Array:
        """The rest. Raises TooShort when less than 3 s came in all."""
        seconds = self._received / self._analysis.rate
        if seconds < SHORTEST_SECONDS:
            raise TooShort(f"{seconds:.2f} s are too short for a mark: give at least {SHORTEST_SECONDS:g} s")
        begins = self._analysis.begins(self._first, self._first + BATCH + _OVERHANGING + 1, 1)
        begins -= self._start(self._first)
        count = int(np.count_nonzero(begins < self._filled))
        whole = int(np.count_nonzero(begins + self._analysis.frame <= self._filled))
        # Tiles that hang over the end see silence there; how lively the music is, is asked of whole ones.
        missing = max(0, int(begins[count]) + self._analysis.frame - self._filled)
        for place, lane in enumerate(self._lanes):
            known = self._samples[place][: lane.channels * self._filled]
            self._samples[place] = np.pad(known, (0, lane.channels * missing))
        rest = self._look(count)
        rest = replace(rest, decibels=rest.decibels[:whole])
        ready = [self._write(self._waiting, rest.decibels)] if self._waiting else []
        ready.append(self._write(rest, self._before[:0])[:, : self._filled - (0 if rest.first else self._lead)])
        return _joined(ready, len(ready[-1]))

    def _start(self, tile: int) -> int:
        return self._analysis.begin(tile)

    def _frames_in_a_batch(self) -> int:
        """How many samples of a channel lie under the next batch."""
        return self._start(self._first + BATCH - 1) + self._analysis.frame - self._start(self._first)

    def _room_for(self, begun: list[Array]) -> list[Array]:
        """Room in each lane for all samples under the next batch, of which the first are known."""
        rooms = [np.empty(lane.channels * self._frames_in_a_batch(), np.float32) for lane in self._lanes]
        for room, known in zip(rooms, begun, strict=True):
            room[: len(known)] = known
        return rooms

    def _take(self, piece: Array) -> None:
        """Samples (channels, n), for which there is room."""
        filled = self._filled + piece.shape[1]
        for place, (lane, room) in enumerate(zip(self._lanes, self._samples, strict=True)):
            channels = piece[CHANNELS * place : CHANNELS * place + lane.channels]
            places = room.reshape(-1, lane.channels)[self._filled : filled]
            if channels.strides[0] < channels.strides[1]:
                places[:] = channels.T
                continue
            # One channel after the other: samples that lie by channels, numpy would take one by one.
            for number, channel in enumerate(channels):
                places[:, number] = channel
        self._filled = filled

    def _turn(self) -> list[Array]:
        """Look at a batch whose samples have all come, and write the one before it."""
        batch = self._look(BATCH)
        ready = [] if self._waiting is None else [self._write(self._waiting, batch.decibels)]
        self._waiting = batch
        used = self._start(self._first + BATCH) - self._start(self._first)
        begun = [room[lane.channels * used :] for lane, room in zip(self._lanes, self._samples, strict=True)]
        self._first += BATCH
        self._filled = self._room - used
        self._samples, self._room = self._room_for(begun), self._frames_in_a_batch()
        return ready

    def _look(self, count: int) -> _Batch:
        begins = self._analysis.begins(self._first, self._first + count + 1, 1) - self._start(self._first)
        spectra = [lane.spectra(room, begins) for lane, room in zip(self._lanes, self._samples, strict=True)]
        energies = [lane.energies(each) for lane, each in zip(self._lanes, spectra, strict=True)]
        return _Batch(self._first, spectra, self._analysis.levels(sum(energies[1:], energies[0])))

    def _write(self, batch: _Batch, after: Array) -> Array:
        """Give the samples of a batch, marked. after: decibels of the whole tiles behind it, as far as they are known.

        What the batch adds to the samples behind its own is kept for the next one.
        """
        known = np.concatenate([self._before, batch.decibels, after[:REACH]])
        rows = np.arange(len(batch.spectra[0].begins) - 1)
        gains = self._gains(known)[np.minimum(len(self._before) + rows, len(known) - 1)]
        gains *= self._tiles[(batch.first + rows + self._begin) % len(self._tiles)]
        gains *= _NEPERS
        factors = np.expm1(gains, out=gains)
        lead = 0 if batch.first else self._lead
        channels = []
        for lane, spectra in zip(self._lanes, batch.spectra, strict=True):
            marked = lane.changed(spectra, factors)
            if _beyond(marked):
                samples = spectra.samples[: len(marked)]
                limits = (np.minimum(samples, -1), np.maximum(samples, 1)) if _beyond(samples) else (-1, 1)
                np.clip(marked, *limits, out=marked)
            channels.append(marked.reshape(-1, lane.channels)[lead:].T)
        self._before = known[: len(self._before) + len(batch.decibels)][-REACH:]
        return channels[0] if len(channels) == 1 else np.concatenate(channels)

    def _gains(self, decibels: Array) -> Array:
        """What each tile may gain or lose, in decibels: float32, of the shape of the tiles' levels."""
        _, liveliness = residual(decibels)
        # To the power of a quarter.
        room = np.sqrt(np.sqrt(liveliness / np.float32(REFERENCE)))
        weakest = WEAKEST * self._strength
        if self._balance:
            mean = np.log(np.exp(2 * _NEPERS * decibels).mean(axis=1, keepdims=True)) / (2 * _NEPERS)
            room *= np.exp(np.float32(self._balance) * _NEPERS * (mean - decibels))
            weakest = 0.0
        room *= np.float32(self._strength * STRENGTH)
        return np.clip(room, weakest, STRONGEST * self._strength, out=room)


def _lane(analysis: Analysis, channels: int, most: int, compiled: bool) -> "Lane | CompiledLane":
    """What changes one or two channels."""
    if not compiled or channels < CHANNELS or analysis.rate != RATE:
        return Lane(analysis, channels, most)
    try:
        from gen.compiled_lane import CompiledLane
    except ImportError as error:
        raise ConfigError("watermark: compiling needs numba; pip install 'stemmata[studio]'") from error
    return CompiledLane(analysis, most)


def _beyond(samples: Array) -> bool:
    """Whether any is beyond full scale."""
    return bool(samples.max() > 1 or samples.min() < -1)


def _joined(pieces: list[Array], channels: int) -> Array:
    if not pieces:
        return np.zeros((channels, 0), np.float32)
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
