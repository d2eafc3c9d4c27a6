"""An engine of many machines: Ray Data (extra `cluster`).

All machines see the recordings and the cache under the same paths, and have the same version of this package. Ray hands
out paths and takes sketches back (figures and fingerprints, no sound); mel frames go through the shared cache. Docs:
https://docs.ray.io/en/latest/data/data.html
"""

import importlib.util
import logging
import multiprocessing
import os
import pickle
import secrets
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from gen.engine import Answer, Engine, Local, Work, Worker, end_with_parent
from gen.errors import ConfigError, EngineError

_PATIENCE = 30.0
_BLOCK = 4  # recordings that a worker takes at a time
_MOST_BLOCKS = 20_000
_MOST_DEATHS = 3
_STORE = 1 << 29  # bytes; answers are small


@dataclass(frozen=True)
class Ray:
    """Workers of one processor each on a Ray cluster.

    workers: as many as the cluster has processors by default. address: of the cluster, as `ray.init` has it ("auto",
    "HOST:6379"); without one, a cluster on this machine is made for the work and taken down after it. It asks for a
    token that only its own processes have, sends no statistics, and leaves no files.

    Ray's driver runs in a process of its own, so that its settings, signals and threads are not ours.
    """

    workers: int | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ConfigError("workers: must be at least 1")

    def run(self, work: Work, paths: Sequence[Path]) -> Generator[Answer, None, None]:
        """See `gen.engine.Engine`. A worker that dies is replaced, and what it had in work is done again.

        Raises EngineError also for a sealed cache, whose key would go through Ray's memory and disks, and for a
        recording that four workers have died of.
        """
        if not paths:
            return
        if work.cache.cipher is not None:
            raise EngineError("a sealed cache stays on one machine, Ray would spread its key; use the engine `local`")
        if importlib.util.find_spec("ray") is None:
            raise EngineError("Ray is not installed; pip install 'stemmata[cluster]'")
        # Ours, so that it goes whatever ends the driver.
        with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
            yield from self._driven(work, paths, folder)

    def _driven(self, work: Work, paths: Sequence[Path], folder: str) -> Generator[Answer, None, None]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        encoded = [os.fsencode(path) for path in paths]
        driver = context.Process(target=_drive, args=(theirs, self, work, encoded, folder))
        driver.start()
        theirs.close()
        at_its_end = False
        try:
            for left in range(len(paths) - 1, -1, -1):
                answer = _received(ours)
                at_its_end = not left or isinstance(answer, _Failure)
                if isinstance(answer, _Failure):
                    raise EngineError(f"Ray: {answer.reason}")
                yield answer
        finally:
            ours.close()
            if not at_its_end:
                driver.terminate()
            # It takes its cluster down.
            driver.join(_PATIENCE)
            driver.kill()
            driver.join()


@dataclass(frozen=True)
class _Failure:
    """What Ray says when it gives up."""

    reason: str


def engine_named(text: str) -> Engine:
    """An engine as a setting has it: `local`, `local:2` (workers), `ray`, `ray:2`, or `ray:ADDRESS` of a cluster.

    Raises ConfigError.
    """
    kind, colon, rest = text.partition(":")
    number = int(rest) if rest.isascii() and rest.isdigit() else None
    if kind == "local" and (not colon or number is not None):
        return Local(number)
    if kind == "ray" and (not colon or rest):
        return Ray(number) if number is not None or not colon else Ray(address=rest)
    raise ConfigError(f"engine: expected local, local:WORKERS, ray, ray:WORKERS or ray:ADDRESS, not {text!r}")


def _received(connection: Connection) -> Answer | _Failure:
    try:
        answer: Answer | _Failure = pickle.loads(connection.recv_bytes())  # noqa: S301 - from our own processes
    except EOFError:
        return _Failure("its driver ended without a word")
    return answer


def _drive(connection: Connection, engine: Ray, work: Work, paths: list[bytes], folder: str) -> None:
    """The driver's process: send all answers, pickled, or a failure after some of them."""
    end_with_parent()
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(quiet, stream)
    try:
        with _cluster(engine, folder) as ray:
            for answer in _answers(ray, engine, work, paths):
                connection.send_bytes(answer)
    except BrokenPipeError:
        return
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        connection.send_bytes(pickle.dumps(_Failure(f"{type(error).__name__}: {lines[-1].strip()}")))


@contextmanager
def _cluster(engine: Ray, folder: str) -> Iterator[Any]:
    """Ray, connected. The environment is that of the driver's process alone."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Without this, Ray looks for a cluster that is not there for a quarter of an hour.
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "1")
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if engine.address is None:
        # Ray listens on all interfaces, and whoever may talk to it may run programs.
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        for name in ("RAY_ADDRESS", "RAY_AUTH_TOKEN_PATH"):
            os.environ.pop(name, None)
        options |= {"num_cpus": engine.workers, "include_dashboard": False, "object_store_memory": _STORE}
        options |= {"address": "local", "_temp_dir": folder}
    else:
        options["address"] = engine.address
    import ray
    import ray.data

    ray.init(**options)
    try:
        yield ray
    finally:
        ray.shutdown()


def _answers(ray: Any, engine: Ray, work: Work, paths: list[bytes]) -> Iterator[bytes]:
    workers = engine.workers or max(1, int(ray.cluster_resources()["CPU"]))
    blocks = min(-(-len(paths) // _BLOCK), _MOST_BLOCKS)
    # Rows of a folder with few recordings still go to all workers.
    blocks = max(blocks, min(len(paths), _BLOCK * workers))
    rows = ray.data.from_items([{"path": path} for path in paths], override_num_blocks=blocks)
    rows.context.execution_options.preserve_order = True
    rows.context.enable_progress_bars = rows.context.print_on_execution_start = False
    answered = rows.map(
        _Portrayer,
        fn_constructor_args=(work,),
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=min(workers, blocks)),
        max_restarts=-1,
        max_task_retries=_MOST_DEATHS,
    )
    for row in answered.iter_rows():
        yield row["answer"]


class _Portrayer:
    """A worker as Ray Data wants it: from rows with a path to rows with an answer."""

    def __init__(self, work: Work) -> None:
        self._worker = Worker(work)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"answer": pickle.dumps(self._worker.answer(Path(os.fsdecode(row["path"]))))}
