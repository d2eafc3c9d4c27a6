"""Writing the mark: each tile a little louder or a little softer, as the sound comes in.

The work is done in blocks of BLOCK tiles whose places follow from the beginning of the audio alone. So it does not
matter in which pieces the audio comes, and memory does not grow with its length.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gen.errors import TooShort
from gen.watermark.patterns import BANDS, CHIP_TILES, PERIOD
from gen.watermark.tiles import REACH, Analysis, Array, residual

SHORTEST_SECONDS: Final = 3.0
BLOCK: Final = 256
# Gain of a tile in decibels where the music's own liveliness is REFERENCE decibels; it grows with a small power of the
# liveliness, because unsteady sound hides more, and stays between the two limits.
STRENGTH: Final = 0.88
REFERENCE: Final = 2.0
GROWTH: Final = 0.25
WEAKEST: Final = 0.24
STRONGEST: Final = 1.28


class Embedder:
    """Marks a stream: what goes in by `push` comes out marked, a few seconds later; `finish` gives the rest.

    rate: of the stream, in Hz. channels: how many. signs: float32 (PERIOD, BANDS), what to write. begin: the row of the
    signs at the first sample. strength: factor for all gains. balance: the power of a tile's level, against the mean of
    its frame, by which its gain shrinks: above 0 less is added to loud bands, and less in all. All channels get the
    same gains, so that a downmix keeps the mark. No sample leaves full scale that was not beyond it before: there the
    mark gives way.
    """

    def __init__(
        self,
        rate: int,
        channels: int,
        signs: NDArray[np.float32],
        begin: int = 0,
        strength: float = 1.0,
        balance: float = 0.0,
    ) -> None:
        self._analysis = Analysis(rate)
        self._tiles = np.stack([signs, -signs], axis=1).reshape(CHIP_TILES * PERIOD, BANDS)
        self._begin = CHIP_TILES * begin
        self._strength = strength
        self._balance = balance
        self._owner = np.repeat(np.arange(self._analysis.bands), np.diff(self._analysis.edges))
        # The first tile begins half a frame before the audio, so that all of it lies under two frames.
        self._lead = self._start(1)
        self._held = np.zeros((channels, self._lead), np.float32)
        self._at = 0  # the sample, counted from the first tile, at which `_held` begins
        self._given = self._lead  # up to where marked samples were handed out
        self._next = 0  # the first tile that is not written yet
        self._change = np.zeros((channels, 0), np.float32)  # what was added from `_at` on
        self._received = 0

    def push(self, samples: Array) -> Array:
        """Take samples, float32 (channels, frames), and give as many marked ones as are ready, maybe none."""
        self._received += samples.shape[1]
        self._held = np.concatenate([self._held, samples], axis=1)
        ready = list(self._blocks(last=False))
        return np.concatenate(ready, axis=1) if ready else self._held[:, :0]

    def finish(self) -> Array:
        """The rest. Raises TooShort when less than 3 s came in all."""
        seconds = self._received / self._analysis.rate
        if seconds < SHORTEST_SECONDS:
            raise TooShort(f"{seconds:.2f} s are too short for a mark: give at least {SHORTEST_SECONDS:g} s")
        return np.concatenate(list(self._blocks(last=True)), axis=1)

    def _start(self, tile: int) -> int:
        return int(self._analysis.begins(tile, tile + 1, 1)[0])

    def _blocks(self, *, last: bool) -> Iterator[Array]:
        """Write all blocks that can be written: those whose tiles, and the REACH tiles behind them, have come."""
        while self._end() >= self._start(self._next + BLOCK + REACH) + self._analysis.frame:
            yield self._block(self._next + BLOCK, self._next + BLOCK + REACH)
        if last:
            # Tiles that hang over the end see silence there; how lively the music is, is asked of whole ones.
            whole = self._next
            while self._start(whole) + self._analysis.frame <= self._end():
                whole += 1
            until = whole
            while self._start(until) < self._end():
                until += 1
            missing = self._start(until) + self._analysis.frame - self._end()
            end = self._end()
            self._held = np.pad(self._held, ((0, 0), (0, missing)))
            left = end - self._given
            yield self._block(until, max(whole, self._next + 1))[:, :left]

    def _end(self) -> int:
        return self._at + self._held.shape[1]

    def _block(self, until: int, seen: int) -> Array:
        """Write the tiles up to `until`, looking at those up to `seen`; give all samples that no later tile touches."""
        first = max(0, self._next - REACH)
        tiles = np.arange(first, max(until, seen))
        begins = self._analysis.begins(first, max(until, seen), 1) - self._at
        spectra = np.empty((len(self._held), len(begins), self._analysis.frame // 2 + 1), np.complex64)
        power = np.zeros(spectra.shape[1:], np.float32)
        for channel, spectrum in zip(self._held, spectra, strict=True):
            spectrum[:] = self._analysis.spectra(channel, begins)
            power += np.square(spectrum.real)
            power += np.square(spectrum.imag)
        decibels = self._analysis.decibels(power[: seen - first])
        _, liveliness = residual(decibels)
        room = np.power(liveliness / REFERENCE, GROWTH)
        if self._balance:
            mean = 10 * np.log10(np.power(10, decibels / 10).mean(axis=1, keepdims=True))
            room *= np.power(10, self._balance * (mean - decibels) / 20)
        if until > seen:
            room = np.pad(room, ((0, until - seen), (0, 0)), mode="edge")
        written = slice(self._next - first, until - first)
        changes = self._gains(room[written], tiles[written]) - 1
        result = self._add(spectra[:, written], changes, begins[written], until)
        self._next = until
        return result

    def _gains(self, room: Array, tiles: NDArray[np.intp]) -> Array:
        """Factor for each tile: float32 (tiles, BANDS)."""
        weakest = 0.0 if self._balance else WEAKEST * self._strength
        decibels = np.clip(self._strength * STRENGTH * room, weakest, STRONGEST * self._strength)
        return np.power(np.float32(10), decibels * self._tiles[(tiles + self._begin) % len(self._tiles)] / 20)

    def _add(self, spectra: NDArray[np.complex64], changes: Array, begins: NDArray[np.intp], until: int) -> Array:
        from scipy.fft import irfft

        frame, bins = self._analysis.frame, slice(self._analysis.edges[0], self._analysis.edges[-1])
        # Bins outside the bands stay zero: what is added to them is nothing.
        factors = np.zeros(spectra.shape[1:], np.float32)
        factors[:, bins] = changes[:, self._owner]
        spectra *= factors
        pieces = irfft(spectra, n=frame, axis=2, overwrite_x=True)
        pieces *= self._analysis.window
        change = np.pad(self._change, ((0, 0), (0, int(begins[-1]) + frame - self._change.shape[1])))
        for place, begin in enumerate(begins.tolist()):
            change[:, begin : begin + frame] += pieces[:, place]
        done = self._start(until)
        samples = self._held[:, self._given - self._at : done - self._at]
        result = samples + change[:, self._given - self._at : done - self._at]
        if result.size and (result.max() > 1 or result.min() < -1):
            limit = np.maximum(np.float32(1), np.abs(samples))
            np.clip(result, -limit, limit, out=result)
        keep = self._start(max(0, until - REACH))
        self._held = self._held[:, keep - self._at :]
        self._change = change[:, keep - self._at :]
        self._at, self._given = keep, done
        return result
