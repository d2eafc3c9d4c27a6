"""A crew of processes for work that may end the one that does it: each has one piece at a time, and limits.

A file that crashes a decoder, spins or eats all memory costs one process and one answer; the others never notice.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Final

Job = Callable[[Path], dict[str, Any]]
"""What is done with a file. It is sent to every process, so it has to be one that can be pickled."""

# What leaks in a library shall not grow for ever.
_MOST_FILES: Final = 500
_LONGEST_START: Final = 120.0
_PAGE: Final = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer: the process died over the file, or had to be ended; ``reason`` says which."""

    reason: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost: seconds of waiting, and bytes of memory beyond what an idle process has."""

    seconds: float = 900.0
    memory: int = 4 << 30

    @classmethod
    def shared(cls, workers: int) -> Limits:
        """Limits under which so many processes together leave an eighth of this machine's memory to others."""
        whole = os.sysconf("SC_PHYS_PAGES") * _PAGE
        return cls(memory=max(1 << 30, whole * 7 // 8 // workers))


@dataclass
class _Worker:
    """One process, and the file that it has in work since when."""

    process: BaseProcess
    connection: Connection
    path: Path | None = None
    since: float = field(default_factory=time.monotonic)
    served: int = 0


class Crew:
    """Processes that do one job on one file after another. They start when they are needed, afresh (spawn), so a script
    needs its ``if __name__ == "__main__"``; and end with whoever started them."""

    def __init__(self, job: Job, workers: int, limits: Limits | None = None) -> None:
        self._job, self._limits = job, limits or Limits.shared(workers)
        self._workers: list[_Worker | None] = [None] * workers

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            if worker is not None:
                _end(worker)
        self._workers = [None] * len(self._workers)

    def run(self, paths: Iterator[Path]) -> Iterator[tuple[Path, dict[str, Any] | Lost]]:
        """Answers as they come, each with its file. Only as many files are taken as are in work.

        Raises ChildProcessError where processes do not start.
        """
        while True:
            for place in range(len(self._workers)):
                self._hire(place, paths)
            busy = [worker for worker in self._workers if worker is not None and worker.path is not None]
            if not busy:
                return
            ready = wait([worker.connection for worker in busy], self._patience(busy))
            for worker in busy:
                late = time.monotonic() - worker.since > self._limits.seconds
                if worker.connection in ready or late:
                    yield self._answer(worker, heard=worker.connection in ready)

    def _hire(self, place: int, paths: Iterator[Path]) -> None:
        """Give a free place its next file, and first a process if it has none."""
        worker = self._workers[place]
        if worker is not None and worker.path is not None:
            return
        path = next(paths, None)
        if path is None:
            return
        if worker is None:
            worker = self._workers[place] = _begin(self._job, self._limits)
        worker.path, worker.since = path, time.monotonic()
        # A process that is gone by now is noticed when its answer is waited for.
        with contextlib.suppress(OSError):
            worker.connection.send(path)

    def _patience(self, busy: list[_Worker]) -> float:
        oldest = min(worker.since for worker in busy)
        return max(0.0, oldest + self._limits.seconds - time.monotonic()) + 0.05

    def _answer(self, worker: _Worker, *, heard: bool) -> tuple[Path, dict[str, Any] | Lost]:
        path, worker.path = worker.path, None
        assert path is not None  # noqa: S101  (only workers that have a file are asked)
        answer: dict[str, Any] | Lost
        try:
            if not heard:
                raise TimeoutError
            answer = worker.connection.recv()
        except TimeoutError:
            self._dismiss(worker)
            return path, Lost(f"not done after {self._limits.seconds:.0f} s")
        except (EOFError, OSError):
            return path, Lost(f"its process died ({self._dismiss(worker)})")
        worker.served += 1
        if worker.served >= _MOST_FILES:
            self._dismiss(worker)
        return path, answer

    def _dismiss(self, worker: _Worker) -> str:
        self._workers[self._workers.index(worker)] = None
        return _end(worker)


def _begin(job: Job, limits: Limits) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(job, theirs, limits.memory), daemon=True)
    process.start()
    theirs.close()
    worker = _Worker(process, ours)
    try:
        if ours.poll(_LONGEST_START):
            ours.recv()
            return worker
    except (EOFError, OSError):
        pass
    raise ChildProcessError(f"a process for audits does not start ({_end(worker)}); is there memory for one more?")


def _end(worker: _Worker) -> str:
    """Hang up, end the process, and say how it ended."""
    worker.connection.close()
    worker.process.join(0.2)
    alive = worker.process.is_alive()
    if alive:
        worker.process.kill()
    worker.process.join()
    code = worker.process.exitcode
    if alive or code is None or code >= 0:
        return f"exit status {code}"
    return signal.Signals(-code).name


def _serve(job: Job, connection: Connection, memory: int) -> None:
    """A process's life: a file in, an answer out. What cannot be done for want of memory is an answer too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started it
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _confine(memory)
    connection.send(None)
    while True:
        try:
            path = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer = job(path)
        except MemoryError:
            answer = {"error": {"name": "TooExpensive", "message": "there is too little memory to audit it"}}
        except Exception as error:  # a defect of ours, which shall not end the work on all other files
            answer = {"error": {"name": type(error).__name__, "message": str(error)}}
        connection.send(answer)


def _end_with(parent: BaseProcess) -> None:
    """End this process when the one that started it is gone; its pipe may stay open then."""
    parent.join()
    os._exit(1)


def _confine(memory: int) -> None:
    """Let this process have so much more address space than it has now."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = used + memory
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, most))
