"""What is wrong with a recording although it can be heard: found, measured, and never an error.

Each defect is a type of its own, with figures; whether it matters is for the holder to say.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, get_args

import numpy as np
import numpy.typing as npt

from gen.cutoff import find_cutoff
from gen.loudness import decibels
from gen.waveform import Waveform

# An offset of -60 dB is below that of any converter in order.
_OFFSET = 1e-3
# Silence: blocks of 10 ms that stay 60 dB below the loudest.
_BLOCKS_A_SECOND = 100
_QUIET = 1e-3
_LONG_HEAD = 1.0
_LONG_TAIL = 3.0
_LARGE_SHARE = 0.2
# Clipped: three samples or more within half a step of 16 bits from the highest, and corners of eight such beside them.
_STEP = 0.5 / 32768
_CORNER = 8
_SHORTEST_RUN = 3
_FEWEST_RUNS = 3
# Two channels count as one if their difference lies so far below them.
_SAME = 1e-6
_PIECE = 1 << 14
# Samples by which encoders delay the sound, from Opus (312) to AAC (2112) and MP3 with its decoder (up to 2257), and
# the lengths of their frames: MP3, AAC and Vorbis, Opus.
_DELAYS = (250, 2700)
_FRAMES = (1152, 1024, 960)

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Silence:
    """Much of the recording is silent. share: of the whole, 0 to 1. head, tail: seconds at the beginning and end."""

    name: ClassVar[str] = "silence"
    share: float
    head: float
    tail: float

    def __str__(self) -> str:
        return f"{self.share:.0%} silent, {self.head:.1f} s of it at the beginning and {self.tail:.1f} s at the end"


@dataclass(frozen=True)
class Clipping:
    """Waves cut off flat. runs: how many flat tops; samples: in all of them; level: of the highest, in dBFS."""

    name: ClassVar[str] = "clipping"
    runs: int
    samples: int
    level: float

    def __str__(self) -> str:
        return f"{self.runs} waves are cut off flat, at {self.level:.1f} dBFS"


@dataclass(frozen=True)
class EqualChannels:
    """Mono kept as stereo. inverted: one channel is the other upside down."""

    name: ClassVar[str] = "equal-channels"
    inverted: bool

    def __str__(self) -> str:
        return "both channels hold the same sound" + (", one of them upside down" if self.inverted else "")


@dataclass(frozen=True)
class LossyOrigin:
    """The spectrum ends where a lossy encoder would end it. cutoff: in Hz. drop: in dB."""

    name: ClassVar[str] = "lossy-origin"
    cutoff: float
    drop: float

    def __str__(self) -> str:
        return f"the sound ends at {self.cutoff / 1000:.1f} kHz, as after MP3 or AAC"


@dataclass(frozen=True)
class Upsampled:
    """The spectrum ends where a lower sampling rate would end it. cutoff: in Hz; origin: that rate. drop: in dB."""

    name: ClassVar[str] = "upsampled"
    cutoff: float
    drop: float
    origin: int

    def __str__(self) -> str:
        return f"the sound ends at {self.cutoff / 1000:.1f} kHz, as from a recording at {self.origin} Hz"


@dataclass(frozen=True)
class EncoderPadding:
    """An encoder's delay was left in: so many samples of nothing at the beginning, in a length of whole frames."""

    name: ClassVar[str] = "encoder-padding"
    head: int
    frame: int

    def __str__(self) -> str:
        return f"begins with {self.head} samples that an encoder put there"


@dataclass(frozen=True)
class Offset:
    """The wave does not swing around zero. level: mean of the worst channel, full scale = 1.0."""

    name: ClassVar[str] = "offset"
    level: float

    def __str__(self) -> str:
        return f"an offset of {self.level:.4f}"


Defect = Silence | Clipping | EqualChannels | LossyOrigin | Upsampled | EncoderPadding | Offset


def find_defects(waveform: Waveform) -> tuple[Defect, ...]:
    """All defects of a recording as it was decoded, before anything is done to it; in the order they are named here.

    Spectral figures come from at most 400 places; everything else looks at every sample.
    """
    return tuple(_defects(waveform))


def to_dict(defect: Defect) -> dict[str, str | int | float | bool]:
    """The defect's name under "defect", and its figures."""
    return {"defect": defect.name, **asdict(defect)}


def from_dict(values: dict[str, Any]) -> Defect:
    """The inverse of `to_dict`."""
    kinds = {kind.name: kind for kind in get_args(Defect)}
    kind: type[Defect] = kinds[values["defect"]]
    return kind(**{field: value for field, value in values.items() if field != "defect"})


def _defects(waveform: Waveform) -> Iterator[Defect]:
    samples = waveform.samples
    means = samples.mean(axis=1, dtype=np.float64)
    highs, lows = _extremes(samples, waveform.rate // _BLOCKS_A_SECOND or 1)
    swing = np.maximum(highs - means[:, None], means[:, None] - lows).max(axis=0)
    if swing.max() > 0:
        loud = np.flatnonzero(swing >= _QUIET * swing.max())
        if (silence := _silence(loud, len(swing), waveform.duration)) is not None:
            yield silence
        if (clipping := _clipping(samples, highs.max(axis=1), lows.min(axis=1))) is not None:
            yield clipping
        if waveform.channels == 2 and (equal := _equal(samples)) is not None:
            yield equal
        if (cutoff := find_cutoff(waveform)) is not None:
            if cutoff.rate is None:
                yield LossyOrigin(cutoff.frequency, cutoff.drop)
            else:
                yield Upsampled(cutoff.frequency, cutoff.drop, cutoff.rate)
        if (padding := _padding(samples, float(swing.max()))) is not None:
            yield padding
    worst = float(means[np.abs(means).argmax()])
    if abs(worst) > _OFFSET:
        yield Offset(worst)


def _extremes(samples: Samples, block: int) -> tuple[Samples, Samples]:
    """The highest and lowest sample of each block, (channels, blocks); the last block may be shorter."""
    starts = np.arange(0, samples.shape[1], block)
    return np.maximum.reduceat(samples, starts, axis=1), np.minimum.reduceat(samples, starts, axis=1)


def _silence(loud: npt.NDArray[np.intp], blocks: int, duration: float) -> Silence | None:
    share = 1 - len(loud) / blocks
    head = duration * int(loud[0]) / blocks
    tail = duration * (blocks - 1 - int(loud[-1])) / blocks
    much = share >= _LARGE_SHARE or head >= _LONG_HEAD or tail >= _LONG_TAIL
    return Silence(share, head, tail) if much else None


def _clipping(samples: Samples, highest: Samples, lowest: Samples) -> Clipping | None:
    runs = clipped = 0
    level = 0.0
    for channel, high, low in zip(samples, highest, lowest, strict=True):
        for sign, extreme in ((1, float(high)), (-1, float(low))):
            limit = np.float32(extreme - sign * _STEP)
            flat = np.flatnonzero(channel >= limit if sign > 0 else channel <= limit)
            lengths = _flat_tops(channel, flat, extreme)
            if len(lengths):
                runs, clipped, level = runs + len(lengths), clipped + int(lengths.sum()), max(level, abs(extreme))
    return Clipping(runs, clipped, decibels(level)) if runs >= _FEWEST_RUNS else None


def _flat_tops(channel: npt.NDArray[np.float32], flat: npt.NDArray[np.intp], extreme: float) -> npt.NDArray[np.intp]:
    """Lengths of the runs that have a corner on both sides; a wave's own summit is round."""
    if len(flat) < _SHORTEST_RUN:
        return np.zeros(0, np.intp)
    breaks = np.flatnonzero(np.diff(flat) > 1)
    first, last = flat[np.append(0, breaks + 1)], flat[np.append(breaks, len(flat) - 1)]
    inside = (last - first + 1 >= _SHORTEST_RUN) & (first > 0) & (last < len(channel) - 1)
    first, last = first[inside], last[inside]
    corner = np.minimum(np.abs(extreme - channel[first - 1]), np.abs(extreme - channel[last + 1])) > _CORNER * _STEP
    return (last - first + 1)[corner]


def _equal(samples: Samples) -> EqualChannels | None:
    """Compared piece by piece, so that most stereo is told apart by its first piece."""
    signs = {1.0, -1.0}
    for start in range(0, samples.shape[1], _PIECE):
        left, right = samples[:, start : start + _PIECE]
        energy = float(left @ left) + float(right @ right)
        for sign in tuple(signs):
            difference = left - np.float32(sign) * right
            if float(difference @ difference) > max(_SAME * energy, _STEP**2 * len(left)):
                signs.discard(sign)
        if not signs:
            return None
    return EqualChannels(inverted=signs == {-1.0})


def _padding(samples: Samples, peak: float) -> EncoderPadding | None:
    frame = next((frame for frame in _FRAMES if samples.shape[1] % frame == 0), None)
    if frame is None:
        return None
    loud = np.flatnonzero(np.abs(samples[:, : _DELAYS[1] + 1]).max(axis=0) >= _QUIET * peak)
    return EncoderPadding(int(loud[0]), frame) if len(loud) and loud[0] >= _DELAYS[0] else None
