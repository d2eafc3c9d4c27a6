"""A stretch of sound in memory."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gen.errors import EmptyAudio, NotFinite

# Samples of a channel that are looked at together: they stay in a core's cache.
_BLOCK = 1 << 16


@dataclass(frozen=True, eq=False)
class Waveform:
    """Samples and their rate; cannot change once made.

    samples: float32, shape (channels, frames), C-contiguous, read-only, full scale = 1.0 (more is allowed, lossy
        decoders overshoot). float64 is converted; a writable array is copied, a read-only one is kept as it is.
    rate: frames per second, a positive int.

    Raises TypeError or ValueError for another dtype, shape or rate, EmptyAudio for no frames, NotFinite for NaN and
    infinity. Two waveforms are equal when their rates and all their samples are.
    """

    samples: npt.NDArray[np.float32]
    rate: int

    def __post_init__(self) -> None:
        samples = self.samples
        if not isinstance(samples, np.ndarray) or samples.dtype not in (np.float32, np.float64):
            kind = samples.dtype if isinstance(samples, np.ndarray) else type(samples).__name__
            raise TypeError(f"samples: expected a float32 array, not {kind}; scale integers to -1..1 first")
        if samples.ndim != 2 or samples.shape[0] < 1:
            raise ValueError(f"samples: expected the shape (channels, frames), not {samples.shape}")
        if isinstance(self.rate, bool) or not isinstance(self.rate, int | np.integer) or self.rate < 1:
            raise ValueError(f"rate: expected a positive number of frames per second, not {self.rate!r}")
        if samples.shape[1] == 0:
            raise EmptyAudio("samples: there are none; give at least one frame")
        shared = samples.flags.writeable or samples.dtype != np.float32 or not samples.flags.c_contiguous
        if shared:
            samples = np.array(samples, dtype=np.float32, order="C")
            samples.setflags(write=False)
        if not _is_finite(samples):
            raise NotFinite("samples: NaN or infinity among them; render or export the audio again")
        object.__setattr__(self, "samples", samples)
        object.__setattr__(self, "rate", int(self.rate))

    @property
    def channels(self) -> int:
        """How many channels: 1 is mono, 2 is stereo (left, right)."""
        return int(self.samples.shape[0])

    @property
    def frames(self) -> int:
        """How many samples each channel has."""
        return int(self.samples.shape[1])

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.frames / self.rate

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Waveform):
            return NotImplemented
        return self.rate == other.rate and np.array_equal(self.samples, other.samples)

    def __hash__(self) -> int:
        return hash((self.rate, self.samples.shape))

    def __repr__(self) -> str:
        return f"Waveform({self.channels} x {self.frames} at {self.rate} Hz, {self.duration:.2f} s)"

    def pcm_sha256(self) -> bytes:
        """Sha256 (32 bytes) of the samples, interleaved by frame, as little-endian float32: no header, no rate."""
        digest = hashlib.sha256()
        for start in range(0, self.frames, _BLOCK):
            block = self.samples[:, start : start + _BLOCK]
            digest.update(np.ascontiguousarray(block.T, dtype="<f4").data)
        return digest.digest()

    def mono(self) -> "Waveform":
        """The mean of all channels, as one."""
        if self.channels == 1:
            return self
        return _own(self.samples.mean(axis=0, keepdims=True, dtype=np.float32), self.rate)

    def resampled(self, rate: int) -> "Waveform":
        """The same sound at another rate (soxr, high quality); round(frames * rate / old rate) frames, at least one.

        Raises ValueError if rate is not positive.
        """
        if rate == self.rate:
            return self
        if rate < 1:
            raise ValueError(f"rate: expected a positive number of frames per second, not {rate!r}")
        import soxr

        wanted = max(1, round(self.frames * rate / self.rate))
        # A channel at a time: soxr wants interleaved samples, and this saves turning the array twice.
        samples = np.zeros((self.channels, wanted), dtype=np.float32)
        for channel, target in zip(self.samples, samples, strict=True):
            converted = soxr.resample(channel, self.rate, rate)[:wanted]
            target[: len(converted)] = converted
        return _own(samples, rate)

    def excerpt(self, start: float, end: float) -> "Waveform":
        """What sounds from start to end, in seconds, clipped to what is there.

        Raises EmptyAudio if nothing lies between them.
        """
        first = max(0, round(start * self.rate))
        last = min(self.frames, round(end * self.rate))
        if first >= last:
            raise EmptyAudio(f"excerpt: nothing lies between {start} s and {end} s of {self.duration:.2f} s")
        return _own(np.ascontiguousarray(self.samples[:, first:last]), self.rate)


def _is_finite(samples: npt.NDArray[np.float32]) -> bool:
    """Whether there is neither NaN, which the least and the greatest are then too, nor infinity."""
    blocks = (samples[:, start : start + _BLOCK] for start in range(0, samples.shape[1], _BLOCK))
    return all(np.isfinite(block.min()) and np.isfinite(block.max()) for block in blocks)


def _own(samples: npt.NDArray[np.float32], rate: int) -> Waveform:
    """Wrap an array that nobody else holds, without copying it."""
    samples.setflags(write=False)
    return Waveform(samples, rate)
