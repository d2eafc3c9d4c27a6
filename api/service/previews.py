"""What there is to hear of a track before it is done: a file in its job's folder, which grows while the track is made.

Whoever makes it holds the file's lock (``flock``) for as long as more may come; the system lets it go with the process,
however that ends. So whoever listens knows the end without asking anybody: no lock, and nothing more to read.

It is a WAV file whose header says how long the whole will be. Its sound has the mark of the claim that is being made,
since none leaves without; its level is a guess (:mod:`gen.preview`). An attempt that is refused since it repeats a
recording is cut short, also for those who listen; the next one is another file.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from numpy import int16
    from numpy.typing import NDArray

    from gen.levelling import Heard, Samples
    from gen.loudness import Loudness
    from ledger.records import Claim

log = logging.getLogger(__name__)

_ANY: Final = ".*.growing.wav"


@dataclass(frozen=True, slots=True)
class Preview:
    """What there is of a track. ``name``: the track's file to be; ``version``: another one for each attempt at it."""

    name: str
    version: str
    path: Path


def find(folder: Path) -> dict[str, Preview]:
    """What there is to hear in a job's folder, by the names of the tracks to be."""
    found = {}
    for path in sorted(
        folder.glob(_ANY), key=_changed
    ):  # the latest, where a process that lost its job is not gone yet
        _, stem, version, *_ = path.name.split(".")
        found[f"{stem}.wav"] = Preview(f"{stem}.wav", version, path)
    return found


def clear(folder: Path) -> None:
    """Take away what a process that was ended has left."""
    for path in folder.glob(_ANY):
        path.unlink(missing_ok=True)


def grows(file: BinaryIO) -> bool:
    """Whether more may come; what is read after a no is all there is."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


@contextlib.contextmanager
def growing(out: Path, claim: Claim, begun: Callable[[], None]) -> Iterator[Heard]:
    """Write down what is made of ``claim``, beside the file ``out`` that it becomes, until the statement ends.

    ``begun`` is called once there is something to hear. If there is no ``out`` at the end, the attempt was refused. A
    disk that is full costs the preview alone.
    """
    one = _Growing(out, claim, begun)
    try:
        yield one.hear
    finally:
        one.end(kept=out.exists())


class _Growing:
    """The file of one attempt, for whoever makes it."""

    def __init__(self, out: Path, claim: Claim, begun: Callable[[], None]) -> None:
        from gen.encode import wav_header
        from gen.preview import Preview as Marked

        self._marked = Marked(claim.channels, claim.rate, claim.watermark)
        self._header, self._left = wav_header(claim.frames, claim.channels, claim.rate), claim.frames
        self._path = out.with_name(f".{out.stem}.{secrets.token_hex(8)}.growing.wav")
        self._begun = begun
        self._file: BinaryIO | None = None

    def hear(self, samples: Samples, measured: Loudness) -> None:
        """The next of it."""
        if self._left < 0:  # given up
            return
        try:
            self._write(self._marked.push(samples, measured))
            self._left -= samples.shape[1]
            if self._left == 0:
                self._write(self._marked.finish())
                if self._file is not None:
                    fcntl.flock(self._file, fcntl.LOCK_UN)
        except OSError as error:
            log.warning("a track cannot be heard while it is made: %s", type(error).__name__)
            self.end(kept=False)
            self._left = -1

    def _write(self, pcm: NDArray[int16]) -> None:
        if not len(pcm):
            return
        if self._file is not None:
            _write(self._file, pcm.tobytes())
            return
        # Nobody finds it before it has its lock, which would look like the end.
        hidden = self._path.with_suffix(".part")
        self._file = hidden.open("x+b", buffering=0)  # in a folder that nobody else may enter
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            _write(self._file, self._header + pcm.tobytes())
            hidden.rename(self._path)
        finally:
            hidden.unlink(missing_ok=True)
        self._begun()

    def end(self, *, kept: bool) -> None:
        """Take it away; whoever listens still hears the rest of what is kept."""
        if self._file is None:
            return
        with self._file as file, contextlib.suppress(OSError):
            if not kept:
                file.truncate(0)
        self._path.unlink(missing_ok=True)
        self._file = None


def _write(file: BinaryIO, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[file.write(rest) :]


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # gone meanwhile
        return 0.0
