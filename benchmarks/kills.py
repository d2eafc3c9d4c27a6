"""Kill what serves and works in the middle of every kind of job, and see that nothing is lost and nothing doubled.

    python benchmarks/kills.py --kills 50
    python benchmarks/kills.py --each 50 --tally kills
    python benchmarks/kills.py --each 50 --tally kills --database postgresql://USER:PASSWORD@HOST/NAME --processes 2
    python benchmarks/kills.py --kills 50 --rpc http://127.0.0.1:8545 --deployment deployment.json
    python benchmarks/kills.py --show kills

With ``--rpc`` it is a Ganache, on which an account may be given money, and so a kill may fall between what is sent to a
network and what is written down.

A story is told through the HTTP API: a holder registers recordings, a creator buys a license, trains, generates, mints,
sells, and so on. At first it is told without any harm. In each later telling every job loses, up to four times, at
random moments of its work, its worker, its own process, a process that answers requests, or everything at once, by
SIGKILL. A kill counts if the job was in work and something was there to be killed. A job counts as good if it ends as
`done`, once, with what it ends with undisturbed, and if the accounts have sent exactly as many transactions as they
send undisturbed.

With ``--each`` it is a short story of the kinds that take longest, told until each has had so many kills in all runs
that are kept in the folder of ``--tally``, of which several may go on at once. Without, each telling has accounts of
its own, and all kinds of jobs.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent))
from kills_stage import PATIENCE, VICTIMS, Cast, Stage, patiently, prepared
from kills_story import Book, Round, Step, actors
from kills_tally import Tally, Told, runs, table

NAMED = ("register", "train", "generate", "mint", "audit", "batch", "unlist")
NEEDS = {
    "mint": ("generate",),
    "mint-2": ("generate",),
    "list": ("mint",),
    "unlist": ("list",),
    "audit": ("mint",),
    "batch": ("mint",),
}
LIKELY = (4, 3, 3, 1)  # of VICTIMS; after the death of all it takes longest until anything goes on


@dataclass(frozen=True)
class Calm:
    """How a job goes undisturbed: what it ends with, what each account sends for it, and seconds in work."""

    result: Mapping[str, Any]
    sent: Mapping[str, int]
    seconds: float


class Teller:
    """Tells stories to a stage."""

    def __init__(self, stage: Stage, tally: Tally) -> None:
        self._stage, self._tally = stage, tally
        self._calm: dict[str, Calm] = {}

    def tell(self, story: Round, step: Step, harm: bool) -> bool:
        """Have one job done, with harm or without; False where the story cannot go on after it."""
        before, began = self._sent(story), time.monotonic()
        victims = _victims() if harm else []
        lost: list[str] = []
        try:
            job = self._ask(story, step, victims, lost)
        except (AssertionError, TimeoutError) as error:
            self._keep(step, lost, began, 0, f"round {story.number}: {error}")
            return False
        story.results[step.name] = job["result"] or {}
        sent = {name: count - before[name] for name, count in self._sent(story).items()}
        wrong = None
        if job["state"] != "done":
            wrong = f"{job['state']} {job['problem']}"
        elif not harm:
            self._calm[step.name] = Calm(job["result"], sent, _in_work(job))
            self._tally.run.calm.setdefault(step.kind, []).append(time.monotonic() - began)
        elif sent != self._calm[step.name].sent:
            wrong = f"sent {sent}, and undisturbed {self._calm[step.name].sent}"
        elif not _alike(job["result"], self._calm[step.name].result):
            wrong = f"ends with {job['result']}"
        if harm or wrong is not None:
            self._keep(step, lost, began, job["tries"], wrong and f"round {story.number}: {wrong}")
        else:
            print(f"calm  {step.name:<10}{time.monotonic() - began:6.1f} s", flush=True)
        return job["state"] == "done"

    def _keep(self, step: Step, lost: list[str], began: float, tries: int, wrong: str | None) -> None:
        told = Told(step.kind, tuple(lost), time.monotonic() - began, tries, wrong)
        self._tally.run.jobs.append(told)
        self._tally.run.keep()
        print(f"{step.name:<10}{', '.join(lost):<16}{told.seconds:6.1f} s, tries {tries} {wrong or ''}", flush=True)

    def _ask(self, story: Round, step: Step, victims: list[str], lost: list[str]) -> dict[str, Any]:
        """Ask for a job, once, however often the request has to be sent; the job as it ended."""
        actor = None if step.who is None else story.actors[step.who]
        with self._stage.client(None if actor is None else actor.token) as web:
            request = step.request(story, web)
            if actor is None:
                asked = patiently(lambda: web.post("/v1/audits?name=found.wav", content=request["file"]))
            else:
                headers = {"Idempotency-Key": f"{story.number}-{step.name}"}
                body = {"kind": step.kind, **request}
                if victims and random.random() < 0.1:  # somebody may also die over the request itself
                    threading.Timer(random.uniform(0, 0.02), self._stage.kill_a_server).start()
                asked = patiently(lambda: web.post("/v1/jobs", json=body, headers=headers))
            assert asked.status_code == 202, asked.text
            here, id_ = asked.json()["links"]["self"], asked.json()["id"]
            story.jobs[step.name] = id_
            deadline, tries = time.monotonic() + PATIENCE, 0
            while True:
                job: dict[str, Any] = patiently(lambda: web.get(here)).json()
                if job["state"] in ("done", "failed", "cancelled"):
                    return job
                if victims and job["state"] == "running" and job["tries"] > tries:
                    time.sleep(random.uniform(0, 0.9 * self._calm[step.name].seconds))
                    victim = victims.pop()
                    if self._stage.kill(victim, id_):
                        lost.append(victim)
                        tries = job["tries"] if victim != "server" else tries
                        deadline = time.monotonic() + PATIENCE
                assert time.monotonic() < deadline, f"not done: {job}"
                time.sleep(0.05 if victims else 0.3)

    def _sent(self, story: Round) -> dict[str, int]:
        """How many transactions each account has sent."""
        with self._stage.home.reading() as ledger:
            return {name: ledger.chain.nonce(actor.address) for name, actor in story.actors.items()}


def _victims() -> list[str]:
    """What a job is to lose, one after the other. A third death that is its own would rightly end it."""
    drawn = random.choices(VICTIMS, LIKELY, k=random.choice((2, 3, 4)))
    hard = [number for number, victim in enumerate(drawn) if victim != "server"]
    return [victim for number, victim in enumerate(drawn) if number not in hard[2:]]


def _in_work(job: Mapping[str, Any]) -> float:
    """Seconds from a job's beginning to its end."""
    begun, ended = (datetime.fromisoformat(job[name].replace("Z", "+00:00")) for name in ("begun", "ended"))
    return (ended - begun).total_seconds()


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two outcomes are of one shape: the same fields, and as many things in each list."""
    free = ("findings", "originality", "metrics")
    fixed = ("verdict", "paid", "refused", "licenses", "market", "consent", "uses", "ends")

    def shape(value: Any, name: str = "") -> Any:
        if isinstance(value, Mapping):
            return {key: shape(part, key) for key, part in value.items() if key not in free}
        if isinstance(value, list):
            return [shape(part) for part in value]
        return value if name in fixed else type(value).__name__

    def settled(value: Mapping[str, Any]) -> Any:
        # Whoever comes back finds it done "already"; an offer that was taken is not told again.
        return shape({key: part for key, part in value.items() if key not in ("already", "offer", "evidence")})

    return bool(settled(one) == settled(other))


def tell_whole(stage: Stage, tally: Tally, kills: int) -> None:
    """Whole stories, until there were so many kills in this run."""
    teller, book = Teller(stage, tally), Book(stage.folder)
    for number in range(10_000):
        story = Round(number, actors(stage, number))
        for step in book.whole():
            if sum(len(job.lost) for job in tally.run.jobs) >= kills:
                return
            if not teller.tell(story, step, harm=number > 0):
                return


def tell_short(stage: Stage, tally: Tally, each: int, minutes: float) -> None:
    """Short stories, until each kind had so many kills in all runs, or the time is over."""
    end, cast = time.monotonic() + 60 * minutes, actors(stage, 0)
    teller, book = Teller(stage, tally), Book(stage.folder)
    first = Round(0, cast)
    for step in book.before():
        if not teller.tell(first, step, harm=False):
            return
    steps = book.short(first.results["register"]["dataset"], first.results["train"]["model"])
    for number in range(1, 10_000):
        harm, story = number > 1, Round(number, cast)
        wanted = _wanted(tally, each)
        if harm and not wanted:
            return
        needed = _needed(steps, wanted)
        for step in steps:
            if time.monotonic() > end:
                return
            if harm and step.name not in needed:
                continue
            if not teller.tell(story, step, harm and step.kind in wanted):
                break


def _wanted(tally: Tally, each: int) -> set[str]:
    """Kinds that had too few kills so far."""
    kills = tally.kills()
    return {kind for kind in NAMED if kills[kind] < each}


def _needed(steps: list[Step], wanted: set[str]) -> set[str]:
    """The names of steps of these kinds, and of those that they need."""
    needed: set[str] = set()
    for step in reversed(steps):
        if step.kind in wanted or step.name in needed:
            needed |= {step.name, *NEEDS.get(step.name, ())}
    return needed


def main() -> None:
    """Tell the stories, and print what became of the jobs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--each", type=int)
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--tally", type=Path)
    parser.add_argument("--show", type=Path)
    parser.add_argument("--database")
    parser.add_argument("--rpc")
    parser.add_argument("--deployment", type=Path)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    if arguments.show is not None:
        print(table(runs(arguments.show)))
        return
    random.seed(arguments.seed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the service ends in good order then, too
    cast = Cast(
        arguments.database,
        arguments.rpc,
        arguments.deployment,
        arguments.processes,
        arguments.workers,
        steps=60 if arguments.each is None else 20,
    )
    with tempfile.TemporaryDirectory(prefix="stemmata-tally-") as own:
        folder = arguments.tally or Path(own)
        tally = Tally(folder, cast.described())
        with prepared(cast) as stage:
            if arguments.each is None:
                tell_whole(stage, tally, arguments.kills)
            else:
                tell_short(stage, tally, arguments.each, arguments.minutes)
        print(f"\n{table(runs(folder))}")
    raise SystemExit(1 if any(job.wrong for job in tally.run.jobs) else 0)


if __name__ == "__main__":
    main()
