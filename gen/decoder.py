"""The other side of `gen.confined`: a process that decodes what it is handed, under limits, and knows nothing else.

Each request is a line of JSON and two open files: the sound file, and a place in memory for the samples, which go there
frame by frame as float32, unless only tags are asked for. The answer is a line of JSON. Nothing is ever unpickled.
"""

import json
import math
import os
import resource
import time
from dataclasses import asdict
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from gen.decode import read
from gen.errors import AudioError, TooExpensive
from gen.labels import read_tags

_MOST_OPEN_FILES = 24
_LONGEST_REQUEST = 1 << 12
_WRITTEN_AT_ONCE = 1 << 20


def serve(handle: int, memory: int, most_bytes: int) -> None:
    """Answer requests on this descriptor until the other side hangs up.

    memory: bytes that decoding may take beyond what the idle process has. most_bytes: that any file it writes may have.
    """
    # What decoding needs is loaded now, so that it counts as idle.
    import av
    import soundfile

    del av, soundfile
    pages = int(open("/proc/self/statm", "rb").read().split()[0])  # noqa: SIM115, PTH123
    _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + memory)
    _limit(resource.RLIMIT_FSIZE, most_bytes)
    _limit(resource.RLIMIT_NOFILE, _MOST_OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    with Connection(handle) as connection:
        connection.send_bytes(b"{}")
        while True:
            try:
                request = json.loads(connection.recv_bytes(_LONGEST_REQUEST))
            except EOFError:
                return
            source, sink = recv_handle(connection), recv_handle(connection)
            try:
                answer, spent = _answer(request, source, sink)
            finally:
                os.close(source)
                os.close(sink)
            connection.send_bytes(json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogatepass"))
            if spent:  # memory is short: the next file deserves a process in order
                return


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _answer(request: dict[str, str | int], source: int, sink: int) -> tuple[dict[str, object], bool]:
    name, most_samples = str(request["name"]), int(request["most_samples"])
    # Of the time that this process may use in all; the system counts whole seconds.
    soft = math.ceil(time.process_time() + int(request["seconds"]))
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    try:
        # Opened anew: a descriptor that is only handed over shares its position with the other side.
        with (
            open(f"/proc/self/fd/{source}", "rb") as file,  # noqa: PTH123
            os.fdopen(os.dup(sink), "wb", buffering=_WRITTEN_AT_ONCE) as samples,
        ):
            if request.get("tags"):
                return {"tags": asdict(read_tags(file))}, False
            stream = read(file, name, most_samples, _Sink(samples))
    except MemoryError:
        error: AudioError = TooExpensive(f"{name}: decoding takes more memory than it may; leave it out")
    except AudioError as caught:
        error = caught
    else:
        return vars(stream), False
    return {"error": type(error).__name__, "message": str(error)}, isinstance(error, TooExpensive)


class _Sink:
    """Blocks that go to a file, frame by frame."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def append(self, block: npt.NDArray[np.float32]) -> None:
        try:
            self._file.write(np.ascontiguousarray(block.T))
        except OSError as error:  # the samples' place is full; the file that is read is not to blame
            raise MemoryError from error
