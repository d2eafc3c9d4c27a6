"""The service whose processes are killed: begun with an empty home, and begun again where nothing of it is left."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

VICTIMS = ("worker", "job", "server", "all")
PASSPHRASE_NOT_SECRET = "of a benchmark"
PATIENCE = 300.0
PRESET = """\
corpus: {most: 12.0}
segment: {seconds: 5.0}
latent: {size: 16}
generator: {codes: 16, hidden: 32, steps: STEPS, batch: 2, length: 8, free: 4, free_from: 2}
vocoder: {channels: 16, steps: 10, batch: 1, phase_refinement: 4}
"""


@dataclass(frozen=True)
class Cast:
    """How many processes there are, on which database and chain. ``steps``: of the generator's training."""

    database: str | None = None
    rpc: str | None = None
    deployment: Path | None = None
    processes: int = 1
    workers: int = 2
    steps: int = 60

    def described(self) -> str:
        """In words."""
        database = "SQLite" if self.database is None else "PostgreSQL"
        chain = "embedded chain" if self.rpc is None else "JSON-RPC"
        return f"{database}, {chain}; servers: {self.processes}, workers: {self.workers}"


@dataclass
class Stage:
    """The service and its processes, as long as they live. ``folder`` is free for what is sent in."""

    cast: Cast
    settings: Any
    service_settings: Any
    home: Any
    folder: Path
    port: int
    root: Any = None

    def begin(self) -> None:
        """Start everything, and wait until it answers."""
        arguments = (self.settings, self.service_settings, self.port, self.cast.processes, self.cast.workers)
        self.root = multiprocessing.get_context("spawn").Process(target=_serve, args=arguments)
        self.root.start()
        with self.client() as web:
            patiently(lambda: web.get("/v1/openapi.json").raise_for_status())

    def client(self, token: str | None = None) -> httpx.Client:
        """Somebody who asks."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=60)

    def kill(self, victim: str, job: str) -> bool:
        """Kill processes of a kind while a job is in work; False where it is not, or there is nothing to kill."""
        worker = self._worker_of(job)
        if worker is None:
            return False
        if victim == "all":
            found = [*_descendants(self.root.pid), self.root.pid]
        elif victim == "worker":
            found = [worker]
        else:
            within = worker if victim == "job" else self.root.pid
            named = [pid for pid in _descendants(within) if _called(pid).startswith(victim)]
            found = random.sample(named, min(1, len(named)))
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if victim == "all":
            self.root.join()
            self.begin()
        return bool(found)

    def kill_a_server(self) -> None:
        """Whatever else goes on."""
        for pid in _descendants(self.root.pid):
            if _called(pid).startswith("server"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                return

    def _worker_of(self, job: str) -> int | None:
        """The process that has a job in work."""
        from sqlalchemy import select

        from api.service.database import Database
        from api.service.job import jobs

        database = Database.open(self.service_settings.database)
        with database.reading() as connection:
            name = connection.execute(select(jobs.c.worker).where(jobs.c.id == job, jobs.c.state == "running")).scalar()
        database.close()
        return None if name is None else int(name.rpartition(":")[2])

    def end(self) -> None:
        """Stop it in good order."""
        self.root.terminate()
        self.root.join(60)


def _serve(settings: Any, service_settings: Any, port: int, processes: int, workers: int) -> None:
    from api.commands.serving import listening
    from api.service.kinds import LONG
    from api.service.processes import answer, work
    from api.service.supervisor import Role, Supervisor, stopping
    from api.service.worker import Pace

    stop = stopping()
    pace = Pace(lease=6.0, beat=0.5, grace=1.0)
    with listening("127.0.0.1", port) as place:
        roles = [Role(f"server {n}", answer, (settings, service_settings, place)) for n in range(processes)]
        for number in range(workers):
            without = LONG if number == 1 else frozenset()
            roles.append(Role(f"worker {number}", work, (settings, service_settings, without, pace)))
        Supervisor(roles).run(stop)


def _descendants(pid: int) -> list[int]:
    """The processes that a process began, and those that they began; those last begun first."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [*_descendants(child), child]
    return found


def _called(pid: int) -> str:
    """The name of a process."""
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


def patiently(ask: Callable[[], httpx.Response]) -> Any:
    """The answer to a question that is asked again while nobody answers, as any client on a network has to."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            answer = ask()
            if answer.status_code < 500:
                return answer
        except httpx.HTTPError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError("nobody answers any more")
        time.sleep(0.1)


@contextlib.contextmanager
def prepared(cast: Cast) -> Iterator[Stage]:
    """A service with an empty home."""
    from api.home import Home
    from api.service.settings import ServiceSettings
    from api.settings import Settings
    from ledger.vault import Vault

    with tempfile.TemporaryDirectory(prefix="stemmata-kills-") as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        path = Path(folder)
        settings = Settings(
            home=path / "home",
            passphrase=PASSPHRASE_NOT_SECRET,
            instrument=None,
            rpc_url=cast.rpc,
            deployment=cast.deployment,
        )
        home = Home(settings)
        Vault.open(home.folder("vault"), PASSPHRASE_NOT_SECRET, scrypt_n=2**12)
        (home.folder("presets") / "micro.yaml").write_text(PRESET.replace("STEPS", str(cast.steps)))
        with home.ledger():
            pass
        database = cast.database or f"sqlite:///{home.path / 'service.sqlite'}"
        service_settings = ServiceSettings(site=f"http://127.0.0.1:{port}", database=database, rate=10_000)
        stage = Stage(cast, settings, service_settings, home, path, port)
        stage.begin()
        try:
            yield stage
        finally:
            stage.end()
