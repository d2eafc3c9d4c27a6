"""Chromaprint: 32 bits for every eighth of a second, which say how the harmony changes.

The algorithm that Chromaprint numbers 1 (TEST2), the default of its program fpcalc: L. Lalinsky, "How does Chromaprint
work?", 2011, after Y. Ke, D. Hoiem, R. Sukthankar, "Computer Vision for Music Identification", CVPR 2005. The figures
are those of github.com/acoustid/chromaprint 1.6, src/fingerprinter_configuration.cpp.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# All sound is taken at this rate, in Hz.
RATE = 11025
# Samples of a spectrum, and from one spectrum to the next: 123.8 ms.
FRAME = 4096
HOP = FRAME // 3
# Spectra in a row that the classifiers and the smoothing look at.
WIDEST = 16
_SMOOTHING = (0.25, 0.75, 1.0, 0.75, 0.25)
# The shortest sound that gives a code, in samples at RATE: 2.72 s.
SHORTEST = FRAME + (WIDEST + len(_SMOOTHING) - 2) * HOP
# What silence gives.
SILENCE = 627964279

_LOWEST_HERTZ, _HIGHEST_HERTZ = 28, 3520
_BANDS = 12
_A0_HERTZ = 440 / 16
_LEAST_NORM = 0.01
_GRAY = np.array([0, 1, 3, 2], dtype=np.uint32)
# Spectra and samples that are worked on at once: a few MB.
_BATCH = 256
_BLOCK = 1 << 12

# The low pass before the sound is taken at RATE, as fpcalc asks FFmpeg for it: a sinc under a Kaiser window (beta 9),
# 16 zero crossings long, at 0.8 of the new band.
_KAISER, _TAPS, _CUTOFF = 9.0, 16, 0.8
# A resampler keeps one filter per phase; rates with more phases than this go through a common rate first.
_MOST_PHASES, _COMMON_RATE = 441, 44100


class Classifier(NamedTuple):
    """Two areas of the chromagram are compared, and their ratio is sorted into one of four bins.

    shape: 0 the whole area; 1 upper against lower half (bands); 2 later against earlier half (time); 3 the two
    diagonals; 4 middle third of the bands against the rest; 5 middle third of the time against the rest.
    band, bands, width: the area's first band, height in bands and length in spectra. bins: the borders, ascending.
    """

    shape: int
    band: int
    bands: int
    width: int
    bins: tuple[float, float, float]


CLASSIFIERS = (
    Classifier(0, 4, 3, 15, (1.98215, 2.35817, 2.63523)),
    Classifier(4, 4, 6, 15, (-1.03809, -0.651211, -0.282167)),
    Classifier(1, 0, 4, 16, (-0.298702, 0.119262, 0.558497)),
    Classifier(3, 8, 2, 12, (-0.105439, 0.0153946, 0.135898)),
    Classifier(3, 4, 4, 8, (-0.142891, 0.0258736, 0.200632)),
    Classifier(4, 0, 3, 5, (-0.826319, -0.590612, -0.368214)),
    Classifier(1, 2, 2, 9, (-0.557409, -0.233035, 0.0534525)),
    Classifier(2, 7, 3, 4, (-0.0646826, 0.00620476, 0.0784847)),
    Classifier(2, 6, 2, 16, (-0.192387, -0.029699, 0.215855)),
    Classifier(2, 1, 3, 2, (-0.0397818, -0.00568076, 0.0292026)),
    Classifier(5, 10, 1, 15, (-0.53823, -0.369934, -0.190235)),
    Classifier(3, 6, 2, 10, (-0.124877, 0.0296483, 0.139239)),
    Classifier(2, 1, 1, 14, (-0.101475, 0.0225617, 0.231971)),
    Classifier(3, 5, 6, 4, (-0.0799915, -0.00729616, 0.063262)),
    Classifier(1, 9, 2, 12, (-0.272556, 0.019424, 0.302559)),
    Classifier(3, 4, 2, 14, (-0.164292, -0.0321188, 0.0846339)),
)


def codes(samples: npt.NDArray[np.float32], rate: int, tempo: float = 1.0) -> npt.NDArray[np.uint32]:
    """The codes, uint32 (n,), of mono samples, float32 (frames,) at any rate in Hz; none for less than 2.72 s.

    tempo: how much faster the sound is than the one whose codes are wanted; the spectra are then read between, at its
    steps of time.
    """
    decimated = _decimated(samples, rate)
    if len(decimated) < SHORTEST:
        return np.zeros(0, np.uint32)
    energies = _energies(decimated)
    if tempo != 1.0:
        places = np.arange(round(len(energies) * tempo)) / tempo
        given = np.arange(len(energies))
        energies = np.stack([np.interp(places, given, band) for band in energies.T], axis=1)
    return _classify(_smoothed(energies))


class Listener:
    """The codes of sound that comes in pieces, the same as of the whole; memory grows by some 800 bytes a second."""

    def __init__(self, rate: int) -> None:
        """rate: in Hz, such as 44100. Raises ValueError for one that has no simple ratio to RATE."""
        up, down = _phases(rate)
        if up > _MOST_PHASES:
            raise ValueError(f"rate: {rate} Hz can only be fingerprinted as a whole; bring it to 44100 Hz first")
        self._filter = None if (up, down) == (1, 1) else _Filter.of(up, down)
        self._waiting = np.zeros(0, np.float32)
        self._begun = self._filter is None
        self._at_rate = np.zeros(0, np.float32)
        self._next = 0
        self._energy: list[npt.NDArray[np.float64]] = []

    def add(self, samples: npt.NDArray[np.float32]) -> None:
        """Take the next mono samples, float32 (frames,)."""
        self._waiting = np.concatenate([self._waiting, samples])
        if self._filter is None:
            decimated, self._waiting = self._waiting, self._waiting[:0]
        else:
            if not self._begun:
                if len(self._waiting) <= self._filter.taps:
                    return
                self._waiting, self._begun = self._filter.mirrored(self._waiting), True
            decimated, used = self._filter.apply(self._waiting, self._next)
            self._waiting = self._waiting[used:]
            self._next += len(decimated)
        self._at_rate = np.concatenate([self._at_rate, _rounded(decimated)])
        ready = (len(self._at_rate) - FRAME) // HOP + 1
        if ready >= 1:
            self._energy.append(_energies(self._at_rate))
            self._at_rate = self._at_rate[ready * HOP :].copy()

    def codes(self) -> npt.NDArray[np.uint32]:
        """The codes so far, uint32 (n,); none for less than 2.72 s. More may be added."""
        return _classify(_smoothed(np.concatenate([np.zeros((0, _BANDS)), *self._energy])))


def _decimated(samples: npt.NDArray[np.float32], rate: int) -> npt.NDArray[np.float32]:
    """Mono samples at RATE, rounded to 16 bits as the oracle works, full scale 32767."""
    up, down = _phases(rate)
    if up > _MOST_PHASES:
        import soxr

        samples, (up, down) = soxr.resample(samples, rate, _COMMON_RATE), _phases(_COMMON_RATE)
    if (up, down) != (1, 1):
        low_pass = _Filter.of(up, down)
        samples, _ = low_pass.apply(low_pass.mirrored(samples))
    return _rounded(samples)


def _rounded(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    whole: npt.NDArray[np.float32] = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.float32)
    return whole / np.float32(32767)


def _phases(rate: int) -> tuple[int, int]:
    common = int(np.gcd(RATE, rate))
    return RATE // common, rate // common


class _Filter(NamedTuple):
    """Low pass, of which every (down / up)-th sample is taken; sample 0 stays sample 0.

    kernels: float32 (block, taps), the same sinc for each output of a block, shifted by a fraction of a sample.
    """

    up: int
    down: int
    taps: int
    kernels: npt.NDArray[np.float32]

    @classmethod
    def of(cls, up: int, down: int) -> "_Filter":
        scale = min(_CUTOFF * up / down, 1.0)
        taps = int(np.ceil(_TAPS / scale))
        center = (taps - 1) // 2
        at = (np.arange(taps) - center - np.arange(up)[:, None] * down % up / up) * scale
        kernels = np.sinc(at) * np.i0(_KAISER * np.sqrt(np.maximum(0.0, 1.0 - (2.0 * at / (scale * taps)) ** 2)))
        kernels /= kernels.sum(axis=1, keepdims=True)
        return cls(up, down, taps, np.tile(kernels.astype(np.float32), (-(-_BLOCK // up), 1)))

    def mirrored(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The sound with its mirror image before its beginning, as fpcalc's; `taps` samples more."""
        edge = min(self.taps, len(samples) - 1)
        return np.concatenate([np.zeros(self.taps - edge, dtype=np.float32), samples[edge:0:-1], samples])

    def apply(self, padded: npt.NDArray[np.float32], first: int = 0) -> tuple[npt.NDArray[np.float32], int]:
        """All outputs from the `first` on whose taps lie in what is there, and how many samples are done with.

        padded: what `mirrored` gave, from the sample on that was the first not done with. The sound ends where the
        filter no longer fits (0.9 ms early), as fpcalc's.
        """
        center = (self.taps - 1) // 2
        begin = _begin(first, self.up, self.down)
        # The last output n that fits has n * down // up <= room.
        room = begin + len(padded) - 2 * self.taps + center
        total = max(0, -(-(room + 1) * self.up // self.down) - first)
        out = np.empty(total, dtype=np.float32)
        if total == 0:
            return out, 0
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.taps)
        block = len(self.kernels)
        kernels = np.roll(self.kernels, -(first % self.up), axis=0) if first % self.up else self.kernels
        for start in range(0, total, block):
            numbers = np.arange(first + start, first + min(total, start + block), dtype=np.int64)
            where = numbers * self.down // self.up + self.taps - center - begin
            np.einsum("ij,ij->i", windows[where], kernels[: len(where)], out=out[start : start + len(where)])
        return out, _begin(first + total, self.up, self.down) - begin


def _begin(first: int, up: int, down: int) -> int:
    """How many samples lie before the taps of output `first`, counted from those of output 0."""
    return first * down // up


def _energies(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The energy of each of the 12 half tones in each spectrum of samples at RATE, at least FRAME: (spectra, 12)."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
    window = np.hamming(FRAME).astype(np.float32)
    first, last = (round(FRAME * hertz / RATE) for hertz in (_LOWEST_HERTZ, _HIGHEST_HERTZ))
    octaves = np.log2(np.arange(first, last) * RATE / FRAME / _A0_HERTZ)
    notes = (_BANDS * (octaves - np.floor(octaves))).astype(int)
    bands = (notes[:, None] == np.arange(_BANDS)).astype(np.float32)
    energy = np.empty((len(frames), _BANDS))
    for start in range(0, len(frames), _BATCH):
        spectra = np.fft.rfft(frames[start : start + _BATCH] * window)[:, first:last]
        energy[start : start + _BATCH] = (spectra.real**2 + spectra.imag**2) @ bands
    return energy


def _smoothed(energy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Energies (spectra, 12) smoothed over five spectra and normalised: (spectra - 4, 12), if there are as many."""
    if len(energy) < len(_SMOOTHING):
        return np.zeros((0, _BANDS))
    kept = len(energy) - len(_SMOOTHING) + 1
    smooth = sum(weight * energy[offset : offset + kept] for offset, weight in enumerate(_SMOOTHING))
    norm = np.linalg.norm(smooth, axis=1, keepdims=True)
    return np.where(norm < _LEAST_NORM, 0.0, smooth / np.maximum(norm, _LEAST_NORM))


def _classify(chroma: npt.NDArray[np.float64]) -> npt.NDArray[np.uint32]:
    """Two bits of every classifier, the first one highest, for every stretch of 16 rows."""
    count = max(0, len(chroma) - WIDEST + 1)
    sums = np.zeros((len(chroma) + 1, _BANDS + 1))
    sums[1:, 1:] = chroma.cumsum(axis=0).cumsum(axis=1)
    code = np.zeros(count, dtype=np.uint32)
    for classifier in CLASSIFIERS:
        one, other = _areas(sums, classifier, count)
        ratio = np.log((1.0 + one) / (1.0 + other))
        code = code << np.uint32(2) | _GRAY[np.digitize(ratio, classifier.bins)]
    return code


def _areas(sums: npt.NDArray[np.float64], classifier: Classifier, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The two sums that a classifier compares, for each of its count places."""

    def area(start: int, end: int, low: int, high: int) -> np.ndarray:
        low, high = low + classifier.band, high + classifier.band
        later, earlier = sums[end : end + count], sums[start : start + count]
        return later[:, high] - later[:, low] - earlier[:, high] + earlier[:, low]

    width, bands = classifier.width, classifier.bands
    half, middle = width // 2, bands // 2
    match classifier.shape:
        case 0:
            return area(0, width, 0, bands), np.zeros(count)
        case 1:
            return area(0, width, middle, bands), area(0, width, 0, middle)
        case 2:
            return area(half, width, 0, bands), area(0, half, 0, bands)
        case 3:
            return (
                area(0, half, middle, bands) + area(half, width, 0, middle),
                area(0, half, 0, middle) + area(half, width, middle, bands),
            )
        case 4:
            third = bands // 3
            return area(0, width, third, 2 * third), area(0, width, 0, third) + area(0, width, 2 * third, bands)
        case _:
            third = width // 3
            return area(third, 2 * third, 0, bands), area(0, third, 0, bands) + area(2 * third, width, 0, bands)
