"""What a track looks like: a cover made from its spectrogram, and its outline for a player.

The cover is the spectrogram bent to a disc: time runs clockwise from the top, low tones are within and high ones
without. So it shows this very track, and no two tracks have the same.
"""

from __future__ import annotations

import json
import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from api.errors import TooMany
from api.home import Home
from api.reports.picture import look, paint
from ledger import file

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from api.reports.picture import Picture
    from ledger.records import ContentRef

SIZE: Final = 800
"""Width and height of a cover in pixels."""
_INNER, _OUTER = 0.16, 0.94
# Of the 80 dB that a spectrogram shows, the lowest quarter is left dark.
_FLOOR: Final = 0.25
# So many levels are told apart by eye, and the file is half as long as with all.
_LEVELS: Final = 48
_PEAKS: Final = 400
# Ten minutes of stereo: no more is decoded for a picture.
_MOST_SAMPLES: Final = 1 << 26
_MEMORY: Final = 1 << 28
_MOST_WAITING: Final = 8
_AGAIN: Final = 5
_FAILED_FOR: Final = 3600.0
_MOST_FAILED: Final = 1000


@dataclass(frozen=True, slots=True)
class Look:
    """Files in the home: the cover (PNG), and the outline (JSON: ``seconds``, and ``peaks`` from 0 to 1)."""

    cover: Path
    outline: Path


class Covers:
    """Makes what is shown of tracks, once for each file; one at a time, since every file is decoded for it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._turn = threading.Lock()
        # Who waits holds a thread that other requests need.
        self._waiting = threading.Semaphore(_MOST_WAITING)
        self._failed: dict[str, tuple[float, Exception]] = {}

    def look(self, content: ContentRef) -> Look:
        """What a track's file looks like, made now if need be.

        Raises :class:`~ledger.errors.BlockMissing` where the file is not in the store,
        :class:`gen.errors.AudioError` where it is no audio, or more of it than is drawn, and
        :class:`~api.errors.TooMany` where others wait for theirs already.
        """
        failed = self._failed.get(str(content.sha256))
        if failed is not None and time.monotonic() - failed[0] < _FAILED_FOR:
            raise failed[1].with_traceback(None)
        folder = self._home.folder("covers")
        found = Look(folder / f"{content.sha256}.png", folder / f"{content.sha256}.json")
        if not (found.cover.exists() and found.outline.exists()):
            if not self._waiting.acquire(blocking=False):
                raise TooMany("covers of other tracks are being made; come again in a moment", _AGAIN)
            try:
                with self._turn:
                    if not (found.cover.exists() and found.outline.exists()):
                        self._make_or_remember(content, found)
            finally:
                self._waiting.release()
        return found

    def _make_or_remember(self, content: ContentRef, target: Look) -> None:
        """Make it; what cannot be drawn is not decoded again for a while."""
        from gen.errors import AudioError

        try:
            self._make(content, target)
        except AudioError as error:
            if len(self._failed) >= _MOST_FAILED:
                self._failed.clear()
            self._failed[str(content.sha256)] = time.monotonic(), error
            raise

    def _make(self, content: ContentRef, target: Look) -> None:
        import tempfile

        from gen.audio import load
        from gen.confined import ConfinedDecoder, Limits

        limits = Limits(memory=_MEMORY, processor_seconds=60, seconds=90.0, most_samples=_MOST_SAMPLES)
        with tempfile.TemporaryFile(dir=self._home.folder("tmp")) as copy, ConfinedDecoder(limits) as decoder:
            copy.writelines(self._home.store().read(content.cid))
            copy.flush()
            # Strangers mint too: what they made is decoded like any stranger's file.
            wave = load(copy, name="the track", most_samples=_MOST_SAMPLES, decoder=decoder)
        picture = look(wave)
        outline = json.dumps({"seconds": round(picture.seconds, 3), "peaks": peaks(picture)}).encode()
        file.write(target.outline, lambda out: out.write(outline))
        drawn = cover(picture)
        file.write(target.cover, lambda out: out.write(drawn))


def peaks(picture: Picture) -> list[float]:
    """The loudest sample of each of some hundred stretches, 0 to 1, for a player to draw."""
    import numpy as np

    loud = np.maximum(np.abs(picture.lows), np.abs(picture.highs))
    edges = np.linspace(0, len(loud), min(_PEAKS, len(loud)) + 1).astype(np.int64)[:-1]
    return [round(float(value), 3) for value in np.minimum(np.maximum.reduceat(loud, edges), 1.0)]


def cover(picture: Picture) -> bytes:
    """The cover as a PNG file, SIZE by SIZE pixels."""
    import numpy as np

    levels = (picture.spectrogram / 255).astype(np.float32)
    rows, columns = levels.shape
    middle = (SIZE - 1) / 2
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) - middle
    height = (np.hypot(x, y).astype(np.float32) / middle - _INNER) / (_OUTER - _INNER)  # 0 at the hole, 1 at the rim
    turn = ((np.arctan2(x, -y) / math.tau) % 1.0).astype(np.float32)
    row = np.clip((1 - height) * (rows - 1), 0, rows - 1).astype(np.float32)
    found = _between(levels, row, turn * columns)
    edge = np.clip((1 - height) * 40, 0, 1) * np.clip(height * 60, 0, 1)
    light = np.clip((found - _FLOOR) / (1 - _FLOOR), 0, 1) * edge
    steps = np.round(light * (_LEVELS - 1)) * (255 / (_LEVELS - 1))
    return paint(steps.astype(np.uint8))


def _between(
    levels: npt.NDArray[np.float32], row: npt.NDArray[np.float32], column: npt.NDArray[np.floating]
) -> npt.NDArray[np.floating]:
    """Levels at places between rows and columns (bilinear); the last column is followed by the first."""
    import numpy as np

    rows, columns = levels.shape
    above = np.minimum(row.astype(np.int64), rows - 2)
    left = column.astype(np.int64) % columns
    right = (left + 1) % columns
    down, across = row - above, column % 1.0
    upper = levels[above, left] * (1 - across) + levels[above, right] * across
    lower = levels[above + 1, left] * (1 - across) + levels[above + 1, right] * across
    return cast("npt.NDArray[np.floating]", upper * (1 - down) + lower * down)
