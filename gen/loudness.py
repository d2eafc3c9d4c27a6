"""How loud a recording is and how far its waves reach, by ITU-R BS.1770-5, EBU Tech 3341 and EBU Tech 3342."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from gen.waveform import Waveform

_BLOCK = 1 << 16
# BS.1770-5 annex 1: power is gated in blocks of 400 ms that begin every 100 ms; EBU Tech 3342: in blocks of 3 s.
_HOPS_A_SECOND = 10
_MOMENTARY = 4
_SHORT_TERM = 30
_ABSOLUTE_GATE = -70.0
_RELATIVE_GATE = -10.0
_RANGE_GATE = -20.0
_OFFSET = -0.691
# BS.1770-5 annex 2: four times 44.1 or 48 kHz, two times 88.2 or 96 kHz.
_OVERSAMPLED_RATE = 176400
# Interpolation between two samples takes so many around them.
_TAPS = 24
_KAISER = 5.0
# Samples that one row of a matrix product starts from, and one group of rows with a common bound.
_ROW = 16
_GROUP = 256


@dataclass(frozen=True)
class Loudness:
    """What was measured, over all channels.

    integrated: programme loudness in LUFS, gated; None if nothing reaches the gate of -70 LUFS, or for less than 0.4 s.
    range: loudness range in LU (EBU Tech 3342); None likewise, and for less than 3 s.
    true_peak: of the wave between the samples too, in dBTP; sample_peak: of the samples, in dBFS; -inf for silence.
    """

    integrated: float | None
    range: float | None
    true_peak: float
    sample_peak: float


def loudness(waveform: Waveform) -> Loudness:
    """Measure a whole recording. Mono counts as one channel: 3 LU less than the same sound in two."""
    meter = Meter(waveform.channels, waveform.rate)
    for start in range(0, waveform.frames, _BLOCK):
        meter.add(waveform.samples[:, start : start + _BLOCK])
    return meter.read()


class Meter:
    """Measures sound that comes in pieces, in memory that grows by some 300 bytes for each second of it.

    All channels weigh the same, as left, right and centre do; surround channels, which would weigh more, do not occur
    among recordings of one or two channels.
    """

    def __init__(self, channels: int, rate: int) -> None:
        """channels: how many; rate: samples per second."""
        self._hop = max(1, round(rate / _HOPS_A_SECOND))
        self._weighting = k_weighting(rate)
        self._state = np.zeros((2, channels, 2))
        self._rest = 0.0
        self._in_rest = 0
        self._powers: list[float] = []
        self._peak = _TruePeak(channels, rate)

    def add(self, samples: npt.NDArray[np.float32]) -> None:
        """Take the next samples, shape (channels, frames)."""
        from scipy.signal import sosfilt

        if samples.shape[1] == 0:
            return
        weighted, self._state = sosfilt(self._weighting, samples.astype(np.float64), axis=-1, zi=self._state)
        begin = min(self._hop - self._in_rest, weighted.shape[1])
        self._rest += _energy(weighted[:, :begin])
        self._in_rest += begin
        if self._in_rest == self._hop:
            self._powers.append(self._rest / self._hop)
            hops = (weighted.shape[1] - begin) // self._hop
            for hop in range(hops):
                start = begin + hop * self._hop
                self._powers.append(_energy(weighted[:, start : start + self._hop]) / self._hop)
            last = weighted[:, begin + hops * self._hop :]
            self._rest, self._in_rest = _energy(last), last.shape[1]
        self._peak.add(samples)

    def read(self) -> Loudness:
        """What all samples so far give. More may be added."""
        powers = np.array(self._powers)
        sample, true = self._peak.read()
        return Loudness(_integrated(powers), _range(powers), decibels(true), decibels(sample))


@lru_cache(maxsize=16)
def k_weighting(rate: int) -> npt.NDArray[np.float64]:
    """The two biquads of BS.1770-5 annex 1, as second-order sections, for any rate.

    The recommendation lists coefficients for 48 kHz only. They are bilinear transforms of two analogue filters whose
    frequency, gain and quality follow from them; transformed anew, they give the listed ones again at 48 kHz.
    """
    shelf = math.tan(math.pi * 1681.974450955533 / rate)
    quality, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416
    scale = 1 + shelf / quality + shelf**2
    first = [
        (high + middle * shelf / quality + shelf**2) / scale,
        2 * (shelf**2 - high) / scale,
        (high - middle * shelf / quality + shelf**2) / scale,
        1.0,
        2 * (shelf**2 - 1) / scale,
        (1 - shelf / quality + shelf**2) / scale,
    ]
    cut = math.tan(math.pi * 38.13547087602444 / rate)
    quality = 0.5003270373238773
    scale = 1 + cut / quality + cut**2
    second = [1.0, -2.0, 1.0, 1.0, 2 * (cut**2 - 1) / scale, (1 - cut / quality + cut**2) / scale]
    return np.array([first, second])


def decibels(amplitude: float) -> float:
    """An amplitude against full scale; -inf for zero."""
    return 20 * math.log10(amplitude) if amplitude > 0 else -math.inf


def _energy(samples: npt.NDArray[np.float64]) -> float:
    return sum(float(channel @ channel) for channel in samples)


def _integrated(powers: npt.NDArray[np.float64]) -> float | None:
    heard = _above(_gliding(powers, _MOMENTARY), _ABSOLUTE_GATE)
    if len(heard) == 0:
        return None
    return _level(_above(heard, _level(heard) + _RELATIVE_GATE))


def _range(powers: npt.NDArray[np.float64]) -> float | None:
    heard = _above(_gliding(powers, _SHORT_TERM), _ABSOLUTE_GATE)
    if len(heard) == 0:
        return None
    low, high = np.percentile(_above(heard, _level(heard) + _RANGE_GATE), (10, 95))
    return float(10 * np.log10(high / low))


def _gliding(powers: npt.NDArray[np.float64], hops: int) -> npt.NDArray[np.float64]:
    """Means over so many hops, one beginning at each."""
    if len(powers) < hops:
        return np.zeros(0)
    return sliding_window_view(powers, hops).mean(axis=1)


def _above(powers: npt.NDArray[np.float64], gate: float) -> npt.NDArray[np.float64]:
    # A hair below, for a steady sound that lies on the gate by rounding alone.
    return powers[powers > 10 ** ((gate - 1e-9 - _OFFSET) / 10)]


def _level(powers: npt.NDArray[np.float64]) -> float:
    return float(_OFFSET + 10 * np.log10(powers.mean()))


class _TruePeak:
    """The largest sample, and the largest value of the wave between samples, found by interpolation.

    A row of 16 samples and their neighbours, times one matrix, gives all values in between: faster than a polyphase
    filter. Such a value is at most `_bound` times the largest sample it is made of, so groups of rows that cannot hold
    the peak are left out.
    """

    def __init__(self, channels: int, rate: int) -> None:
        self._matrix, self._bound = _interpolation(max(1, round(_OVERSAMPLED_RATE / rate)))
        self._waiting = np.zeros((channels, _TAPS - 1), np.float32)
        self._sample = self._between = 0.0

    def add(self, samples: npt.NDArray[np.float32]) -> None:
        self._sample = max(self._sample, float(samples.max()), -float(samples.min()))
        if self._matrix is not None:
            joined = np.concatenate([self._waiting, samples], axis=1)
            done = (joined.shape[1] - (_TAPS - 1)) // _GROUP * _GROUP
            self._waiting = joined[:, done:].copy()
            if done:
                self._between = self._highest(joined[:, : done + _TAPS - 1])

    def read(self) -> tuple[float, float]:
        """The largest sample and the true peak, as amplitudes; the sound is taken to end in silence here."""
        if self._matrix is None:
            return self._sample, self._sample
        tail = np.pad(self._waiting, ((0, 0), (0, _GROUP)))
        return self._sample, max(self._sample, self._highest(tail[:, : _GROUP + _TAPS - 1]))

    def _highest(self, joined: npt.NDArray[np.float32]) -> float:
        """The largest value between these samples, or what was the largest before."""
        highest = max(self._sample, self._between)
        groups = (joined.shape[1] - (_TAPS - 1)) // _GROUP
        for channel in joined:
            body, after = np.abs(channel[: groups * _GROUP]), np.abs(channel[groups * _GROUP :])
            peaks = np.append(body.reshape(groups, _GROUP).max(axis=1), after.max())
            able = np.flatnonzero(np.maximum(peaks[:-1], peaks[1:]) * self._bound > highest)
            if len(able):
                rows = sliding_window_view(channel, _ROW + _TAPS - 1)[::_ROW].reshape(groups, -1, _ROW + _TAPS - 1)
                values = rows[able] @ self._matrix
                highest = max(highest, float(values.max()), -float(values.min()))
        return highest


@lru_cache(maxsize=4)
def _interpolation(factor: int) -> tuple[npt.NDArray[np.float32] | None, float]:
    """A matrix from a row with its neighbours, (16 + 23,), to `factor - 1` values after each sample; and its bound."""
    if factor == 1:
        return None, 1.0
    # Distance of each tap from each instant, in samples; the ideal low-pass, faded out by a Kaiser window.
    distance = np.arange(1, factor)[:, None] / factor + _TAPS / 2 - 1 - np.arange(_TAPS)
    taps = np.sinc(distance) * np.i0(_KAISER * np.sqrt(1 - (distance / (_TAPS / 2)) ** 2))
    taps /= taps.sum(axis=1, keepdims=True)
    matrix = np.zeros((_ROW + _TAPS - 1, _ROW, factor - 1), np.float32)
    for place in range(_ROW):
        matrix[place : place + _TAPS, place] = taps.T
    return matrix.reshape(_ROW + _TAPS - 1, -1), float(np.abs(taps).sum(axis=1).max())
