"""Which of the twelve notes sound, twice a second: what stays of music in another key or tempo, or played by others.

A Chromaprint code (`gen.chromaprint`) hears how energy moves between bands whose borders lie on the notes themselves:
good to know one recording by, and blind after a change of key. Here bands lie around the notes, magnitudes are taken
as logarithms and only what stands out from its neighbours counts, so that notes weigh more than who plays them
(chroma features with log compression: Müller, Information Retrieval for Music and Motion, 2007, chapter 3).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from gen.errors import FingerprintError
from gen.waveform import Waveform

Frames = npt.NDArray[np.float32]

STEP = 0.5
"""Seconds from one step to the next."""
NOTES = 12
_RATE, _FRAME, _HOP = 8000, 3072, 1000
_TOGETHER = 4
"""Frames that make a step."""
_LOWEST, _SEMITONES = 440 * 2 ** (-33 / 12), 60  # C2, and five octaves of semitones
_WIDTH = 2 / 3
"""Semitones to each side that a band reaches."""
_TUNINGS = (-1 / 3, 0.0, 1 / 3)
"""Semitones that everything may be tuned away from a' = 440 Hz; the one that fits best is taken."""
_CONTRAST = 20.0
_AROUND = 7
"""Semitones that a band has to stand out from."""
_FLOOR = 1e-3 * _FRAME / 4
"""What is 60 dB below a sine of full scale is silence."""
_UNIT = 127.0
_BATCH = 256


@dataclass(frozen=True, eq=False)
class Harmony:
    """steps: int8, shape (n, 12), n >= 0, read-only: how much of each note from C on, 127 times a vector of mean 0 and
    length 1 at most; zeros in silence. Raises FingerprintError for another dtype or shape."""

    steps: npt.NDArray[np.int8]

    def __post_init__(self) -> None:
        if self.steps.dtype != np.int8 or self.steps.ndim != 2 or self.steps.shape[1] != NOTES:
            raise FingerprintError(f"harmony: expected int8 (n, {NOTES}); make it with harmony()")
        steps = self.steps.copy()
        steps.setflags(write=False)
        object.__setattr__(self, "steps", steps)

    @property
    def vectors(self) -> Frames:
        """The steps as such vectors, float32 (n, 12)."""
        return self.steps.astype(np.float32) / np.float32(_UNIT)

    def __eq__(self, other: object) -> bool:
        return np.array_equal(self.steps, other.steps) if isinstance(other, Harmony) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.steps.tobytes())


def harmony(waveform: Waveform) -> Harmony:
    """Of sound at any rate; what is left after the last whole step is not heard."""
    listener = Listener(waveform.rate)
    listener.add(waveform.mono().samples[0])
    return listener.harmony()


class Listener:
    """The harmony of sound that comes in pieces, the same as of the whole; memory grows by 300 bytes a second."""

    def __init__(self, rate: int) -> None:
        """rate: in Hz."""
        import soxr

        self._resampler = soxr.ResampleStream(rate, _RATE, 1, dtype="float32")
        self._waiting = np.zeros(0, np.float32)
        self._steps: list[Frames] = []
        self._frames = np.zeros((0, len(_TUNINGS), NOTES), np.float32)
        self._fit = np.zeros(len(_TUNINGS))

    def add(self, samples: npt.NDArray[np.float32]) -> None:
        """Take the next mono samples, float32 (frames,)."""
        self._hear(self._resampler.resample_chunk(np.ascontiguousarray(samples)))

    def harmony(self) -> Harmony:
        """Of everything so far; nothing may be added afterwards."""
        self._hear(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))
        best = int(np.argmax(self._fit))
        steps = np.concatenate([np.zeros((0, NOTES), np.float32), *(each[:, best] for each in self._steps)])
        return Harmony(np.rint(steps * _UNIT).astype(np.int8))

    def _hear(self, samples: npt.NDArray[np.float32]) -> None:
        self._waiting = np.concatenate([self._waiting, samples])
        count = (len(self._waiting) - _FRAME) // _HOP + 1
        if count < 1:
            return
        framed = np.lib.stride_tricks.sliding_window_view(self._waiting, _FRAME)[::_HOP]
        bands = [_in_bands(framed[first : first + _BATCH]) for first in range(0, count, _BATCH)]
        self._waiting = self._waiting[count * _HOP :].copy()
        self._fit += sum(np.square(each, dtype=np.float64).sum(axis=(0, 2)) for each in bands)
        notes = np.concatenate([_notes(each) for each in bands])
        frames = np.concatenate([self._frames, _directions(notes)])
        whole = len(frames) // _TOGETHER
        self._frames = frames[whole * _TOGETHER :]
        self._steps.append(frames[: whole * _TOGETHER].reshape(whole, _TOGETHER, *frames.shape[1:]).mean(axis=1))


def _in_bands(framed: npt.NDArray[np.float32]) -> Frames:
    """Magnitudes around each semitone, for each tuning: frames (n, _FRAME) to (n, tunings, semitones)."""
    window, bands = _analysis()
    spectra = np.abs(np.fft.rfft(framed * window)[:, : len(bands)]).astype(np.float32)
    found: Frames = (spectra @ bands).reshape(len(framed), len(_TUNINGS), _SEMITONES)
    return found


def _notes(found: Frames) -> Frames:
    """How far each of the twelve notes stands out: (n, tunings, semitones) to (n, tunings, 12)."""
    loudest = np.maximum(found.max(axis=2, keepdims=True), np.float32(_FLOOR))
    heard = np.log1p(np.float32(_CONTRAST) * found / loudest)
    side = _AROUND // 2
    sums = np.pad(heard, ((0, 0), (0, 0), (side + 1, side)), mode="edge").cumsum(axis=2)
    around = (sums[..., _AROUND:] - sums[..., :-_AROUND]) / _AROUND
    notes: Frames = np.maximum(heard - around, 0).reshape(*heard.shape[:2], -1, NOTES).sum(axis=2)
    notes[found.max(axis=2) < _FLOOR] = 0
    return notes


def _directions(notes: Frames) -> Frames:
    """Less their mean, and of length 1; silence stays 0."""
    centred = notes - notes.mean(axis=-1, keepdims=True)
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    directions: Frames = centred / np.maximum(length, np.float32(1e-6))
    return directions


@cache
def _analysis() -> tuple[Frames, Frames]:
    """The window (_FRAME,), and the bands of all tunings over the bins that they reach: (bins, tunings * semitones)."""
    hertz = np.arange(_FRAME // 2 + 1) * _RATE / _FRAME
    centres = np.concatenate([_LOWEST * 2 ** ((np.arange(_SEMITONES) + tuning) / NOTES) for tuning in _TUNINGS])
    width = np.maximum(centres * (2 ** (_WIDTH / NOTES) - 1), 1.5 * _RATE / _FRAME)
    bands = np.maximum(0.0, 1 - np.abs(hertz[:, None] - centres) / width)
    used = np.flatnonzero(bands.any(axis=1))[-1] + 1
    return np.hanning(_FRAME).astype(np.float32), bands[:used].astype(np.float32)
