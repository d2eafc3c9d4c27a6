"""How many requests a second the service answers, beside a bare FastAPI route that returns the same bytes.

    python benchmarks/service.py [--tracks 1000000] [--processes 2] [--seconds 8] [--rounds 3] [--quick]

Needs Debian's `wrk`. Fills the directory of a new home with made-up tracks (a chain of a million would take days; what
is asked is the same), serves it as `stemmata serve` does, and asks for the digests of known tracks, drawn at random.
Beside it a bare application of one route runs on as many processes, with uvicorn's own settings. The two take turns, so
that a machine that is busy for a while is busy for both; a ratio is the median of the ratios within each round. Prints
Markdown.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import multiprocessing
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ASKED = 200_000
"""Different tracks that are asked for."""
ACCOUNTS = 5_000

# What a look-up answers, to a byte as long: the bare route returns it whatever it is asked for.
SCRIPT = """
local paths, at = {}, 0
function init(arguments)
  for line in io.lines(arguments[1]) do paths[#paths + 1] = line end
  math.randomseed(os.time())
  at = math.random(#paths)
end
function request()
  at = at % #paths + 1
  return wrk.format("GET", paths[at])
end
"""
PAUSE = "function delay() return math.random(0, %d) end\n"
REPORT = """
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("said %d %d %d %.3f %.3f %.3f %.3f\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50) / 1000,
    latency:percentile(95) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
"""


@dataclass(frozen=True)
class Told:
    """What wrk says: requests a second, errors, and milliseconds by percentile; and the processor time of each request
    on the other side, in microseconds, which depends little on what else the machine does."""

    rate: float
    errors: int
    p50: float
    p95: float
    p99: float
    longest: float
    cost: float


@dataclass(frozen=True)
class Served:
    """Where processes answer, and which they are."""

    address: str
    processes: Sequence[int]

    def spent(self) -> float:
        """Seconds of processor time that they have taken (proc(5), stat)."""
        fields = [Path(f"/proc/{each}/stat").read_text().rpartition(") ")[2].split() for each in self.processes]
        return sum(int(user) + int(system) for user, system in (each[11:13] for each in fields)) / os.sysconf(
            "SC_CLK_TCK"
        )


def digest(number: int) -> bytes:
    """That of a track's file."""
    return hashlib.sha256(b"track %d" % number).digest()


def fill(url: str, count: int) -> None:
    """A directory of so many tracks."""
    from api.service.database import Database
    from api.service.entries import tracks
    from ledger.address import Address
    from ledger.cid import Cid

    database, chance = Database.open(url), random.Random(5)
    accounts = [str(Address(chance.randbytes(20))) for _ in range(ACCOUNTS)]
    with database.changing() as connection:
        if not database.shared:
            connection.exec_driver_sql("pragma cache_size = -1000000")  # keys come in no order
        for begin in range(0, count, 10_000):
            connection.execute(
                tracks.insert(),
                [
                    {
                        "id": hashlib.blake2b(b"%d" % number, digest_size=8).digest(),
                        "audio": digest(number),
                        "claim": chance.randbytes(32),
                        "record": chance.randbytes(32),
                        "cid": str(Cid.of_digest(chance.randbytes(32))),
                        "model": 1 + number % 50,
                        "creator": accounts[number % ACCOUNTS],
                        "owner": accounts[number * 7 % ACCOUNTS],
                        "royalty_ppm": 100_000,
                        "sellable": False,
                        "block": number,
                        "time": 1_790_000_000 + number,
                        "tx": "0x" + chance.randbytes(32).hex(),
                    }
                    for number in range(begin, min(begin + 10_000, count))
                ],
            )
    database.close()


def answer_bare(place: socket.socket, body: bytes) -> None:
    """The reference: one route, no settings."""
    import uvicorn
    from fastapi import FastAPI
    from fastapi.responses import Response

    app = FastAPI()

    @app.get("/v1/lookup/sha256/{digest}")
    async def same(digest: str) -> Response:
        return Response(body, media_type="application/json")

    uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning")).run(sockets=[place])


def answer_whole(place: socket.socket, home: Path, url: str, log: Path) -> None:
    """The service as it is, but for the limit on one network address; its log goes to a file."""
    from api.service.processes import answer
    from api.service.settings import ServiceSettings
    from api.settings import Settings

    with log.open("w") as file:
        os.dup2(file.fileno(), 2)
        settings = ServiceSettings(database=url, rate=10**6)
        answer(Settings(home=home), settings, place, True)


@contextlib.contextmanager
def serving(work: Callable[..., None], processes: int, *arguments: object) -> Iterator[Served]:
    """So many processes behind one address."""
    with socket.socket() as place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", 0))
        place.listen(2048)
        start = multiprocessing.get_context("spawn")
        children = [start.Process(target=work, args=(place, *arguments)) for _ in range(processes)]
        for child in children:
            child.start()
        address = f"http://127.0.0.1:{place.getsockname()[1]}"
        try:
            time.sleep(2)
            for _ in range(10 * processes):  # the first ones wait until all is imported
                with contextlib.suppress(OSError), urllib.request.urlopen(address + "/v1/lookup/sha256/x", timeout=60):
                    pass
            yield Served(address, [child.pid or 0 for child in children])
        finally:
            for child in children:
                child.terminate()
            for child in children:
                child.join()


def ask(served: Served, script: Path, paths: Path, connections: int, seconds: int, threads: int = 1) -> Told:
    """Let wrk ask."""
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script)]
    command += [served.address, "--", str(paths)]
    before = served.spent()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"^said (.*)$", done.stdout, re.MULTILINE)
    if found is None:
        sys.exit(f"wrk says what is not understood: {done.stdout}")
    spent = served.spent() - before
    requests, micros, errors, p50, p95, p99, longest = map(float, found[1].split())
    return Told(requests / micros * 1e6, int(errors), p50, p95, p99, longest, spent / requests * 1e6)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tracks", type=int, default=1_000_000, help="in the directory (1000000)")
    parser.add_argument("--processes", type=int, default=2, help="that answer (2)")
    parser.add_argument("--seconds", type=int, default=8, help="of each measurement (8)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each (3)")
    parser.add_argument("--database", help="postgresql://… instead of a SQLite file; it has to be empty")
    parser.add_argument("--quick", action="store_true", help="20000 tracks, one round of 2 s: to try the program")
    asked = parser.parse_args()
    if asked.quick:
        asked.tracks, asked.seconds, asked.rounds = 20_000, 2, 1
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="stemmata-service-") as name:
        folder = Path(name)
        url = asked.database or f"sqlite:///{folder / 'service.sqlite'}"
        begin = time.perf_counter()
        fill(url, asked.tracks)
        print(f"{asked.tracks} tracks, written in {time.perf_counter() - begin:.0f} s\n")
        measure(asked, folder, url)


def measure(asked: argparse.Namespace, folder: Path, url: str) -> None:
    """All tables."""
    from api.service.database import Database
    from api.service.lookups import Lookups

    numbers = random.Random(7).sample(range(asked.tracks), min(ASKED, asked.tracks))
    known, mixed = folder / "known.txt", folder / "mixed.txt"
    known.write_text("".join(f"/v1/lookup/sha256/{digest(number).hex()}\n" for number in numbers))
    mixed.write_text("".join(f"{path}\n" for path in _mix(numbers)))
    scripts = {name: folder / f"{name}.lua" for name in ("all", "half")}
    scripts["all"].write_text(SCRIPT + REPORT)
    database = Database.open(url)
    body = Lookups(database).find("audio", digest(numbers[0])) or b""
    database.close()
    with (
        serving(answer_whole, asked.processes, folder / "home", url, folder / "log") as whole,
        serving(answer_bare, asked.processes, body) as bare,
    ):
        with urllib.request.urlopen(f"{whole.address}{_path(numbers[0])}") as said:
            assert said.read() == body
        ours, theirs = [], []
        for _ in range(asked.rounds):
            theirs.append(ask(bare, scripts["all"], known, 32, asked.seconds))
            ours.append(ask(whole, scripts["all"], known, 32, asked.seconds))
        rate = statistics.median(told.rate for told in ours)
        # 64 connections that pause so long that together they ask half as often as they could.
        scripts["half"].write_text(SCRIPT + PAUSE % round(2 * 64 / (rate / 2) * 1000) + REPORT)
        halves = [ask(whole, scripts["half"], known, 64, asked.seconds) for _ in range(asked.rounds)]
        crowd = [ask(whole, scripts["all"], mixed, 200, asked.seconds) for _ in range(asked.rounds)]
    ratio = statistics.median(us.rate / them.rate for us, them in zip(ours, theirs, strict=True))
    cheaper = statistics.median(them.cost / us.cost for us, them in zip(ours, theirs, strict=True))
    print("| | requests/s | p50 ms | p99 ms | errors | processor µs a request |")
    print("|---|---|---|---|---|---|")
    _row(f"bare FastAPI route, the same {len(body)} bytes", theirs)
    _row("look-up by digest", ours)
    _row("look-up by digest, at about half that load", halves)
    _row("200 readers at once: look-ups, tracks, lists", crowd)
    print(
        f"\nThe look-up answers {ratio:.2f} times as many requests as the bare route, by processor time {cheaper:.2f}."
    )


def _path(number: int) -> str:
    return f"/v1/lookup/sha256/{digest(number).hex()}"


def _mix(numbers: Sequence[int]) -> Iterator[str]:
    """What readers ask: mostly look-ups, some of what there is none, tracks, and lists of twenty."""
    for place, number in enumerate(numbers[:20_000]):
        token = int.from_bytes(hashlib.blake2b(b"%d" % number, digest_size=8).digest())
        yield (
            f"/v1/tracks/{token}",
            f"/v1/lookup/watermark/{token:016x}",
            f"/v1/tracks?model={1 + number % 50}&most=20&order=newest",
            *[_path(number)] * 7,
        )[place % 10]


def _row(name: str, told: Sequence[Told]) -> None:
    names = ("rate", "p50", "p99", "cost")
    rate, p50, p99, cost = (statistics.median(getattr(each, name) for each in told) for name in names)
    print(f"| {name} | {rate:.0f} | {p50:.1f} | {p99:.1f} | {sum(each.errors for each in told)} | {cost:.0f} |")


if __name__ == "__main__":
    main()
