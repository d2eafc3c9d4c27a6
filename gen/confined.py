"""Decode files that strangers made in a process of its own, with limits on memory, time and files.

Decoders are large programs in C, and a crafted file may make one crash, spin or eat all memory. Here that costs one
process, not the caller's, and the caller gets a named error. This limits accidents and nuisance; it is no wall against
a file that takes the process over, which needs the system's own means around the whole program.
"""

import contextlib
import io
import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np

from gen import errors
from gen.codecs import Stream
from gen.decode import Decoded, finished
from gen.errors import AudioError, DecoderCrashed, TooExpensive
from gen.json_text import parse
from gen.labels import Labels, from_tags

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_CHUNK = 1 << 17
_COPIED = 1 << 20
_LONGEST_ANSWER = 1 << 14
_LONGEST_START = 60.0
# A decoder that leaks shall not live for ever.
_MOST_FILES = 500
# Nobody's settings, names or secrets go along; one thread and one arena keep the address space small.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "LC_ALL": "C.UTF-8",
}
_FIELDS = {"rate": int, "channels": int, "frames": int, "damage": str, "promised": float, "padded": bool}


@dataclass(frozen=True)
class Limits:
    """What one file may cost.

    memory: bytes of address space while it is decoded, beyond what the idle process has; its samples do not count,
    since they go to the caller as they come. processor_seconds: whole seconds of processor time. seconds: of waiting.
    most_samples: no call may ask for more than this over all channels.
    """

    memory: int = 1 << 29
    processor_seconds: int = 300
    seconds: float = 900.0
    most_samples: int = 1 << 29

    def __post_init__(self) -> None:
        for name in ("memory", "processor_seconds", "seconds", "most_samples"):
            if getattr(self, name) <= 0:
                raise errors.ConfigError(f"limits.{name}: must be above 0")


class ConfinedDecoder:
    """Does what `gen.decode.decode` does, in another process; hand it to `load` and `examine` as their decoder.

    It reads tags likewise. The process starts with the first file (about half a second), serves all that follow, and is
    replaced when it dies or has to be killed. One file at a time: threads wait for each other, so give each its own.
    Linux only.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._served = 0

    def __enter__(self) -> "ConfinedDecoder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The other process's number, if there is one."""
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        """End the other process. It starts again if it is needed again."""
        with self._turn:
            self._end()

    def __call__(self, file: BinaryIO, name: str, most_samples: int) -> Decoded:
        """Decode a file. One that the system knows is handed over, any other is copied.

        Raises what `gen.decode.decode` raises, TooExpensive for a file that goes beyond the limits, and DecoderCrashed
        for one that ends the other process. After any of them the next file is decoded as if nothing had happened.
        """
        with self._turn, _handed_over(file) as (source, sink):
            most_samples = min(most_samples, self._limits.most_samples)
            answer = self._ask(source, sink, {"name": name, "most_samples": most_samples})
            return _collect(sink, self._understood(answer, name, most_samples), name)

    def tags(self, file: BinaryIO, name: str) -> Labels:
        """What `gen.labels.read_tags` does. Raises TooExpensive and DecoderCrashed as decoding does."""
        with self._turn, _handed_over(file) as (source, sink):
            answer = self._ask(source, sink, {"name": name, "most_samples": 1, "tags": True})
            found = self._said(answer, name).get("tags")
            if not isinstance(found, dict) or not all(isinstance(value, str | None) for value in found.values()):
                raise self._senseless(name)
            return from_tags({field: value for field, value in found.items() if value is not None})

    def _ask(self, source: int, sink: int, request: dict[str, str | int | bool]) -> bytes:
        from multiprocessing.reduction import send_handle

        if self._served >= _MOST_FILES:
            self._end()
        self._served += 1
        process, connection = self._running()
        late = threading.Event()
        name = str(request["name"])
        request = {**request, "seconds": self._limits.processor_seconds}

        def stop() -> None:
            late.set()
            process.kill()

        watch = threading.Timer(self._limits.seconds, stop)
        watch.start()
        try:
            connection.send_bytes(json.dumps(request).encode())
            for handle in (source, sink):
                send_handle(connection, handle, process.pid)
            answer = connection.recv_bytes(_LONGEST_ANSWER)
        except (OSError, EOFError):
            status = self._end()
            if late.is_set():
                raise TooExpensive(f"{name}: not decoded after {self._limits.seconds:.0f} s; leave it out") from None
            if status == -signal.SIGXCPU:
                raise TooExpensive(
                    f"{name}: not decoded after {self._limits.processor_seconds} s of processor time; leave it out"
                ) from None
            raise DecoderCrashed(f"{name}: it crashed the decoder ({_ending(status)}); leave it out") from None
        except BaseException:
            self._end()
            raise
        finally:
            watch.cancel()
        return answer

    def _understood(self, answer: bytes, name: str, most_samples: int) -> Stream:
        try:
            stream = _stream(self._said(answer, name))
        except (ValueError, TypeError):
            stream = None
        if stream is None or stream.frames * stream.channels > most_samples:
            raise self._senseless(name)
        return stream

    def _said(self, answer: bytes, name: str) -> dict[str, Any]:
        """Believe nothing: whoever answers may be the file itself."""
        try:
            said = parse(answer.decode())
            if "error" in said:
                kind = getattr(errors, str(said["error"]), None)
                message = str(said["message"])
                if isinstance(kind, type) and issubclass(kind, AudioError) and message.startswith(f"{name}: "):
                    if kind is TooExpensive:
                        self._end()
                    raise kind("".join(letter if letter.isprintable() else "?" for letter in message))
            elif isinstance(said, dict):
                return said
        except (ValueError, TypeError, KeyError):
            pass
        raise self._senseless(name)

    def _senseless(self, name: str) -> DecoderCrashed:
        self._end()
        return DecoderCrashed(f"{name}: the decoder gave no sensible answer; leave it out")

    def _running(self) -> "tuple[subprocess.Popen[bytes], Connection]":
        if self._process is not None and self._connection is not None and self._process.poll() is None:
            return self._process, self._connection
        self._end()
        from multiprocessing.connection import Pipe

        ours, theirs = Pipe()
        handle, root = theirs.fileno(), str(Path(__file__).parent.parent)
        numbers = f"{handle}, {self._limits.memory}, {4 * self._limits.most_samples}"
        program = f"import sys; sys.path.insert(0, {root!r}); from gen.decoder import serve; serve({numbers})"
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(handle,),
            cwd="/",
            env=_ENVIRONMENT,
            start_new_session=True,  # Ctrl-C is for the caller
        )
        theirs.close()
        self._process, self._connection, self._served = process, ours, 0
        try:
            if not ours.poll(_LONGEST_START):
                raise EOFError
            ours.recv_bytes(_LONGEST_ANSWER)
        except (OSError, EOFError):
            status = self._end()
            raise DecoderCrashed(f"the decoder's process does not start ({_ending(status)})") from None
        return process, ours

    def _end(self) -> int | None:
        """Hang up, kill what is still there, and give its exit status."""
        process, connection = self._process, self._connection
        self._process = self._connection = None
        self._served = 0
        if connection is not None:
            connection.close()
        if process is None:
            return None
        try:
            return process.wait(0.5)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


@contextlib.contextmanager
def _handed_over(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Descriptors of the file and of an empty place for samples."""
    source, sink = _descriptor(file), os.memfd_create("samples", os.MFD_CLOEXEC)
    try:
        yield source, sink
    finally:
        os.close(source)
        os.close(sink)


def _descriptor(file: BinaryIO) -> int:
    """A descriptor of our own with the file's bytes."""
    if isinstance(getattr(file, "raw", file), io.FileIO) and file.readable() and not file.writable():
        return os.dup(file.fileno())
    copy = os.memfd_create("recording", os.MFD_CLOEXEC)
    file.seek(0)
    with os.fdopen(os.dup(copy), "wb") as target:
        while piece := file.read(_COPIED):
            target.write(piece)
    return copy


def _stream(said: dict[str, Any]) -> Stream | None:
    optional = ("damage", "promised")
    right = set(said) == set(_FIELDS) and all(
        type(said[name]) is kind or (name in optional and said[name] is None) for name, kind in _FIELDS.items()
    )
    if not right or min(said["rate"], said["channels"], said["frames"]) < 1 or not math.isfinite(said["promised"] or 0):
        return None
    return Stream(**said)


def _collect(sink: int, stream: Stream, name: str) -> Decoded:
    """The samples, (channels, frames), from interleaved ones; from the end, so that they are never held twice."""
    width = 4 * stream.channels
    if os.fstat(sink).st_size != stream.frames * width:
        raise DecoderCrashed(f"{name}: the decoder gave other samples than it says; leave it out")
    samples = np.empty((stream.channels, stream.wanted), dtype=np.float32)
    buffer = np.empty((_CHUNK, stream.channels), dtype=np.float32)
    for start in range((stream.frames - 1) // _CHUNK * _CHUNK, -1, -_CHUNK):
        block = buffer[: min(_CHUNK, stream.frames - start)]
        if os.preadv(sink, [memoryview(cast(Any, block)).cast("B")], start * width) != block.nbytes:
            raise DecoderCrashed(f"{name}: the decoder took its samples back; leave it out")
        samples[:, start : start + len(block)] = block[: max(0, stream.wanted - start)].T
        os.ftruncate(sink, start * width)
    return finished(samples, stream, name)


def _ending(status: int | None) -> str:
    if status is None or status >= 0:
        return f"exit status {status}"
    return signal.Signals(-status).name
