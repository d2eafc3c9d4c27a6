"""What a recording sounds like in a few figures: length, tempo, key, and the shape of its spectrum.

All of them come from one STFT, the one that the mel frames are made of, and those frames are handed out with them; only
the key needs finer pitches, and takes them from the sound at a quarter of its rate, which costs little. The figures are
librosa's: B. McFee et al., "librosa: Audio and Music Signal Analysis in Python", SciPy 2015.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gen.config import RATE, MelConfig
from gen.features import FLOOR, log_mel_of, magnitudes
from gen.key import Key, key_of
from gen.numba_cache import librosa
from gen.waveform import Waveform

VERSION = 1
"""Goes up whenever the same sound gives other figures."""

_ROLL_OFF = 0.85
_LEAST_POWER = 1e-10
_DECIBELS = 20 / np.log(10)
# Tempo: autocorrelation of the onsets over 8 s, taken 11 times a second; librosa takes it at every frame, 86 times.
_TEMPO_SECONDS, _TEMPO_STEP = 8.0, 8
# Key: fundamentals lie around 300 Hz, so that is where a chromagram tells notes from their overtones.
_KEY_RATE, _KEY_WINDOW, _KEY_HOP = 11025, 4096, 2048
_KEY_OCTAVE, _KEY_WIDTH, _KEY_HIGHEST = 3.5, 1.0, 2200.0
_TUNING_FRAMES = 256


@dataclass(frozen=True)
class Description:
    """Figures of one recording, mixed down to mono at 44.1 kHz.

    duration: seconds. tempo: beats per minute, one decimal; of several that fit, such as 70 and 140, the one nearer to
    120; None without a pulse. key: None without pitch.
    centroid, bandwidth, rolloff (Hz, one decimal), flatness (0 to 1) and zero_crossings (per sample), four decimals:
    means over all frames in which anything sounds; 0 if nothing does.
    """

    duration: float
    tempo: float | None
    key: Key | None
    centroid: float
    bandwidth: float
    rolloff: float
    flatness: float
    zero_crossings: float

    def to_dict(self) -> dict[str, Any]:
        """As plain dictionaries and numbers."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Description":
        """The inverse of `to_dict`."""
        key = values["key"]
        return cls(**{**values, "key": None if key is None else Key(**key)})


@dataclass(frozen=True, eq=False)
class Described:
    """A recording's figures, and its log-mel frames, float32 (bands, 1 + N // hop)."""

    description: Description
    frames: Tensor


def describe(waveform: Waveform, config: MelConfig) -> Described:
    """Describe sound at any rate, of any length; the same sound gives the same figures on any machine, as rounded.

    Frames and spectrum follow `config`.
    """
    sound = waveform.mono().resampled(RATE).samples[0]
    frames, onsets, shapes = [], [], []
    before: Tensor | None = None
    for sizes in magnitudes(torch.tensor(sound), config.window, config.hop):
        mel = log_mel_of(sizes, config)
        last = mel[:, :1] if before is None else before
        onsets.append(torch.diff(mel, dim=1, prepend=last).clamp_min(0).mean(dim=0) * _DECIBELS)
        shapes.append(_shapes(sizes, config.window))
        frames.append(mel)
        before = mel[:, -1:]
    mel, shape = torch.cat(frames, dim=1), torch.cat(shapes, dim=1)
    sounding = (mel > np.log(FLOOR)).any(dim=0)
    means = shape[:, sounding].mean(dim=1).tolist() if bool(sounding.any()) else [0.0] * len(shape)
    crossings = float(np.mean(np.signbit(sound[1:]) != np.signbit(sound[:-1]))) if len(sound) > 1 else 0.0
    description = Description(
        waveform.frames / waveform.rate,
        tempo_of(torch.cat(onsets).numpy(), RATE / config.hop),
        _key(sound),
        round(means[0], 1),
        round(means[1], 1),
        round(means[2], 1),
        round(means[3], 4),
        round(crossings, 4) if bool(sounding.any()) else 0.0,
    )
    return Described(description, mel)


def tempo_of(onsets: npt.NDArray[np.float32], pace: float) -> float | None:
    """Beats per minute of an onset strength (frames,) with `pace` frames per second; None where nothing begins.

    librosa.feature.tempo, but for the number of places at which the autocorrelation is taken.
    """
    length = int(_TEMPO_SECONDS * pace)
    if not onsets.max(initial=0.0) > 1e-3:
        return None
    # As librosa pads: down to zero over half a window, at both ends.
    padded = np.pad(onsets, length // 2, mode="linear_ramp", end_values=0)
    places = np.lib.stride_tricks.sliding_window_view(padded, length)[: len(onsets) : _TEMPO_STEP]
    hann = np.hanning(length + 1)[:-1].astype(np.float32)
    total = np.zeros(length)
    for first in range(0, len(places), 256):
        spectrum = np.fft.rfft(places[first : first + 256] * hann, 2 * length)
        likeness = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[:, :length]
        peaks = np.abs(likeness).max(axis=1, keepdims=True)
        total += (likeness / np.maximum(peaks, 1e-12)).sum(axis=0)
    found = librosa().feature.tempo(tg=(total / len(places))[:, None], sr=pace, hop_length=1)
    return round(float(found[0]), 1)


def _shapes(sizes: Tensor, window: int) -> Tensor:
    """Centroid, bandwidth, roll-off (Hz) and flatness of magnitudes (F, T): float64 (4, T)."""
    bins, frames = sizes.shape
    hertz = torch.arange(bins, dtype=torch.float64) * (RATE / window)
    total, first, second = torch.stack([torch.ones_like(hertz), hertz, hertz**2]) @ sizes.double()
    total = total.clamp_min(1e-30)
    centroid = first / total
    bandwidth = (second / total - centroid**2).clamp_min(0).sqrt()
    # The bin below which 85 % lies: first the group of bins, then the bin within it. The last bin is in no group.
    size = next(size for size in range(32, 0, -1) if (bins - 1) % size == 0)
    groups = sizes[:-1].reshape(-1, size, frames)
    reached = groups.sum(dim=1).double().cumsum(dim=0)
    wanted = _ROLL_OFF * total
    group = (reached < wanted).sum(dim=0).clamp_max(len(groups) - 1)
    place = torch.arange(frames)
    within = groups[group, :, place].double().cumsum(dim=1)
    missing = wanted - torch.where(group > 0, reached[(group - 1).clamp_min(0), place], 0.0)
    rolloff = hertz[(group * size + (within < missing[:, None]).sum(dim=1)).clamp_max(bins - 1)]
    logarithm = 2 * sizes.clamp_min(_LEAST_POWER**0.5).log().mean(dim=0)
    flatness = logarithm.exp() / sizes.square().mean(dim=0).clamp_min(_LEAST_POWER)
    return torch.stack([centroid, bandwidth, rolloff, flatness.double()])


def _key(sound: npt.NDArray[np.float32]) -> Key | None:
    import soxr

    low = soxr.resample(sound, RATE, _KEY_RATE)
    highest = int(_KEY_HIGHEST * _KEY_WINDOW / _KEY_RATE)
    sizes = torch.cat([part[:highest] for part in magnitudes(torch.tensor(low), _KEY_WINDOW, _KEY_HOP)], dim=1).numpy()
    some = sizes[:, :: max(1, sizes.shape[1] // _TUNING_FRAMES)]
    # librosa.estimate_tuning, which warns of sound without a peak anywhere: that has no key.
    pitches, heights = librosa().piptrack(S=some, sr=_KEY_RATE, n_fft=_KEY_WINDOW)
    found = pitches > 0
    if not found.any():
        return None
    tuning = librosa().pitch_tuning(pitches[found & (heights >= np.median(heights[found]))])
    chroma = _chroma_basis(tuning)[:, :highest] @ sizes
    return key_of((chroma / np.maximum(np.linalg.norm(chroma, axis=0), 1e-6)).mean(axis=1))


@lru_cache(maxsize=128)
def _chroma_basis(tuning: float) -> npt.NDArray[np.float32]:
    basis: npt.NDArray[np.float32] = librosa().filters.chroma(
        sr=_KEY_RATE, n_fft=_KEY_WINDOW, tuning=tuning, ctroct=_KEY_OCTAVE, octwidth=_KEY_WIDTH
    )
    return basis
