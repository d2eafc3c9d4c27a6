"""What a report shows of a sound: its waveform in columns, and its spectrogram as a picture."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from gen.waveform import Waveform

COLUMNS: Final = 800
ROWS: Final = 160
LOWEST_HZ: Final = 40.0
_HIGHEST_HZ: Final = 16_000.0
_WINDOW: Final = 4096
# Windows that a column of the spectrogram is the mean of, at most: enough to see music, and no more work for ten hours.
_WINDOWS: Final = 4
_RANGE_DB: Final = 80.0
# From silence to the loudest; lightness rises all the way, so that it can be read in grey too.
_COLOURS: Final = ((6, 8, 28), (44, 24, 96), (122, 32, 118), (198, 62, 86), (244, 132, 60), (252, 236, 176))


@dataclass(frozen=True, eq=False)
class Picture:
    """A sound to look at.

    Attributes:
        seconds: its length.
        lows, highs: the least and greatest sample of each column, float32 of shape (columns,), full scale = 1.0; the
            mean of all channels.
        spectrogram: uint8 of shape (rows, columns), the highest frequency first; 255 is the loudest, 0 is 80 dB below.
        highest: frequency of the topmost row in Hz; the lowest is LOWEST_HZ, and rows lie on a logarithmic scale.
    """

    seconds: float
    lows: npt.NDArray[np.float32]
    highs: npt.NDArray[np.float32]
    spectrogram: npt.NDArray[np.uint8]
    highest: float


def look(wave: Waveform) -> Picture:
    """The picture of a sound. Time and memory do not grow with its length, but for one pass over the samples."""
    import numpy as np

    mono = wave.mono().samples[0]
    edges = np.linspace(0, len(mono), min(COLUMNS, len(mono)) + 1).astype(np.int64)
    lows = np.minimum.reduceat(mono, edges[:-1])
    highs = np.maximum.reduceat(mono, edges[:-1])
    highest = min(_HIGHEST_HZ, wave.rate / 2)
    return Picture(wave.duration, lows, highs, _spectrogram(mono, wave.rate, highest), highest)


def png(picture: Picture) -> bytes:
    """The spectrogram as a PNG file."""
    return paint(picture.spectrogram)


def paint(levels: npt.NDArray[np.uint8]) -> bytes:
    """Levels of loudness, uint8 of shape (rows, columns), as a PNG file (ISO 15948): eight bits a pixel, a palette."""
    import numpy as np

    rows, columns = levels.shape
    places = np.linspace(0, 255, len(_COLOURS))
    palette = np.stack([np.interp(np.arange(256), places, channel) for channel in zip(*_COLOURS, strict=True)], axis=1)
    lines = b"".join(b"\0" + row.tobytes() for row in levels)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette.round().astype(np.uint8).tobytes()),
            _chunk(b"IDAT", zlib.compress(lines, 9)),
            _chunk(b"IEND", b""),
        )
    )


def _spectrogram(mono: npt.NDArray[np.float32], rate: int, highest: float) -> npt.NDArray[np.uint8]:
    import numpy as np

    window = np.hanning(_WINDOW).astype(np.float32)
    hertz = np.geomspace(min(LOWEST_HZ, highest / 2), highest, ROWS + 1)
    bins = np.minimum((hertz * _WINDOW / rate).astype(np.int64), _WINDOW // 2)
    padded = np.pad(mono, _WINDOW // 2) if len(mono) < (COLUMNS * _WINDOW) else mono
    last = len(padded) - _WINDOW
    places = np.linspace(0, last, COLUMNS * _WINDOWS).astype(np.int64).reshape(COLUMNS, _WINDOWS)
    power = np.empty((ROWS, COLUMNS), dtype=np.float64)
    for column, starts in enumerate(places):
        pieces = np.stack([padded[start : start + _WINDOW] for start in np.unique(starts)])
        spectrum = (np.abs(np.fft.rfft(pieces * window)) ** 2).mean(axis=0)
        # A row holds the strongest of its bins, and low rows share one.
        power[:, column] = np.maximum.reduceat(spectrum, bins[:-1])[::-1]
    decibels = 10 * np.log10(power + 1e-12)
    loudest = max(float(decibels.max()), -60.0)
    scaled = (decibels - loudest + _RANGE_DB) / _RANGE_DB
    return np.clip(scaled * 255, 0, 255).astype(np.uint8)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
