"""Gas of every action that costs some, in named situations, on Ganache or on the chain in the process.

    python benchmarks/gas.py                 # on Ganache: npm ci --prefix contracts first
    python benchmarks/gas.py --write         # and keep: benchmarks/gas.md, benchmarks/gas.json

What is done, and in what order, is in gas_actions.py.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ledger.keys import LocalSigner

FOLDER = Path(__file__).resolve().parent
sys.path += [str(FOLDER), str(FOLDER.parent / "tests")]
import ganache_server  # noqa: E402
from gas_actions import WEI, Recorder, Row, measure  # noqa: E402

PAGE, KEPT = FOLDER / "gas.md", FOLDER / "gas.json"
UPDATE = "python benchmarks/gas.py --write"

# What an action may cost, and the situation that this is read for: what most calls will be like.
TARGETS = {
    "register a dataset": (150_000, "the first of all"),
    "buy a license": (95_000, "a new buyer, of a holder who has sold before"),
    "record a training run over 4 datasets": (190_000, "a new trainer"),
    "mint a track": (130_000, "a licensed creator's first"),
    "anchor 1000 tracks": (50_000, "any"),
    "mint one by proof": (125_000, "a licensed creator's next"),
    "pull a royalty among 10 holders": (75_000, "a holder's first"),
}
# What others pay for the like, measured with the same compiler and settings.
_MINT = ("OpenZeppelin mint, 3 digests, ERC-2981, no look-up", 159_129)
PEERS = {
    "register a dataset": ("mint with URI, hash and royalty", 215_866),
    "buy a license": ("OpenZeppelin mint to a new owner, nothing paid", 73_660),
    "record a training run over 4 datasets": ("EAS attestation", 309_547),
    "mint a track": _MINT,
    "mint a track by voucher": _MINT,
    "mint one by proof": _MINT,
    "anchor 1000 tracks": ("a Merkle root for 1000 in a slot", 48_321),
    "pay 10 holders, so that each can pull": ("accumulator", 27_717),
    "pay 10 holders, until each has pulled": ("push to all ten", 367_403),
}


@contextlib.contextmanager
def opened(kind: str) -> Iterator[tuple[Recorder, LocalSigner]]:
    """A new chain of a kind, ``ganache`` or ``embedded``, and somebody rich on it."""
    if kind == "embedded":
        with tempfile.TemporaryDirectory() as folder, Recorder.open_embedded(Path(folder)) as chain:
            rich = LocalSigner(hashlib.sha256(b"gas: somebody rich").digest())
            chain.fund(rich.address, 100 * WEI)
            yield chain, rich
        return
    server, url = ganache_server.start()
    try:
        ganache_server.wait(server, url)
        with Recorder.open_rpc(url) as chain:
            yield chain, LocalSigner(ganache_server.RICH[0].to_bytes(32))
    finally:
        server.kill()
        server.wait()


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table, actions together, and below it which situations exceed a target."""
    lines = ["| action | situation | gas | target | peer | ratio |", "|---|---|---:|---:|---|---:|"]
    above = []
    order = [*dict.fromkeys(row.action for row in rows if row.action != "deploy"), "deploy"]
    for row in sorted(rows, key=lambda row: order.index(row.action)):
        most, read = TARGETS.get(row.action, (None, ""))
        mark = "" if most is None else f"**{most:,}**" if row.situation == read else f"{most:,}"
        if most is not None and row.gas > most:
            above.append(f"- {row.action}, {row.situation}: {row.gas - most:,} above {most:,}")
        name, figure = PEERS.get(row.action, ("", 0))
        beside = f"{name}: {figure:,} | {row.gas / figure:.2f}" if name else " | "
        lines.append(f"| {row.action} | {row.situation} | {row.gas:,} | {mark} | {beside} |")
    missed = [action for action, (most, read) in TARGETS.items() if _gas(rows, action, read) > most]
    lines += ["", f"Targets that are missed where they are read: {', '.join(missed) or 'none'}."]
    if above:
        lines += ["", "Situations above their action's target:", "", *above]
    return "\n".join(lines)


def _gas(rows: list[Row], action: str, situation: str) -> int:
    return next(row.gas for row in rows if (row.action, row.situation) == (action, situation))


def page(rows: list[Row]) -> str:
    """What gas.md has to say: the words that are there, and the table of these rows."""
    return PAGE.read_text("utf-8").partition("| action |")[0] + table(rows) + "\n"


def kept() -> list[Row]:
    """The rows of gas.json."""
    return [Row(**row) for row in json.loads(KEPT.read_text("utf-8"))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chain", choices=("ganache", "embedded"), default="ganache")
    parser.add_argument("--write", action="store_true", help="write gas.md and gas.json beside this program")
    options = parser.parse_args()
    with opened(options.chain) as (chain, rich):
        rows = measure(chain, rich)
    print(table(rows))
    if options.write:
        figures = [{"action": row.action, "situation": row.situation, "gas": row.gas} for row in rows]
        KEPT.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
        PAGE.write_text(page(rows), "utf-8")


if __name__ == "__main__":
    main()
