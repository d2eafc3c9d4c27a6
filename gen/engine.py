"""Many recordings at once, by an engine: the processes of one machine here, those of a cluster in `gen.cluster`.

A worker does with a recording what `gen.portrait.portray` does, with a decoder in a process apart, and puts what it
finds into the cache, which all workers and the caller share; little else travels. So what was done before an
interruption is not done again, whoever did it. The engine changes nothing about the result: torch computes on one
thread everywhere, since sums in another order are other sums.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from pickle import PicklingError
from types import TracebackType
from typing import Protocol

from gen.cache import Cache
from gen.config import MelConfig
from gen.confined import ConfinedDecoder, Limits
from gen.entry import Rows
from gen.errors import AudioError, ConfigError, EngineError, GenError, TooExpensive
from gen.file import printable
from gen.portrait import Portrait, Sketch, entries, recall, sketch
from gen.repeatable import repeatable
from gen.stamps import Stamps

Answer = Sketch | GenError
"""What became of one recording. A CacheError or EngineError is no fault of the recording, and ends the work."""

_AHEAD = 8  # recordings for each worker that may be done before an earlier one is
_MOST_DEATHS = 3
_REMEDY = "use fewer workers, or leave it out"


@dataclass(frozen=True)
class Work:
    """What is done with each recording: the arguments of `gen.portrait.portray`, and the limits of decoding.

    It goes to every worker, the cache's cipher too. keep_frames: as `gen.portrait.sketch` has it.
    """

    cache: Cache
    stamps: Stamps
    mel: MelConfig
    allow_resampled: bool = False
    keep_frames: bool = True
    limits: Limits | None = None


class Engine(Protocol):
    """Something that has workers."""

    def run(self, work: Work, paths: Sequence[Path]) -> Generator[Answer, None, None]:
        """One answer for each path, in their order, as they come. Closing the generator ends the workers.

        Raises EngineError.
        """


class Worker:
    """Portrays one recording after the other, with a decoder in a process of its own."""

    def __init__(self, work: Work) -> None:
        self._work, self._decoder = work, ConfinedDecoder(work.limits)
        # They were made on another machine, perhaps, where this folder is.
        work.stamps.path.parent.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._decoder.close()

    def sketch(self, path: Path) -> tuple[Sketch, Rows | None]:
        """What `gen.portrait.sketch` gives and raises, and TooExpensive where memory runs out."""
        work = self._work
        try:
            with repeatable():
                return sketch(
                    path,
                    work.cache,
                    work.stamps,
                    work.mel,
                    allow_resampled=work.allow_resampled,
                    keep_frames=work.keep_frames,
                    decoder=self._decoder,
                )
        except MemoryError as error:
            raise TooExpensive(f"{printable(path)}: there is too little memory to measure it; {_REMEDY}") from error

    def answer(self, path: Path) -> Answer:
        """The sketch alone, or the error as a value."""
        try:
            return self.sketch(path)[0]
        except GenError as error:
            return error


@dataclass(frozen=True)
class Outcome:
    """A recording's portrait, or the error that says why it has none."""

    path: Path
    portrait: Portrait | None
    error: AudioError | None


def portray_all(
    paths: Sequence[Path], work: Work, engine: Engine, *, report: Callable[[int, int], None] | None = None
) -> Iterator[Outcome]:
    """Portray recordings on all workers of an engine; outcomes come in the order of the paths.

    What the cache has is not given to the engine, and a bad file stops nothing. report: called for each with how many
    are done, and of how many. Memory does not grow with the number of recordings, but for their paths.
    Raises CacheFull, and EngineError where the engine has no workers like us; what was done until then is in the cache.
    """
    new = [not _is_known(path, work) for path in paths]
    missing = [path for path, is_new in zip(paths, new, strict=True) if is_new]
    with closing(engine.run(work, missing)) as answers, Worker(work) as here:
        for place, path in enumerate(paths):
            outcome = _outcome(path, next(answers) if new[place] else here.answer(path), work, here)
            if report is not None:
                report(place + 1, len(paths))
            yield outcome


def _is_known(path: Path, work: Work) -> bool:
    try:
        found = recall(
            path,
            work.cache,
            work.stamps,
            work.mel,
            allow_resampled=work.allow_resampled,
            keep_frames=work.keep_frames,
        )
    except AudioError:
        return False
    return found is not None


def _outcome(path: Path, answer: Answer, work: Work, here: Worker) -> Outcome:
    try:
        if isinstance(answer, GenError):
            raise answer
        if answer.frames != entries(work.cache, answer.digest, work.mel, allow_resampled=work.allow_resampled)[1]:
            raise EngineError(
                f"{printable(path)}: the worker has another version of this package; install the same one everywhere"
            )
        rows = work.cache.find(answer.frames) if work.keep_frames else None
        if rows is None and work.keep_frames:  # evicted meanwhile, by a cache for a few recordings only
            answer, rows = here.sketch(path)
        return Outcome(path, answer.completed(rows), None)
    except AudioError as error:
        return Outcome(path, None, error)


@dataclass(frozen=True)
class Local:
    """Processes on this machine, as many as it has processors for us by default; one works here, without a process.

    They start afresh (spawn), so a script that uses them needs its `if __name__ == "__main__"`. One that dies is
    replaced, and what it had in work is done again, each recording alone. They end with whoever started them.
    """

    workers: int | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ConfigError("workers: must be at least 1")

    def run(self, work: Work, paths: Sequence[Path]) -> Generator[Answer, None, None]:
        """See `Engine`. A recording that its worker dies of again and again has TooExpensive as its answer."""
        count = min(self.workers or len(os.sched_getaffinity(0)), len(paths))
        if count <= 1:
            with Worker(work) as here:
                for path in paths:
                    yield here.answer(path)
            return
        done, suspects, deaths = 0, 0, 0
        while done < len(paths):
            with _Pool(work, count) as pool:
                running: deque[Future[Answer]] = deque()
                try:
                    while done < len(paths):
                        ahead = 1 if done < suspects else _AHEAD * count
                        for path in paths[done + len(running) : done + ahead]:
                            running.append(pool.submit(path))
                        answer = running[0].result()
                        running.popleft()
                        done, deaths = done + 1, 0
                        yield answer
                except BrokenProcessPool:
                    # Somebody died, nobody knows of what: what was in work is done alone, to see who it is.
                    alone = done < suspects
                    suspects = max(suspects, done + len(running))
                    deaths += alone
                    if deaths < _MOST_DEATHS:
                        continue
                else:
                    return
            yield TooExpensive(f"{printable(paths[done])}: its worker died {deaths} times over it; {_REMEDY}")
            done, deaths = done + 1, 0


class _Pool:
    """Worker processes, at least one of which has said that it is there."""

    def __init__(self, work: Work, count: int) -> None:
        try:
            ForkingPickler.dumps(work)
        except (TypeError, AttributeError, PicklingError) as error:
            raise EngineError(
                f"the cache's cipher cannot be given to other processes ({error}); use one worker"
            ) from error
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(count, context, _begin, (work,))

    def __enter__(self) -> "_Pool":
        try:
            self._pool.submit(os.getpid).result()
        except BrokenProcessPool as error:
            raise EngineError(
                'the workers\' processes do not start; does the script lack `if __name__ == "__main__"`?'
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def submit(self, path: Path) -> Future[Answer]:
        return self._pool.submit(_answer, path)


def end_with_parent() -> None:
    """See to it that this process ends when the one that started it is killed; its pipes may stay open then."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


_worker: Worker | None = None
"""That of this process, if it is a pool's."""


def _begin(work: Work) -> None:
    global _worker  # noqa: PLW0603
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller
    end_with_parent()
    _worker = Worker(work)


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _answer(path: Path) -> Answer:
    if _worker is None:
        raise RuntimeError("not a worker's process")
    return _worker.answer(path)
