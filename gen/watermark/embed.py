"""Writing the mark: each tile a little louder or a little softer, as the sound comes in.

The work is done in batches of BATCH tiles whose places follow from the beginning of the audio alone. So it does not
matter in which pieces the audio comes, and memory does not grow with its length.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from gen.errors import ConfigError, TooShort
from gen.watermark.lanes import CHANNELS, Lane, Spectra
from gen.watermark.patterns import BANDS, CHIP_TILES, EDGES_HZ, PERIOD, RATE
from gen.watermark.tiles import Analysis, Array

if TYPE_CHECKING:
    from gen.compiled_lane import CompiledLane

SHORTEST_SECONDS: Final = 3.0
# The spectra of as many tiles stay in a core's cache.
BATCH: Final = 128
# Gain of a tile in decibels, the same for all but the lowest bands: gains that grew with the music's liveliness were
# graded no better and read alike, and writing took a third longer (benchmarks/watermark.md, Quality).
GAIN: Final = 0.68
# Bands that begin below this have less, by this factor: they are as wide as critical bands there, so what a changing
# gain adds beside a bass note lies outside of what the note masks.
BASS_HZ: Final = 250.0
BASS_GAIN: Final = 0.8
# The highest of a quiet band, where `balance` raises it.
HIGHEST_GAIN: Final = 0.96
# A frame is a little longer or shorter than two tiles: so many may begin under the last one of a batch.
_OVERHANGING: Final = 3
_NEPERS: Final = np.float32(np.log(10) / 20)


class Embedder:
    """Marks a stream: what goes in by `push` comes out marked, 1.5 s later at most; `finish` gives the rest.

    rate: of the stream, in Hz. channels: how many. signs: float32 (PERIOD, BANDS), what to write. begin: the row of the
    signs at the first sample. strength: factor for GAIN. balance: the power of a tile's level, against the mean of its
    frame, by which its gain shrinks: above 0 less is added to loud bands, and less in all. All channels get the same
    gains, so that a downmix keeps the mark. No sample leaves full scale that was not beyond it before: there the mark
    gives way. compiled: as `Watermark` has it.
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
        tiles = np.stack([signs, -signs], axis=1).reshape(CHIP_TILES * PERIOD, BANDS)
        self._nepers = np.roll(tiles, -CHIP_TILES * begin, axis=0) * _gains(strength)
        self._factors = np.expm1(self._nepers)
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
                ready.append(self._turn())
        return _joined(ready, len(samples))

    def finish(self) -> Array:
        """The rest. Raises TooShort when less than 3 s came in all."""
        seconds = self._received / self._analysis.rate
        if seconds < SHORTEST_SECONDS:
            raise TooShort(f"{seconds:.2f} s are too short for a mark: give at least {SHORTEST_SECONDS:g} s")
        begins = self._analysis.begins(self._first, self._first + BATCH + _OVERHANGING + 1, 1)
        begins -= self._start(self._first)
        count = int(np.count_nonzero(begins < self._filled))
        # Tiles that hang over the end see silence there.
        missing = max(0, int(begins[count]) + self._analysis.frame - self._filled)
        for place, lane in enumerate(self._lanes):
            known = self._samples[place][: lane.channels * self._filled]
            self._samples[place] = np.pad(known, (0, lane.channels * missing))
        return self._write(count)[:, : self._filled - (0 if self._first else self._lead)]

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

    def _turn(self) -> Array:
        """Write a batch whose samples have all come."""
        ready = self._write(BATCH)
        used = self._start(self._first + BATCH) - self._start(self._first)
        begun = [room[lane.channels * used :] for lane, room in zip(self._lanes, self._samples, strict=True)]
        self._first += BATCH
        self._filled = self._room - used
        self._samples, self._room = self._room_for(begun), self._frames_in_a_batch()
        return ready

    def _write(self, count: int) -> Array:
        """Give the samples of so many tiles, marked.

        What they add to the samples behind their own is kept by the lanes for the next ones.
        """
        begins = self._analysis.begins(self._first, self._first + count + 1, 1) - self._start(self._first)
        spectra = [lane.spectra(room, begins) for lane, room in zip(self._lanes, self._samples, strict=True)]
        factors = self._factors_of(spectra)
        lead = 0 if self._first else self._lead
        channels = []
        for lane, each in zip(self._lanes, spectra, strict=True):
            marked = lane.changed(each, factors)
            if _beyond(marked):
                samples = each.samples[: len(marked)]
                limits = (np.minimum(samples, -1), np.maximum(samples, 1)) if _beyond(samples) else (-1, 1)
                np.clip(marked, *limits, out=marked)
            channels.append(marked.reshape(-1, lane.channels)[lead:].T)
        return channels[0] if len(channels) == 1 else np.concatenate(channels)

    def _factors_of(self, spectra: list[Spectra]) -> Array:
        """By how much of itself each tile grows: float32 (tiles, BANDS)."""
        rows = (self._first + np.arange(len(spectra[0].begins) - 1)) % len(self._factors)
        if not self._balance:
            return self._factors[rows]
        energies = [lane.energies(each) for lane, each in zip(self._lanes, spectra, strict=True)]
        decibels = self._analysis.levels(sum(energies[1:], energies[0]))
        mean = np.log(np.exp(2 * _NEPERS * decibels).mean(axis=1, keepdims=True)) / (2 * _NEPERS)
        room = np.exp(np.float32(self._balance) * _NEPERS * (mean - decibels))
        return np.expm1(np.minimum(room, np.float32(HIGHEST_GAIN / GAIN)) * self._nepers[rows])


def _gains(strength: float) -> Array:
    """How much each band is changed, in nepers: float32 (BANDS,)."""
    bass = np.array(EDGES_HZ[:-1]) < BASS_HZ
    return np.where(bass, np.float32(BASS_GAIN), np.float32(1)) * np.float32(strength * GAIN) * _NEPERS


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
