"""Where the spectrum of a recording ends, if it ends too early: what an encoder or a lower rate left behind.

Lossy encoders drop what lies above a fixed frequency, and so does a lower sampling rate. Decoded into a file of higher
rate, the sound stops there at a cliff, with nothing beyond but the file's own rounding noise. Music that simply has no
treble falls slowly, or ends in the noise of its room or tape, which goes on to the top.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from gen.waveform import Waveform

_WINDOW = 2048
_MOST_WINDOWS = 400
# The level that one window in ten passes: short bright sounds count, a single click does not.
_WINDOWS_BELOW = 0.9
_LOWEST = 3000.0
# Converters and players of 44.1 kHz end somewhere above this by themselves.
_HIGHEST = 20500.0
_STEP = 100.0
# A cliff: most of the band below it, against nearly everything from its foot to the top.
_BAND_BELOW = (1500.0, 100.0)
_MOST_BELOW = 0.2
_FOOT = 500.0
_MOST_ABOVE = 0.9
_TOP = 200.0
# Partials of a bare synthesizer end at small cliffs too, but in the lower half of the spectrum.
_LEAST_DROP = 13.0
_LEAST_DROP_BELOW = (8500.0, 25.0)
# Nothing: 16-bit rounding noise reads -130 dB in one bin of this window, dithered -125; a room's noise above -110.
_NOTHING = -112.0
# A cliff as high as this needs no nothing: encoders let a little of a loud treble through.
_CERTAIN_DROP = 45.0
# 32 kHz is missing: 16 kHz is where most MP3 files end.
_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 44100, 48000)
# Resamplers end their band between these parts of half the rate.
_ENDS = (0.94, 1.005)
_FLOOR = 1e-20


@dataclass(frozen=True)
class Cutoff:
    """A cliff in the spectrum.

    frequency: where it falls, in Hz. drop: from the band below to everything above, in dB. rate: the sampling rate
    whose band ends there, if there is one, in Hz. At 11 to 12 kHz, as 22.05 and 24 kHz, encoders at 64 kbit/s end too.
    """

    frequency: float
    drop: float
    rate: int | None


def find_cutoff(waveform: Waveform) -> Cutoff | None:
    """Look for a cliff between 3 and 20.5 kHz, and up to the top in what has a rate above 50 kHz.

    At most 400 windows of 2048 samples are looked at, spread over the recording, so that a long one costs no more.
    None if there is no cliff, or nothing to hear near where it would be.
    """
    if waveform.frames < _WINDOW:
        return None
    levels = _levels(waveform)

    def place(hertz: float) -> int:
        return round(hertz * _WINDOW / waveform.rate)

    top = place(waveform.rate / 2 - _TOP)
    highest = waveform.rate / 2 if waveform.rate > 50000 else _HIGHEST
    last = min(highest, waveform.rate / 2 - _FOOT - _TOP)
    cliff = Cutoff(0.0, 0.0, None)
    foot = 0.0
    for edge in np.arange(_LOWEST, last, _STEP):
        below = _part(levels[place(edge - _BAND_BELOW[0]) : place(edge - _BAND_BELOW[1])], _MOST_BELOW)
        above = _part(levels[place(edge + _FOOT) : top], _MOST_ABOVE)
        drop = below - above
        least = _LEAST_DROP_BELOW[1] if edge < _LEAST_DROP_BELOW[0] else _LEAST_DROP
        steep = drop > _CERTAIN_DROP or (above < _NOTHING and drop > least)
        if steep and drop > cliff.drop:
            cliff, foot = Cutoff(float(edge), drop, None), above
    if not cliff.drop:
        return None
    frequency = _fall(levels, foot + cliff.drop / 2) * waveform.rate / _WINDOW
    if frequency > highest:
        return None
    rate = next((rate for rate in _RATES if _ENDS[0] <= frequency / (rate / 2) <= _ENDS[1]), None)
    return Cutoff(frequency, cliff.drop, rate)


def _levels(waveform: Waveform) -> npt.NDArray[np.float64]:
    """What one window in ten passes, in dB, for each of the 1025 frequencies."""
    from scipy.fft import rfft
    from scipy.signal import get_window

    # Not the mean of both channels: it would be silence where they are opposite.
    channels = waveform.samples[:2]
    windows = sliding_window_view(channels, _WINDOW, axis=1)[:, ::_WINDOW]
    chosen = np.unique(np.linspace(0, windows.shape[1] - 1, _MOST_WINDOWS).astype(int))
    sound = windows[0, chosen] + np.float32(0.7) * windows[-1, chosen]
    taper = get_window("blackmanharris", _WINDOW)
    power = np.square(np.abs(rfft(sound * (taper / taper.sum()).astype(np.float32))))
    rank = int(len(power) * _WINDOWS_BELOW)
    return 10 * np.log10(np.partition(power, rank, axis=0)[rank].astype(np.float64) + _FLOOR)


def _part(levels: npt.NDArray[np.float64], part: float) -> float:
    """The level that this part of them does not reach."""
    rank = int(len(levels) * part)
    return float(np.partition(levels, rank)[rank])


def _fall(levels: npt.NDArray[np.float64], level: float) -> int:
    """The last place where three of five neighbours are above this level."""
    middle = np.median(sliding_window_view(levels, 5), axis=1)
    return int(np.flatnonzero(middle > level)[-1]) + 2
