"""How a worker ends a job: what it has done is written down, whatever is slow or breaks beside it."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from api.home import Home
from api.service import asking
from api.service.fuse import Fuse
from api.service.job import Job
from api.service.job_process import Done, JobProcess
from api.service.jobs import Jobs
from api.service.kinds.checking import Audit
from api.service.leases import Leases
from api.service.patient_wallet import Asked, Sending
from api.service.service import Service
from api.service.settings import ServiceSettings
from api.service.uploads import Uploads
from api.service.wallets import PATIENCE, Wallets
from api.service.worker import QUIET, Pace, Worker, _Doing
from api.settings import Settings
from ledger.address import Address

ANNA = Address(bytes(19) + b"a")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    home = Home(Settings(home=tmp_path / "home", instrument=None))
    opened = Service.open(home, ServiceSettings(database=f"sqlite:///{tmp_path / 'service.sqlite'}"))
    yield opened
    opened.close()


def sent(service: Service) -> Path:
    """The folder of a file that nobody in particular has sent in."""
    uploads = Uploads.of(service)
    place = uploads.path(uploads.make(None))
    (place / "a.wav").write_bytes(bytes(10))
    return place


def test_the_file_of_a_check_that_is_cancelled_or_lost_goes(service: Service) -> None:
    cancelled, lost, waiting, arriving = (sent(service) for _ in range(4))
    asking.cancel(service, asking.ask(service, None, Audit(upload=cancelled.name)).id)
    assert not cancelled.exists()
    job = asking.ask(service, None, Audit(upload=lost.name))
    asking.ask(service, None, Audit(upload=waiting.name))
    Jobs.of(service).cancel(job.id)  # as whoever finds a job whose workers died
    later = replace(service, now=lambda: service.now() + timedelta(seconds=QUIET + 60))
    os.utime(arriving / "a.wav", (time.time() + 100,) * 2)
    Worker(later, threading.Event()).tidy()
    assert [place.exists() for place in (lost, waiting, arriving)] == [False, True, True]


def test_a_job_that_a_worker_fails_over_costs_no_worker(service: Service) -> None:
    jobs = Jobs.of(service)
    job = jobs.submit(ANNA, "nonesuch", {})
    claim = Leases(service.database, service.now).claim("w", 30)
    assert claim is not None
    Worker(service, threading.Event()).do(claim)
    failed = jobs.get(job.id)
    assert (failed.state, failed.problem and failed.problem["title"]) == ("failed", "Fault")


def test_a_process_that_has_ended_is_not_killed_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    process = JobProcess.__new__(JobProcess)
    process.connection, _ = Pipe()
    process._turn = threading.Lock()
    process._process = multiprocessing.get_context("spawn").Process(target=os.getpid)
    process._process.start()
    process._process.join()
    for name in ("kill", "killpg"):
        monkeypatch.setattr(os, name, lambda number, how: killed.append(number))
    process.kill()
    assert not killed


def test_an_outcome_keeps_its_lease_while_the_chain_is_slow(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr("api.service.follower.follow", lambda service: released.wait(30))
    monkeypatch.setattr("api.service.worker._CATCH_UP", 1.0)
    jobs, leases = Jobs.of(service), Leases(service.database, service.now)
    job = jobs.submit(ANNA, "income", {})
    worker = Worker(service, threading.Event(), pace=Pace(lease=0.6, beat=0.1))
    claim = leases.claim("first", 0.6)
    assert claim is not None
    connection, theirs = Pipe()
    theirs.send(Done({"x": 1}))
    fuse = Fuse(lambda: None, 60)
    process = cast(Any, SimpleNamespace(connection=connection))
    ends = threading.Thread(target=_Doing(worker, claim, process, fuse).see_to_the_end)
    ends.start()
    try:
        time.sleep(0.8)
        assert ends.is_alive()  # it waits for the directory, for longer than the lease was
        assert leases.claim("second", 30) is None
        ends.join()  # and not for ever
    finally:
        released.set()
    assert (jobs.get(job.id).state, jobs.get(job.id).result) == ("done", {"x": 1})


def parted(service: Service, message: Asked | Sending) -> Job:
    """What becomes of a job of ANNA's whose process ends with such a message."""
    jobs, leases = Jobs.of(service), Leases(service.database, service.now)
    job = jobs.submit(ANNA, "income", {})
    claim = leases.claim("first", 30)
    assert claim is not None
    connection, theirs = Pipe()
    theirs.send(message)
    process, killed = cast(Any, SimpleNamespace(connection=connection)), []
    process.kill = lambda: killed.append(jobs.get(job.id).state)
    _Doing(Worker(service, threading.Event()), claim, process, Fuse(lambda: None, 60)).see_to_the_end()
    assert killed == ["running"]  # it is gone before another can begin
    return jobs.get(job.id)


def test_a_question_frees_the_worker_and_is_open(service: Service) -> None:
    job = parted(service, Asked("sign", {"message": "0x6d"}, 7.5))
    assert (job.state, job.tries) == ("asking", 0)
    asked = Wallets(service.database).open(job)
    assert asked is not None
    assert asked.content == {"message": "0x6d"}
    late = replace(service, now=lambda: service.now() + timedelta(seconds=PATIENCE + 1))
    Worker(late, threading.Event()).tidy()
    failed = Jobs.of(service).get(job.id)
    assert (failed.state, failed.problem and failed.problem["title"]) == ("failed", "KeyUnreachable")


def test_what_is_on_its_way_to_the_chain_frees_the_worker_for_a_while(service: Service) -> None:
    now = service.now()
    still = replace(service, now=lambda: now)
    job = parted(still, Sending("0xaa", now.timestamp() - 80))
    assert (job.state, job.tries) == ("waiting", 0)
    for seconds, found in ((9, False), (11, True)):  # an eighth of what it has taken so far
        later = now + timedelta(seconds=seconds)
        claim = Leases(service.database, lambda at=later: at).claim("second", 30)  # type: ignore[misc]
        assert (claim is not None) == found


def test_what_is_not_mined_within_a_day_fails_the_job(service: Service) -> None:
    failed = parted(service, Sending("0xaa", service.now().timestamp() - PATIENCE - 1))
    assert (failed.state, failed.problem and failed.problem["title"]) == ("failed", "ChainUnreachable")
    assert "0xaa, which is not mined after 24 hours" in str(failed.problem)
