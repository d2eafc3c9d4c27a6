"""Kill what serves and works in the middle of every kind of job, and see that nothing is lost and nothing doubled.

    python benchmarks/kills.py --kills 50
    python benchmarks/kills.py --kills 50 --database postgresql://USER:PASSWORD@HOST/NAME --processes 2
    python benchmarks/kills.py --kills 50 --rpc http://127.0.0.1:8545 --deployment deployment.json

With ``--rpc`` it is a Ganache, on which an account may be given money, and so a kill may fall between what is sent to a
network and what is written down.

Each round is a whole story through the HTTP API: a holder registers recordings, a creator buys a license, trains,
generates, mints, sells, and so on, each with keys of their own. The first round is told without any harm. In each later
one every job loses, at a random moment of its work, its worker, its own process, a process that answers requests, or
everything at once, by SIGKILL. A job counts as good if it ends as `done`, once, with what it ends with undisturbed, and
if the accounts have sent exactly as many transactions as they send undisturbed.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np

PASSPHRASE_NOT_SECRET = "of a benchmark"
VICTIMS = ("worker", "job", "server", "all")
SCOPES = ("read", "upload", "jobs", "money")
PRESET = """\
corpus: {most: 12.0}
segment: {seconds: 5.0}
latent: {size: 16}
generator: {codes: 16, hidden: 32, steps: 60, batch: 2, length: 8, free: 4, free_from: 2}
vocoder: {channels: 16, steps: 10, batch: 1, phase_refinement: 4}
"""
PATIENCE = 300.0


@dataclass
class Stage:
    """The service and its processes, as long as they live."""

    settings: Any
    service_settings: Any
    processes: int
    workers: int
    port: int = 0
    root: Any = None

    def begin(self) -> None:
        """Start everything, and wait until it answers."""
        arguments = (self.settings, self.service_settings, self.port, self.processes, self.workers)
        self.root = multiprocessing.get_context("spawn").Process(target=_serve, args=arguments)
        self.root.start()
        with client(self) as web:
            patiently(lambda: web.get("/v1/openapi.json").raise_for_status())

    def pids(self) -> list[int]:
        """All processes of the service, the first of them last."""
        return [*descendants(self.root.pid), self.root.pid]

    def kill(self, victim: str, worker: str | None) -> int:
        """Kill processes of a kind, and say how many. ``worker`` is the name of the one that has the job."""
        if victim == "all":
            found = self.pids()
        elif victim == "worker":
            found = [] if worker is None else [int(worker.rpartition(":")[2])]
        else:
            named = [pid for pid in self.pids() if called(pid).startswith(victim)]
            found = random.sample(named, min(1, len(named)))
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if victim == "all":
            self.root.join()
            self.begin()
        return len(found)

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


def descendants(pid: int) -> list[int]:
    """The processes that a process began, and those that they began; those last begun first."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [*descendants(child), child]
    return found


def called(pid: int) -> str:
    """The name of a process."""
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


def client(stage: Stage, token: str | None = None) -> httpx.Client:
    """Somebody who asks."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=f"http://127.0.0.1:{stage.port}", headers=headers, timeout=60)


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


@dataclass
class Actor:
    """An account with a key in the home, and a token."""

    address: Any
    token: str


@dataclass
class Round:
    """One story: who acts in it, and what came of it so far."""

    number: int
    actors: dict[str, Actor]
    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A job of the story: who asks, and for what, given what came before."""

    kind: str
    who: str | None
    request: Callable[[Round, httpx.Client], dict[str, Any]]


def steps(folder: Path) -> list[Step]:
    """All kinds of jobs, in an order in which each can be done."""

    def sent(web: httpx.Client, files: Mapping[str, bytes]) -> str:
        upload = patiently(lambda: web.post("/v1/uploads")).json()["id"]
        for name, content in files.items():
            patiently(lambda n=name, c=content: web.put(f"/v1/uploads/{upload}/files/{n}", content=c))
        return str(upload)

    def recordings(story: Round) -> dict[str, bytes]:
        return {f"take {n}.wav": music(2 * story.number + n, folder) for n in range(2)}

    def dataset(story: Round) -> int:
        return int(story.results["register"]["dataset"])

    def track(story: Round) -> str:
        return str(story.results["mint"]["track"])

    def minted(story: Round, web: httpx.Client) -> bytes:
        token = {"Authorization": f"Bearer {story.actors['creator'].token}"}
        path = f"/v1/jobs/{story.jobs['generate']}/files/track-1.wav"
        return bytes(patiently(lambda: web.get(path, headers=token)).content)

    terms = {"title": "studies", "license": "CC0-1.0", "price": "0.05", "share": "5"}
    license_ = {"subject": "dataset", "uses": ["train"]}
    return [
        Step("register", "holder", lambda story, web: {"upload": sent(web, recordings(story)), **terms}),
        Step("terms", "holder", lambda story, web: {"id": dataset(story), "price": "0.04"}),
        Step("license", "creator", lambda story, web: {"id": dataset(story), **license_}),
        Step(
            "grant",
            "holder",
            lambda story, web: {"id": dataset(story), **license_, "to": str(story.actors["buyer"].address)},
        ),
        Step("train", "creator", lambda story, web: {"datasets": [dataset(story)], "preset": "micro", "royalty": "10"}),
        Step(
            "generate",
            "creator",
            lambda story, web: {
                "model": story.results["train"]["model"],
                "seconds": 6,
                "variations": 2,
                "repeat_limit": 60,
            },
        ),
        Step("mint", "creator", lambda story, web: {"job": story.jobs["generate"], "file": "track-1.wav"}),
        Step("list", "creator", lambda story, web: {"track": track(story), "price": "1"}),
        Step("buy", "buyer", lambda story, web: {"track": track(story), "price": "1"}),
        Step("pull", "creator", lambda story, web: {"track": track(story), "everybody": True}),
        Step("income", "creator", lambda story, web: {}),
        Step("withdraw", "holder", lambda story, web: {"id": dataset(story)}),
        Step("audit", None, lambda story, web: {"file": minted(story, web)}),
        Step(
            "batch",
            "creator",
            lambda story, web: {
                "upload": sent(web, {"a.wav": minted(story, web), "b.wav": music(-1 - story.number, folder)})
            },
        ),
    ]


def music(seed: int, folder: Path) -> bytes:
    """Fifteen seconds of notes that follow from a number."""
    from gen.audio import save
    from gen.waveform import Waveform

    chance, rate = np.random.default_rng(abs(seed) + 1000 * (seed < 0)), 44100
    sound = np.zeros(15 * rate)
    for start in range(0, len(sound) - rate, rate // 4):
        pitch = 110.0 * 2 ** (chance.integers(0, 36) / 12)
        time_ = np.arange(rate) / rate
        note = sum(np.sin(2 * np.pi * pitch * k * time_) / k**1.5 for k in range(1, 7))
        sound[start : start + rate] += note * np.exp(-4 * time_) * chance.uniform(0.4, 1)
    path = folder / f"music {seed}.wav"
    save(path, Waveform((0.7 * sound / np.abs(sound).max())[None].astype(np.float32), rate))
    return path.read_bytes()


def ask(stage: Stage, story: Round, step: Step, harm: Callable[[], None] | None) -> dict[str, Any]:
    """Ask for a job, once, however often the request has to be sent; the job as it ended."""
    actor = None if step.who is None else story.actors[step.who]
    with client(stage, None if actor is None else actor.token) as web:
        request = step.request(story, web)
        if actor is None:
            asked = patiently(lambda: web.post("/v1/audits?name=found.wav", content=request["file"]))
        else:
            headers = {"Idempotency-Key": f"{story.number}-{step.kind}"}
            body = {"kind": step.kind, **request}
            if harm is not None and random.random() < 0.2:  # somebody may also die over the request itself
                threading.Timer(random.uniform(0, 0.02), stage.kill, ("server", None)).start()
            asked = patiently(lambda: web.post("/v1/jobs", json=body, headers=headers))
        assert asked.status_code == 202, asked.text
        here = asked.json()["links"]["self"]
        story.jobs[step.kind] = asked.json()["id"]
        deadline = time.monotonic() + PATIENCE
        while True:
            job: dict[str, Any] = patiently(lambda: web.get(here)).json()
            if job["state"] in ("done", "failed", "cancelled"):
                return job
            if job["state"] == "running" and harm is not None:
                harm()
                harm = None
            assert time.monotonic() < deadline, f"not done: {job}"
            time.sleep(0.05)


def in_work(job: Mapping[str, Any]) -> float:
    """Seconds from a job's beginning to its end."""
    begun, ended = (datetime.fromisoformat(job[name].replace("Z", "+00:00")) for name in ("begun", "ended"))
    return (ended - begun).total_seconds()


def sent_by(home: Any, story: Round) -> dict[str, int]:
    """How many transactions each account has sent."""
    with home.reading() as ledger:
        return {name: ledger.chain.nonce(actor.address) for name, actor in story.actors.items()}


def alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two outcomes are of one shape: the same fields, and as many things in each list."""

    def shape(value: Any, name: str = "") -> Any:
        if isinstance(value, Mapping):
            return {
                key: shape(part, key)
                for key, part in value.items()
                if key not in ("findings", "originality", "metrics")
            }
        if isinstance(value, list):
            return [shape(part) for part in value]
        return (
            value
            if name in ("verdict", "paid", "refused", "licenses", "market", "consent", "uses", "ends")
            else type(value).__name__
        )

    def settled(value: Mapping[str, Any]) -> Any:
        # Whoever comes back finds it done "already"; an offer that was taken is not told again.
        return shape({key: part for key, part in value.items() if key not in ("already", "offer", "evidence")})

    return bool(settled(one) == settled(other))


@contextlib.contextmanager
def prepared(arguments: argparse.Namespace) -> Iterator[tuple[Stage, Any, Path]]:
    """A service with an empty home."""
    import socket

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
            rpc_url=arguments.rpc,
            deployment=arguments.deployment,
        )
        home = Home(settings)
        Vault.open(home.folder("vault"), PASSPHRASE_NOT_SECRET, scrypt_n=2**12)
        (home.folder("presets") / "micro.yaml").write_text(PRESET)
        with home.ledger():
            pass
        database = arguments.database or f"sqlite:///{home.path / 'service.sqlite'}"
        service_settings = ServiceSettings(site=f"http://127.0.0.1:{port}", database=database, rate=10_000)
        stage = Stage(settings, service_settings, arguments.processes, arguments.workers, port)
        stage.begin()
        try:
            yield stage, home, path
        finally:
            stage.end()


def actors(stage: Stage, home: Any, number: int) -> dict[str, Actor]:
    """Three accounts that have not acted before."""
    from datetime import UTC

    from api.service.database import Database
    from api.service.tokens import Tokens

    database = Database.open(stage.service_settings.database)
    found = {}
    for name in ("holder", "creator", "buyer"):
        address = home.keystore().new(f"{name}-{number}", PASSPHRASE_NOT_SECRET, scrypt_n=2**12)
        secret = Tokens(database).make(address, "kills", SCOPES, 86_400, datetime.now(UTC))[1]
        if stage.settings.rpc_url is not None:
            call = {"jsonrpc": "2.0", "id": 1, "method": "evm_setAccountBalance", "params": [str(address), hex(10**21)]}
            httpx.post(stage.settings.rpc_url, json=call).raise_for_status()
        found[name] = Actor(address, secret)
    database.close()
    return found


def worker_of(stage: Stage, id_: str) -> str | None:
    """The name of the worker that has a job."""
    from sqlalchemy import select

    from api.service.database import Database
    from api.service.job import jobs

    database = Database.open(stage.service_settings.database)
    with database.reading() as connection:
        name: str | None = connection.execute(select(jobs.c.worker).where(jobs.c.id == id_)).scalar()
    database.close()
    return name


def main() -> None:
    """Tell the stories, and print what became of the jobs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--database")
    parser.add_argument("--rpc")
    parser.add_argument("--deployment", type=Path)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    calm: dict[str, tuple[float, Mapping[str, Any], dict[str, int], float]] = {}
    kills: Counter[tuple[str, str]] = Counter()
    waits: dict[str, list[float]] = {}
    bad: list[str] = []
    with prepared(arguments) as (stage, home, folder):
        for number in range(10_000):
            story = Round(number, actors(stage, home, number))
            for step in steps(folder):
                if sum(kills.values()) >= arguments.kills:
                    break
                before, began = sent_by(home, story), time.monotonic()
                victim = random.choice(VICTIMS)

                def harm(step: Step = step, victim: str = victim, story: Round = story) -> None:
                    time.sleep(random.uniform(0, calm[step.kind][3]))
                    if stage.kill(victim, worker_of(stage, story.jobs[step.kind])):
                        kills[step.kind, victim] += 1

                job = ask(stage, story, step, harm if number else None)
                took = time.monotonic() - began
                sent = {name: count - before[name] for name, count in sent_by(home, story).items()}
                story.results[step.kind] = job["result"] or {}
                if job["state"] != "done":
                    bad.append(f"round {number}, {step.kind}, {victim}: {job['state']} {job['problem']}")
                    break
                if not number:
                    calm[step.kind] = (took, job["result"], sent, in_work(job))
                    print(f"calm    {step.kind:<9}{took:6.1f} s, transactions {sum(sent.values())}", flush=True)
                    continue
                waits.setdefault(step.kind, []).append(took)
                print(f"round {number} {step.kind:<9}{victim:<7}{took:6.1f} s, tries {job['tries']}", flush=True)
                if sent != calm[step.kind][2]:
                    bad.append(
                        f"round {number}, {step.kind}, {victim}: sent {sent}, and undisturbed {calm[step.kind][2]}"
                    )
                if not alike(job["result"], calm[step.kind][1]):
                    bad.append(f"round {number}, {step.kind}, {victim}: ends with {job['result']}")
            if sum(kills.values()) >= arguments.kills or any("failed" in line for line in bad):
                break
    print(
        "\n| kind | undisturbed, s | kills of worker, job, server, all | with a kill, s (median) |\n|---|---|---|---|"
    )
    for kind, (took, _, _, _) in calm.items():
        counts = ", ".join(str(kills[kind, victim]) for victim in VICTIMS)
        middle = f"{np.median(waits[kind]):.1f}" if kind in waits else "-"
        print(f"| {kind} | {took:.1f} | {counts} | {middle} |")
    print(f"\n{sum(kills.values())} kills; {len(bad)} jobs lost, doubled or altered")
    for line in bad:
        print(f"  {line}")
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()
