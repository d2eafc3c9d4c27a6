"""Sound that is sent while it is made: a file that grows, to its end (:mod:`api.service.previews`)."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from api.errors import TooMany
from api.service import previews

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_PACE: Final = 0.25
"""Seconds between two looks for more."""
_PIECE: Final = 1 << 16
"""Bytes at a time, of which no more are held than whoever listens takes."""
_LONGEST: Final = 3 * 3600.0
"""Seconds after which it ends: of an hour of music, heard with pauses."""
_LAST: Final = 60.0
"""Seconds more for who takes what was sent last slowly, or never; then the file is closed."""
_AGAIN: Final = 10
MOST: Final = 16
"""Listeners of one job that a process serves at a time."""
# A browser that asks for a part would get it of a file that is another by then.
_HEADERS: Final = {"Accept-Ranges": "none", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Ears:
    """Those who listen to what is being made, in one process."""

    def __init__(self) -> None:
        self._listening: Counter[str] = Counter()

    async def hear(self, job: str, folder: Path, name: str) -> Sound | None:
        """What there is of the track that will be the file ``name``, and then the rest.

        None where nothing of it is there, or the file itself. Raises :class:`~api.errors.TooMany`.
        """
        if self._listening[job] >= MOST:
            raise TooMany(f"{MOST} listen to this job already", _AGAIN)
        self._listening[job] += 1  # before anything is awaited: others ask meanwhile
        sound = None
        try:
            file = await run_in_threadpool(_open, folder, name)
            sound = None if file is None else Sound(file, partial(self._leave, job))
        finally:
            if sound is None:
                self._leave(job)
        return sound

    def _leave(self, job: str) -> None:
        self._listening[job] -= 1
        if not self._listening[job]:
            del self._listening[job]


class Sound(StreamingResponse):
    """The answer with such a file, which is closed however it ends, and ``leave`` called."""

    def __init__(self, file: BinaryIO, leave: Callable[[], None]) -> None:
        super().__init__(_pieces(file), 200, _HEADERS, "audio/wav")
        self._file, self._leave = file, leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. To whoever does not take it in time, the connection is cut short."""
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST + _LAST):
                    await super().__call__(scope, receive, send)
        finally:
            self._file.close()
            self._leave()


def _open(folder: Path, name: str) -> BinaryIO | None:
    found = previews.find(folder).get(name)
    try:
        return None if found is None else found.path.open("rb", buffering=0)
    except FileNotFoundError:  # it is done, or was given up, since
        return None


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    began, place = loop.time(), 0
    while loop.time() - began < _LONGEST:
        more, piece = await run_in_threadpool(_next, file, place)
        place += len(piece)
        if piece:
            yield piece
        elif not more:
            return
        else:
            await asyncio.sleep(_PACE)


def _next(file: BinaryIO, place: int) -> tuple[bool, bytes]:
    more = previews.grows(file)  # asked first, so that nothing comes between the last bytes and the end
    return more, os.pread(file.fileno(), _PIECE, place)
