"""Two processes that answer, two workers, PostgreSQL: one of each is killed while audits are in work, and all of them
end well, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from gen.audio import save
from gen.waveform import Waveform
from tests.postgresql_server import postgresql

pytestmark = pytest.mark.integration
PATIENCE = 120.0


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """The process that begins all others, and the URL."""
    with postgresql() as database:
        environ = {
            **os.environ,
            "STEMMATA_HOME": str(tmp_path / "home"),
            "STEMMATA_PASSPHRASE": "correct horse battery",
            "STEMMATA_DATABASE": database,
            "OMP_NUM_THREADS": "1",
        }
        program = str(Path(sys.executable).with_name("stemmata"))
        command = [program, "serve", "--port", "0", "--processes", "2", "--workers", "2", "--json"]
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                yield process.pid, process.stdout.readline().split('"')[3]
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(40)
                finally:
                    process.kill()


def named(root: int, name: str) -> list[int]:
    """The children of that name."""
    text = Path(f"/proc/{root}/task/{root}/children").read_text()
    return [pid for pid in map(int, text.split()) if Path(f"/proc/{pid}/comm").read_text().startswith(name)]


def patiently(ask: Callable[[], httpx.Response]) -> Any:
    """What is answered in the end, as a client on a network asks."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask().raise_for_status().json()
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_all_audits_end_once_although_a_worker_and_a_server_are_killed(
    service: tuple[int, str], tmp_path: Path
) -> None:
    root, url = service
    path = tmp_path / "noise.wav"
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 44100 * 4)).astype(np.float32)
    save(path, Waveform(noise, 44100))
    sound = path.read_bytes()
    with httpx.Client(base_url=url, timeout=30) as web:
        ids = [patiently(lambda: web.post("/v1/audits?name=noise.wav", content=sound))["id"] for _ in range(4)]

        def states() -> list[str]:
            return [patiently(lambda id_=id_: web.get(f"/v1/jobs/{id_}"))["state"] for id_ in ids]

        deadline = time.monotonic() + PATIENCE
        while "running" not in states():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for name in ("worker", "server"):
            os.kill(named(root, name)[0], signal.SIGKILL)
        while set(states()) != {"done"}:
            assert time.monotonic() < deadline, states()
            time.sleep(0.2)
        jobs = [patiently(lambda id_=id_: web.get(f"/v1/jobs/{id_}")) for id_ in ids]
        assert {job["result"]["verdict"] for job in jobs} == {"unknown"}
        for job in jobs:
            told = httpx.get(f"{url}{job['links']['events']}", timeout=30).text
            assert told.count('{"state": "done"}') == 1
        assert len(named(root, "worker")) == len(named(root, "server")) == 2  # others have taken their places
