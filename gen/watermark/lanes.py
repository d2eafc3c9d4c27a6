"""One or two channels of a stream as the writer changes them: frames, their spectra, and frames added up again.

All channels get the same gains. So two of them go through one transform, as the real and the imaginary part of one
signal, which is also how stereo lies in memory and in files: a gain that is the same for a frequency and its negative
changes either as if it were alone.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.typing import NDArray

from gen.watermark.tiles import Analysis, Array

CHANNELS: Final = 2


@dataclass(frozen=True, eq=False)
class Spectra:
    """Spectra of frames that follow each other.

    parts: float32 (frames, ...), real and imaginary parts side by side. It is the lane's own memory: the next that the
    lane makes takes its place.
    """

    samples: Array
    begins: NDArray[np.intp]
    parts: Array


class Lane:
    """One or two channels at one rate. Its samples are float32 (channels * n,), sample after sample.

    most: how many frames are given to it at once, at most.
    """

    def __init__(self, analysis: Analysis, channels: int, most: int) -> None:
        self.channels = channels
        self._analysis = analysis
        self._frame = channels * analysis.frame
        self._window = np.repeat(analysis.window, channels)
        first, last = int(analysis.edges[0]), int(analysis.edges[-1])
        owner = np.repeat(np.arange(analysis.bands), np.diff(analysis.edges))
        # Where the bands lie in the spectra, and of which band each bin there is; with two channels also at the
        # negative frequencies, which come last and from the highest on.
        self._areas = [slice(2 * first, 2 * last)]
        self._owners = [owner]
        self._inner = analysis.edges[:-1] - first
        if channels == CHANNELS:
            size = analysis.frame
            self._areas.append(slice(2 * (size - last + 1), 2 * (size - first + 1)))
            self._owners.append(owner[::-1].copy())
        # Memory that is used again and again; new memory would cost as much as the work.
        self._frames = np.empty((most, self._frame), np.float32)
        self._squares = np.empty((most, 2 * len(owner)), np.float32)
        self._powers = np.empty((most, len(owner)), np.float32)
        self._factors = np.empty((most, len(owner)), np.complex64)
        # What earlier frames add to the samples that come next.
        self._added = np.zeros(self._frame, np.float32)

    def spectra(self, samples: Array, begins: NDArray[np.intp]) -> Spectra:
        """Short-time spectra of the frames that begin there: intp (frames + 1,), the last one that of the next frame.

        samples: float32 (channels * n,), with all that lies under the frames.
        """
        from scipy.fft import fft, rfft

        frames = self._frames[: len(begins) - 1]
        hop = int(begins[1] - begins[0])
        if int(begins[-2] - begins[0]) == (len(frames) - 1) * hop:
            # Evenly spaced, as at the usual rates: windowed where they lie.
            (sample,) = samples.strides
            origin = samples[self.channels * int(begins[0]) :]
            places = as_strided(origin, frames.shape, (self.channels * hop * sample, sample))
        else:
            places = sliding_window_view(samples, self._frame)[self.channels * begins[:-1]]
        np.multiply(places, self._window, out=frames)
        if self.channels == CHANNELS:
            bins = fft(frames.view(np.complex64), axis=1, overwrite_x=True)
        else:
            bins = rfft(frames, axis=1)
        return Spectra(samples, begins, np.asarray(bins, np.complex64).view(np.float32))

    def energies(self, spectra: Spectra) -> Array:
        """Energies of the bands, summed over the channels: float32 (frames, bands)."""
        squares = self._squares[: len(spectra.parts)]
        bins = self._powers[: len(spectra.parts)]
        bins.fill(0)
        for area, way in zip(self._areas, (1, -1), strict=False):
            np.square(spectra.parts[:, area], out=squares)
            bins += squares[:, 0::2][:, ::way]
            bins += squares[:, 1::2][:, ::way]
        # Each channel is in the positive and the negative frequencies.
        return np.add.reduceat(bins, self._inner, axis=1) * np.float32(1 / len(self._areas))

    def changed(self, spectra: Spectra, factors: Array) -> Array:
        """The samples until the next frame begins, with the frames added to them. The spectra are spent.

        factors: float32 (frames, BANDS), by how much of itself each band grows. Returns float32 (channels * n,).
        """
        from scipy.fft import ifft, irfft

        parts = spectra.parts
        # A real and an imaginary part are one item: half as many to pick.
        pairs = np.empty((*factors.shape, 2), np.float32)
        pairs[...] = factors[:, :, None]
        picked = self._factors[: len(parts)]
        done = 0
        for area, owner in zip(self._areas, self._owners, strict=True):
            np.take(pairs.view(np.complex64)[:, :, 0], owner, axis=1, out=picked, mode="clip")
            # Where the bands reach half of the rate, its frequency is its own negative, and done already.
            start = max(done, area.start)
            parts[:, done:start] = 0
            parts[:, start : area.stop] *= picked.view(np.float32)[:, start - area.start :]
            done = area.stop
        parts[:, done:] = 0
        bins = parts.view(np.complex64)
        if self.channels == CHANNELS:
            frames = ifft(bins, axis=1, overwrite_x=True).view(np.float32)
        else:
            frames = irfft(bins, n=self._analysis.frame, axis=1, overwrite_x=True)
        frames *= self._window
        return self._overlapped(frames, spectra.begins, spectra.samples)

    def _overlapped(self, frames: Array, begins: NDArray[np.intp], samples: Array) -> Array:
        own = self.channels * int(begins[-1])
        half = self._frame // 2
        if len(frames) > 1 and own == len(frames) * half:
            # Each frame overlaps half of the next one: two sums do for all.
            halves = np.add(samples[:own].reshape(-1, half), frames[:, :half])
            halves[1:] += frames[:-1, half:]
            result = halves.reshape(-1)
            result[: self._frame] += self._added
            self._added[:half], self._added[half:] = frames[-1, half:], 0
            return result
        total = np.zeros(own + self._frame, np.float32)
        total[: self._frame] = self._added
        for frame, begin in zip(frames, (self.channels * begins[:-1]).tolist(), strict=True):
            total[begin : begin + self._frame] += frame
        self._added = total[own:].copy()
        return np.add(total[:own], samples[:own])
