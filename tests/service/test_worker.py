"""A worker with real processes: what they say, how they end, and that one who dies takes nothing along."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from api.home import Home
from api.service import asking
from api.service.job import Job
from api.service.jobs import Jobs
from api.service.kinds.checking import Audit
from api.service.kinds.kind import Limits
from api.service.service import Service
from api.service.settings import ServiceSettings
from api.service.uploads import Uploads
from api.service.worker import Pace, Worker
from api.settings import Settings
from gen.audio import save
from gen.waveform import Waveform

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("home")
    home = Home(Settings(home=folder, instrument=None))
    with home.ledger():
        pass
    opened = Service.open(home, ServiceSettings(database=f"sqlite:///{folder / 'service.sqlite'}"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "noise.wav"
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 44100 * 5)).astype(np.float32)
    save(path, Waveform(noise, 44100))
    return path.read_bytes()


@contextmanager
def working(service: Service, pace: Pace | None = None) -> Iterator[threading.Event]:
    """A worker in a thread, as the supervisor has it in a process."""
    stop = threading.Event()
    worker = threading.Thread(target=Worker(service, stop, pace=pace or Pace(lease=10, beat=0.1, grace=0.2)).run)
    worker.start()
    try:
        yield stop
    finally:
        stop.set()
        worker.join()


def ask(service: Service, sound: bytes, name: str = "noise.wav") -> Job:
    async def pieces() -> AsyncIterator[bytes]:
        yield sound

    uploads = Uploads.of(service)
    upload = uploads.make(None)
    asyncio.run(uploads.receive(upload, name, pieces()))
    return asking.ask(service, None, Audit(upload=upload.id))


def until(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def below(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # it may be gone by now
            for child in map(int, task.read_text().split()):
                yield child
                yield from below(child)


def job_processes() -> list[int]:
    """Those that this process, and nobody else on this machine, has begun."""
    found = []
    for pid in below(os.getpid()):
        with suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().startswith("job audit"):
                found.append(pid)
    return found


def test_an_audit_from_file_to_report(service: Service, sound: bytes) -> None:
    jobs = Jobs.of(service)
    job = ask(service, sound)
    with working(service):
        until(lambda: jobs.get(job.id).over)
    done = jobs.get(job.id)
    assert (done.state, done.tries) == ("done", 1), done.problem
    assert done.result is not None
    assert (done.result["verdict"], done.result["file"]) == ("unknown", "noise.wav")
    layers = [event.content["layer"] for event in jobs.events(job.id) if event.kind == "layer"]
    assert layers == ["decoded", "manifest", "watermark", "digest", "fingerprint", "chain", "verdict"]
    names = [path.name for path in asking.files(service, done)]
    assert {"audit.json", "report-en.html", "report-es.html"} <= set(names)
    assert not (service.home.path / "uploads" / job.request["upload"]).exists()  # nothing that is sent in is kept


def test_a_file_that_is_no_sound_fails_with_its_name(service: Service) -> None:
    jobs = Jobs.of(service)
    job = ask(service, b"RIFF\x24\x00\x00\x00WAVEfmt and then nothing of the kind")
    with working(service):
        until(lambda: jobs.get(job.id).over)
    failed = jobs.get(job.id)
    assert (failed.state, failed.problem and failed.problem["status"]) == ("failed", 415), failed.problem
    assert failed.problem and failed.problem["detail"].startswith("noise.wav: "), failed.problem  # no place on the disk


def test_a_job_whose_process_is_killed_goes_on(service: Service, sound: bytes) -> None:
    jobs = Jobs.of(service)
    job = ask(service, sound)
    with working(service), pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.service.worker._AGAIN", 0.1)
        until(job_processes)
        os.kill(job_processes()[0], signal.SIGKILL)
        until(lambda: jobs.get(job.id).over)
    done = jobs.get(job.id)
    assert (done.state, done.tries) == ("done", 2)
    assert sum(event.content.get("state") == "done" for event in jobs.events(job.id)) == 1


def test_cancelling_is_a_kill(service: Service, sound: bytes) -> None:
    jobs = Jobs.of(service)
    job = ask(service, sound)
    with working(service):
        until(job_processes)
        jobs.cancel(job.id)
        until(lambda: jobs.get(job.id).over, 10)
        until(lambda: not job_processes(), 10)
    assert jobs.get(job.id).state == "cancelled"


def test_a_worker_that_is_to_end_gives_its_job_back(service: Service, sound: bytes) -> None:
    jobs = Jobs.of(service)
    job = ask(service, sound)
    with working(service) as stop:
        until(job_processes)
        stop.set()
    given = jobs.get(job.id)
    assert (given.state, given.tries) == ("waiting", 0)
    assert not job_processes()
    jobs.cancel(job.id)


def test_what_takes_too_long_is_ended(service: Service, sound: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from api.service.kinds import KINDS

    monkeypatch.setitem(KINDS, "audit", replace(KINDS["audit"], limits=Limits(seconds=0.1)))  # type: ignore[misc]
    jobs = Jobs.of(service)
    job = ask(service, sound)
    with working(service):
        until(lambda: jobs.get(job.id).over)
    failed = jobs.get(job.id)
    assert (failed.state, failed.problem and failed.problem["title"]) == ("failed", "TooExpensive")
