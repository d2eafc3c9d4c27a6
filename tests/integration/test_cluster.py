"""Portraits by two workers of Ray Data on this machine. Needs the extra `cluster`: 410 MB."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from portraits import descendants, digest, recordings

from gen.cache import Cache
from gen.cluster import Ray
from gen.config import MelConfig
from gen.engine import Local, Work, portray_all
from gen.errors import CacheFull, EngineError
from gen.stamps import Stamps

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", autouse=True)
def _ray() -> None:
    # Not imported here: it is at home in the driver's process alone.
    from importlib.util import find_spec

    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install -e '.[cluster]'")


def begun(folder: Path, most: int = 1 << 40) -> Work:
    return Work(Cache(folder / "cache", most, free=0), Stamps(folder / "stamps"), MelConfig())


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return recordings(tmp_path_factory.mktemp("recordings"), 8)


@pytest.fixture(scope="module")
def expected(paths: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return [digest(outcome) for outcome in portray_all(paths, begun(tmp_path_factory.mktemp("here")), Local(1))]


def started() -> dict[int, str]:
    return descendants(os.getpid())


def workers() -> list[int]:
    """Ray's processes that have a decoder's process of their own, which is what our workers are."""
    return [pid for pid, line in started().items() if line.startswith("ray::") and decoders(pid)]


def settled(left: Callable[[], set[Any]], limit: float = 300.0) -> set[Any]:
    """What is left once nothing is, or after so many seconds; on a busy machine Ray takes its time to end."""
    until = time.monotonic() + limit
    while (found := left()) and time.monotonic() < until:
        time.sleep(0.1)
    return found


def decoders(pid: int) -> list[int]:
    return [child for child, line in descendants(pid).items() if "gen.decoder" in line]


@contextmanager
def watched(see: Callable[[list[int]], None]) -> Iterator[None]:
    """Show the workers all the while: between two outcomes they may have begun and ended."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            see(workers())

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def test_digests_are_those_of_one_process_although_a_worker_is_killed(
    paths: list[Path], expected: list[str], tmp_path: Path
) -> None:
    before = set(Path("/tmp").glob("ray*"))
    killed, reports, found = list[int](), list[int](), list[str]()

    def kill_one(working: list[int]) -> None:
        for pid in working if len(working) >= 2 and not killed else []:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                return

    with watched(kill_one):
        for outcome in portray_all(paths, begun(tmp_path), Ray(2), report=lambda done, of: reports.append(done)):
            found.append(digest(outcome))
    assert killed
    assert found == expected
    assert reports == list(range(1, len(paths) + 1))
    assert [line for line in started().values() if "ray" in line] == []
    assert set(Path("/tmp").glob("ray*")) <= before


def test_nothing_is_left_by_work_that_is_given_up(paths: list[Path], tmp_path: Path) -> None:
    before, others = set(Path("/tmp").glob("ray*")), started()
    outcomes = portray_all(paths, begun(tmp_path), Ray(2))
    next(outcomes)
    # Those of other tests run on, and Python's own, one for the whole session.
    running = {pid: line for pid, line in started().items() if pid not in others and "resource_tracker" not in line}
    assert [line for line in running.values() if "raylet" in line]
    outcomes.close()
    assert settled(lambda: {line for pid, line in running.items() if Path(f"/proc/{pid}").exists()}) == set()
    assert settled(lambda: set(Path("/tmp").glob("ray*")) - before) == set()


def test_errors_that_are_no_recordings_end_the_work(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CacheFull):
        list(portray_all(paths, begun(tmp_path, most=1000), Ray(2)))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(EngineError, match=r"^Ray: ConnectionError: "):
        list(portray_all(paths, begun(tmp_path), Ray(address="auto")))
