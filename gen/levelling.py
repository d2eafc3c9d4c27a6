"""Bring music to its loudness while it is being made.

How loud a piece is, is only known at its end. So what the networks make goes to a file without a name first, while its
loudness and its true peak are measured; then it is read again with one gain for all of it. Nothing is made twice, the
memory does not grow with the length, and the gain is the right one. The file takes 10 MB for a minute of mono.
"""

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from gen.config import RATE
from gen.loudness import Loudness, Meter

Samples = npt.NDArray[np.float32]
Heard = Callable[[Samples, Loudness], None]
"""Told of a piece as the networks made it, (channels, n), faded, and how loud all is that came until its end."""

LOUDNESS = -16.0
"""LUFS that music is brought to, unless its peaks would pass CEILING; as streaming services play it (AES TD1008)."""
CEILING = -1.0
"""dBTP that no wave passes, as EBU R 128 has it."""
_FADE = 0.02
"""Seconds at each end, so that nothing clicks."""
_BLOCK = 1 << 16
# Mono is measured as two loudspeakers play it, as in `gen.cleaning`.
_SAME_IN_TWO = 10 * math.log10(2)


@dataclass(frozen=True)
class Take:
    """Music as the networks made it, in a file that goes when it is closed.

    file: float32 (frames, channels) in the machine's order, faded at both ends. offset: the mean of each channel.
    measured: its loudness.
    """

    file: BinaryIO
    frames: int
    offset: npt.NDArray[np.float64]
    measured: Loudness

    @property
    def gain(self) -> float:
        """In dB: what brings it to LOUDNESS, or only as far as CEILING lets it. Silence stays."""
        return gain(self.measured, len(self.offset), float(np.abs(self.offset).max()))

    def blocks(self) -> Iterator[Samples]:
        """The music at its level, without offset: float32 (channels, n) after another, from the beginning each time."""
        gain, channels = np.float32(10 ** (self.gain / 20)), len(self.offset)
        offset = self.offset.astype(np.float32)[:, None]
        self.file.seek(0)
        for start in range(0, self.frames, _BLOCK):
            count = min(_BLOCK, self.frames - start)
            read = np.frombuffer(self.file.read(count * channels * 4), np.float32).reshape(count, channels).T
            yield np.ascontiguousarray((read - offset * _shape(start, count, self.frames)) * gain)

    def close(self) -> None:
        """Give the disk back."""
        self.file.close()


def gain(measured: Loudness, channels: int, offset: float = 0.0) -> float:
    """In dB: what brings sound of this loudness to LOUDNESS, or only as far as CEILING lets it. Silence stays.

    offset: how far from the middle its waves lie at most.
    """
    room = CEILING - 20 * math.log10(max(10 ** (measured.true_peak / 20) + offset, 1e-9))
    if measured.integrated is None:
        return min(0.0, room)
    return min(LOUDNESS - measured.integrated - (_SAME_IN_TWO if channels == 1 else 0.0), room)


def record(pieces: Iterable[Samples], frames: int, folder: Path | None = None, heard: Heard | None = None) -> Take:
    """Take down pieces of sound at 44.1 kHz, float32 (channels, n), `frames` in all; what is more is left out.

    folder: where the file lies; the system's own for such files by default. heard: hears each piece as it is taken
    down. Raises OSError, and ValueError for fewer.
    """
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (the Take closes it)
    try:
        meter, total, taken = None, np.zeros(1), 0
        for whole in pieces:
            piece = whole[:, : frames - taken]
            if meter is None:
                meter, total = Meter(len(piece), RATE), np.zeros(len(piece))
            total = total + piece.sum(axis=1, dtype=np.float64)
            faded = piece * _shape(taken, piece.shape[1], frames)
            meter.add(faded)
            file.write(np.ascontiguousarray(faded.T).data)
            if heard is not None:
                heard(faded, meter.read())
            taken += piece.shape[1]
            if taken == frames:
                break
        if meter is None or taken < frames:
            raise ValueError(f"frames: {frames} were expected, {taken} came")
        return Take(file, frames, total / frames, meter.read())
    except BaseException:
        file.close()
        raise


def _shape(start: int, count: int, frames: int) -> Samples:
    """The fades at both ends of the whole, for `count` samples from `start` on: (count,), or (1,) between the fades."""
    fade = min(round(_FADE * RATE), frames // 2)
    if fade <= start and start + count <= frames - fade:
        return np.ones(1, np.float32)
    place = np.arange(start, start + count)
    return np.clip(np.minimum(place, frames - 1 - place) / fade, 0, 1).astype(np.float32)
