"""What is made so far, for whoever does not want to wait: marked as the whole will be, at a level that is a guess.

How loud music is, is only known at its end (`gen.levelling`). So here it has the level that fits what has come until
now, piece by piece; but it is only ever turned down, since nothing shall grow loud for no reason of its own.
"""

import numpy as np
import numpy.typing as npt

from gen.encode import pcm16
from gen.levelling import Samples, gain
from gen.loudness import Loudness
from gen.watermark.mark import Watermark
from gen.watermark.payload import PUBLIC_KEY

_TURN = 0.05
"""Seconds that turning down takes."""


class Preview:
    """A stream: what goes in by `push` comes out marked, 1.5 s later at most; `finish` gives the rest.

    id: of 8 bytes, which the mark names. What comes out is as a file with 16-bit samples has it: int16 (n, channels),
    in all as many as went in. Memory does not grow with its length.
    """

    def __init__(self, channels: int, rate: int, id: bytes) -> None:  # noqa: A002 (the field's own word)
        """Raises WrongLength for an id of another size."""
        self._embedder = Watermark(PUBLIC_KEY).embedder(rate, channels, id)
        self._turn, self._gain = round(_TURN * rate), float("inf")

    def push(self, samples: Samples, measured: Loudness) -> npt.NDArray[np.int16]:
        """Take samples, float32 (channels, n). measured: how loud all is that came until their end."""
        channels, frames = samples.shape
        before, after = self._gain, min(self._gain, gain(measured, channels))
        factors = np.full(frames, 10 ** (after / 20), np.float32)
        if np.isfinite(before):
            turning = min(frames, self._turn)
            factors[:turning] = 10 ** (np.linspace(before, after, turning) / 20)
        self._gain = after
        return pcm16(self._embedder.push(samples * factors))

    def finish(self) -> npt.NDArray[np.int16]:
        """The rest. Raises TooShort when less than 3 s came in all."""
        return pcm16(self._embedder.finish())
