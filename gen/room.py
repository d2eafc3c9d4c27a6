"""The room around an instrument: a reverberation with a fixed seed.

The impulse response is Gaussian noise under exponentials that die faster at high frequencies (J. A. Moorer, "About This
Reverberation Business", Computer Music Journal 3(2), 1979), behind a handful of early reflections.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

_BANDS_HZ = (0.0, 500.0, 2000.0, 6000.0, np.inf)
_BAND_T60 = (1.0, 0.9, 0.7, 0.4)  # of the room's reverberation time


@dataclass(frozen=True, slots=True)
class Room:
    """t60: seconds until the reverberation has fallen by 60 dB. level: its energy beside the dry sound, in dB."""

    t60: float
    level: float
    seed: int

    def response(self, rate: int) -> Samples:
        """The impulse response without its direct sound, shape (2, frames), energy `level` per channel."""
        frames = int(self.t60 * rate)
        time = np.arange(frames) / rate
        noise = np.random.default_rng(self.seed)
        frequencies = np.fft.rfftfreq(frames, 1 / rate)
        response = np.zeros((2, frames))
        for low, high, share in zip(_BANDS_HZ[:-1], _BANDS_HZ[1:], _BAND_T60, strict=True):
            spectrum = np.fft.rfft(noise.standard_normal((2, frames)))
            spectrum[:, (frequencies < low) | (frequencies >= high)] = 0
            response += np.fft.irfft(spectrum, frames) * 10 ** (-3 * time / (share * self.t60))
        response *= -np.expm1(-time / 0.015)  # the diffuse field builds up over some 15 ms
        for delay in noise.uniform(0.008, 0.06, size=(7, 2)):
            for channel in (0, 1):
                response[channel, int(delay[channel] * rate)] += 4 * np.exp(-delay[channel] / 0.03)
        response *= 10 ** (self.level / 20) / np.sqrt(np.sum(response**2, axis=1, keepdims=True))
        return np.asarray(response, np.float32)


def reverberate(dry: Samples, room: Room, rate: int) -> Samples:
    """Put a stereo sound, shape (2, frames), into a room; the result has the same shape, so leave time for the tail."""
    from scipy.signal import oaconvolve

    wet = oaconvolve(dry.astype(np.float64), room.response(rate), axes=1)[:, : dry.shape[1]]
    return np.asarray(dry + wet, np.float32)
