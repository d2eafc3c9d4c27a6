"""Fuzz every parser that takes a stranger's bytes: python scripts/fuzz.py [PARSER ...] [--seconds 120]

With atheris (pip install '.[fuzz]') the way a parser takes leads to the next bytes; without it they are changed at
random. A parser has failed if it raises what it does not name, takes ten seconds over one input, or a gigabyte. What
it failed on lies in the folder of findings then; inputs that led somewhere new are kept there for the next run.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "fuzz")]

from mutate import mutated  # noqa: E402
from parser import Parser, Refuses  # noqa: E402
from parsers import PARSERS  # noqa: E402

SECONDS_AN_INPUT = 10
MEGABYTES = 1024


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("parsers", nargs="*", metavar="PARSER", help=f"one of {', '.join(PARSERS)}; all if none")
    arguments.add_argument("--seconds", type=int, default=120, help="for each parser [120]")
    arguments.add_argument("--findings", type=Path, default=ROOT / "build" / "fuzz", help="folder [build/fuzz]")
    arguments.add_argument("--plain", action="store_true", help="without atheris, although it is there")
    arguments.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if unknown := set(asked.parsers) - set(PARSERS):
        arguments.error(f"no such parser: {', '.join(sorted(unknown))}")
    guided = importlib.util.find_spec("atheris") is not None and not asked.plain
    if asked.alone:
        (_guided if guided else _plain)(PARSERS[asked.parsers[0]], asked.seconds, asked.findings)
        return 0
    print(
        f"{'guided by atheris' if guided else 'changed at random'}, {asked.seconds} s each; findings: {asked.findings}"
    )
    failed = [name for name in asked.parsers or PARSERS if not _one(name, asked)]
    print(f"failed: {', '.join(failed)}" if failed else "nothing failed")
    return 1 if failed else 0


def _one(name: str, asked: argparse.Namespace) -> bool:
    """One parser in a process of its own; its last lines if it fails."""
    begun = time.monotonic()
    command = [sys.executable, __file__, name, "--alone", "--seconds", str(asked.seconds), "--findings", asked.findings]
    done = subprocess.run(
        [*command, *(["--plain"] if asked.plain else [])], capture_output=True, text=True, errors="replace", check=False
    )
    said = done.stdout + done.stderr
    runs = [line.split() for line in said.splitlines() if line.startswith(("Done ", "#"))]
    count = next((line[1] for line in reversed(runs) if line[0] == "Done"), "?")
    print(
        f"{name:16} {time.monotonic() - begun:6.0f} s  {count:>9} inputs  {'ok' if done.returncode == 0 else 'FAILED'}",
        flush=True,
    )
    if done.returncode:
        print("\n".join(said.splitlines()[-60:]), flush=True)
    return done.returncode == 0


def _guided(parser: Parser, seconds: int, findings: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["ledger", "gen"], enable_loader_override=False):
        call, refuses = parser.open()
    corpus, seeds = findings / parser.name / "corpus", findings / parser.name / "seeds"
    for folder in (corpus, seeds):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(parser.seeds()):
        (seeds / f"{number}").write_bytes(seed)

    def one(data: bytes) -> None:
        _try(call, refuses, data)

    limits = (f"-max_total_time={seconds}", f"-timeout={SECONDS_AN_INPUT}", f"-rss_limit_mb={MEGABYTES}")
    places = (f"-artifact_prefix={findings / parser.name}/", str(corpus), str(seeds))
    atheris.Setup([sys.argv[0], *limits, "-max_len=65536", *places], one)
    atheris.Fuzz()


def _plain(parser: Parser, seconds: int, findings: Path) -> None:
    call, refuses = parser.open()
    seeds, luck = parser.seeds(), random.Random(parser.name)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (MEGABYTES << 20), resource.RLIM_INFINITY))
    end, count, last = time.monotonic() + seconds, 0, findings / parser.name / "last"
    last.parent.mkdir(parents=True, exist_ok=True)
    while time.monotonic() < end:
        data = mutated(seeds, luck)
        last.write_bytes(data)  # whatever ends this process, this is what it did it over
        signal.alarm(SECONDS_AN_INPUT)
        _try(call, refuses, data)
        signal.alarm(0)
        count += 1
    print(f"Done {count} inputs")


def _try(call: Callable[[bytes], object], refuses: Refuses, data: bytes) -> None:
    with contextlib.suppress(*refuses):
        call(data)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
