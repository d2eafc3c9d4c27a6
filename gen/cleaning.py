"""Bring recordings to one level and one band, before anything learns from them.

The band-pass is symmetrical in time, so it delays nothing: every note stays where it was, two channels or stems stay in
step, and the phase that the models learn is the recording's own. Its price is that it rings before an attack as long as
after it; but what rings is what is taken away, so with the default edges it lies below 30 Hz and above 19.5 kHz, where
nobody hears it. A filter that rings only afterwards would turn the phase of the lowest octaves instead.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from gen.config import CleaningConfig
from gen.loudness import Loudness, Meter
from gen.waveform import Waveform

_STOP = 60.0
_UPPER_TRANSITION = 1000.0
# Several at once go twice as fast as one by one.
_TRANSFORMS = 4
_SAME_IN_TWO = 10 * math.log10(2)


@dataclass(frozen=True)
class Cleaned:
    """A cleaned recording, and what was done to it.

    offsets: the mean of each channel that was taken away, full scale = 1.0. gain: in dB. held: the gain is less than
    the target asks for, since the true peak would have passed the ceiling. quiet: too quiet or short to have a
    loudness, so only brought under the ceiling. before: as measured between the filter and the gain.
    """

    waveform: Waveform
    offsets: tuple[float, ...]
    gain: float
    held: bool
    quiet: bool
    before: Loudness


def clean(waveform: Waveform, config: CleaningConfig) -> Cleaned:
    """Take the offset away, keep the band, and bring the loudness to its target under the ceiling.

    Length, rate and channels stay. A mono recording is measured as two loudspeakers would play it, so that it comes out
    as each channel of the same sound in stereo does. The same input gives the same samples on one machine, whatever
    runs beside it. Needs as much memory again as the recording.
    """
    taps = band_pass(waveform.rate, config.lowest, config.highest)
    offsets = waveform.samples.mean(axis=1, dtype=np.float64)
    samples = np.empty_like(waveform.samples, order="C")
    meter = Meter(waveform.channels, waveform.rate)
    for start, piece in _filtered(waveform.samples, offsets.astype(np.float32), taps):
        samples[:, start : start + piece.shape[1]] = piece
        meter.add(piece)
    before = meter.read()
    gain, held = _gain(before, waveform.channels, config)
    samples *= np.float32(10 ** (gain / 20))
    samples.setflags(write=False)
    return Cleaned(
        Waveform(samples, waveform.rate),
        tuple(float(offset) for offset in offsets),
        gain,
        held,
        before.integrated is None,
        before,
    )


@lru_cache(maxsize=8)
def band_pass(rate: int, lowest: float, highest: float) -> npt.NDArray[np.float32]:
    """The filter's taps, an odd number, symmetrical: -6 dB at both edges (Hz), 60 dB down half a transition outside.

    The transition is as wide as the lower edge is high, and 1 kHz at the upper. A lower edge of 0 and an upper edge
    that the rate does not reach are left out. Kaiser's window method (Oppenheim and Schafer, Discrete-Time Signal
    Processing, section 7.6).
    """
    from scipy.signal import firwin, kaiserord

    taps = np.ones(1)
    for edge, width, passes_low in ((lowest, lowest, False), (highest, _UPPER_TRANSITION, True)):
        if 0 < edge < rate / 2 - width / 2:
            length, beta = kaiserord(_STOP, width / (rate / 2))
            part = firwin(length // 2 * 2 + 1, edge, window=("kaiser", beta), pass_zero=passes_low, fs=rate)
            taps = np.convolve(taps, part)
    return taps.astype(np.float32)


def _filtered(
    samples: npt.NDArray[np.float32], offsets: npt.NDArray[np.float32], taps: npt.NDArray[np.float32]
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Overlap-save: pieces of the filtered sound, and where each begins. Around the sound lies silence."""
    from scipy.fft import irfft, rfft

    size = max(1 << 16, 1 << (4 * len(taps)).bit_length())
    response = rfft(taps, size)
    channels, frames = samples.shape
    step = size - len(taps) + 1
    together = max(1, _TRANSFORMS // channels)
    for start in range(0, frames, step * together):
        first = start - len(taps) // 2
        block = np.zeros((channels, step * together + len(taps) - 1), np.float32)
        held = slice(max(0, first), min(frames, first + block.shape[1]))
        block[:, held.start - first : held.stop - first] = samples[:, held] - offsets[:, None]
        spectra = rfft(sliding_window_view(block, size, axis=1)[:, ::step])
        spectra *= response
        pieces = irfft(spectra, size, overwrite_x=True)[:, :, len(taps) - 1 :]
        yield start, pieces.reshape(channels, -1)[:, : frames - start]


def _gain(before: Loudness, channels: int, config: CleaningConfig) -> tuple[float, bool]:
    room = config.ceiling - before.true_peak
    if before.integrated is None:
        return min(0.0, room), False
    wanted = config.loudness - before.integrated - (_SAME_IN_TWO if channels == 1 else 0.0)
    return min(wanted, room), wanted > room
