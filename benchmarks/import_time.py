"""How long a cold start takes: each command as a ratio to ``python -c pass``, all measured in one run.

    python benchmarks/import_time.py [--rounds 7]

The commands take turns, so that a machine that is busy for a while is busy for all of them. Prints a Markdown table.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

BASE = "python -c pass"


def commands() -> dict[str, list[str]]:
    beside = Path(sys.executable).with_name("stemmata")
    program = str(beside) if beside.exists() else shutil.which("stemmata")
    if program is None:
        sys.exit("the program stemmata is not installed here; run: pip install -e .")
    python = [sys.executable, "-c"]
    return {
        BASE: [*python, "pass"],
        "import ledger": [*python, "import ledger"],
        "import ledger.store": [*python, "import ledger.store"],
        "import ledger.vault": [*python, "import ledger.vault"],
        "stemmata --help": [program, "--help"],
    }


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each command (7)")
    rounds = parser.parse_args().rounds
    if rounds < 1:
        parser.error("--rounds is at least 1")
    measured = commands()
    for command in measured.values():
        seconds(command)  # fills the file cache and writes byte code
    times: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(rounds):
        for name, command in measured.items():
            times[name].append(seconds(command))
    base = statistics.median(times[BASE])
    print(f"Median of {rounds} runs each, Python {sys.version.split()[0]}.\n")
    print("| command | milliseconds | least | ratio |\n|---|---:|---:|---:|")
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"| `{name}` | {median * 1000:.0f} | {min(taken) * 1000:.0f} | {median / base:.2f} |")


if __name__ == "__main__":
    main()
