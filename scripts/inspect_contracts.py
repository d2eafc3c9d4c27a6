#!/usr/bin/env python
"""Look for faults in the contracts with slither; exit 1 on any of high or medium impact that is not accepted below.

Before the first run: ``npm ci --prefix contracts`` (forge, with which slither compiles, and OpenZeppelin's sources) and
``pip install -e '.[dev]'``. Mend what is found. What is no fault is accepted by its one place, with the reason; what is
accepted and found no more has to go from the list.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / "contracts" / "node_modules" / ".bin"
BUILD = ROOT / "build" / "slither"
ACCEPTED = {
    "arbitrary-send-erc20 Market.buy": "an ERC-721: the seller listed this token and approved this contract for it",
    "arbitrary-send-eth Market._payRoyalty": "to the track's royalty account, out of what the buyer sent",
    "arbitrary-send-eth Split._pay": "what is due to a share, to its owner; the books are written before",
    "incorrect-equality Split._pay": "nothing is due at zero only; whoever sends money makes more due, never less",
    "unused-return Epochs.propose": "only that the tree is whole matters, not where the shown share lies in it",
    "unused-return Licenses.royaltiesOf": "of an offer only the terms: its owner and its end do not matter",
    "unused-return Models._owedBy": "called for its refusals: what is owed to a parent is written in the parent's dues",
    "unused-return Royalties.open": "the clone's address is the one that was predicted, and is returned",
    "unused-return Vouchers._requireSigned": "the fault is looked at; its argument only says more about it",
}


def inspect() -> list[dict[str, Any]]:
    """What slither finds in our own files, of high or medium impact."""
    slither = shutil.which("slither", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if slither is None:
        sys.exit("slither is not installed; run: pip install -e '.[dev]'")
    if not (BIN / "forge").exists() or shutil.which("node") is None:
        sys.exit("Node or forge is missing; install Node and run: npm ci --prefix contracts")
    # A build of its own: slither deletes the one it finds.
    places = {"FOUNDRY_OUT": str(BUILD / "out"), "FOUNDRY_CACHE_PATH": str(BUILD / "cache")}
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [slither, ".", "--filter-paths", "node_modules", "--json", str(report), "--fail-none"]
        command += ["--exclude-low", "--exclude-informational", "--exclude-optimization"]
        environment = {**os.environ, **places, "PATH": path}
        run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if run.returncode != 0 or not report.is_file():
            sys.exit(f"slither failed:\n{run.stdout}{run.stderr}")
        said = json.loads(report.read_text("utf-8"))
    if not said["success"]:
        sys.exit(f"slither failed:\n{said['error']}")
    return list(said["results"].get("detectors", []))


def place(finding: dict[str, Any]) -> str:
    """The detector, and the contract and function it points at."""
    first = finding["elements"][0]
    parent = first["type_specific_fields"].get("parent") if "type_specific_fields" in first else None
    while parent and parent["type"] not in {"contract", "function"}:
        parent = parent["type_specific_fields"].get("parent")
    owner = f"{parent['name']}." if parent else ""
    return f"{finding['check']} {owner}{first['name']}"


def main() -> None:
    findings = inspect()
    lines = [
        f"{place(finding)} ({finding['impact'].lower()} impact)\n{finding['description']}"
        for finding in findings
        if place(finding) not in ACCEPTED
    ]
    gone = ACCEPTED.keys() - {place(finding) for finding in findings}
    lines += [f"{name}: accepted, and found no more; take it from the list" for name in sorted(gone)]
    if lines:
        sys.exit("\n".join(lines))
    print(f"slither finds nothing but what is accepted, with its reason, in {len(ACCEPTED)} places")


if __name__ == "__main__":
    main()
