"""Tokens, wallets and holders that are contracts, some of them hostile: ``adversaries/*.sol``, compiled.

Their ABI and code lie in ``adversaries.json``, so that the everyday tests need no compiler. After a change run
``python tests/contracts/adversaries.py``; ``tests/integration/test_adversaries.py`` notices if that was forgotten.
"""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

from ledger.abi import Interface

FOLDER = Path(__file__).with_suffix("")
COMPILED = Path(__file__).with_suffix(".json")
COMPILE = Path(__file__).parents[2] / "scripts" / "compile_contracts.py"


@cache
def adversary(name: str) -> Interface:
    """The interface of one of them."""
    kept = json.loads(COMPILED.read_text("utf-8"))[name]
    return Interface(name, tuple(kept["abi"]), bytes.fromhex(kept["bytecode"]))


def build() -> str:
    """The text of ``adversaries.json``, with the compiler and the settings of the contracts."""
    import solcx

    spec = importlib.util.spec_from_file_location("compile_contracts", COMPILE)
    script: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    sources = {path.name: {"content": path.read_text("utf-8")} for path in sorted(FOLDER.glob("*.sol"))}
    output = solcx.compile_standard(
        {"language": "Solidity", "sources": sources, "settings": script.SETTINGS},
        solc_binary=script.compiler(),
        allow_empty=False,
    )
    compiled = {name: contract for file in output["contracts"].values() for name, contract in file.items()}
    kept = {
        name: {"abi": contract["abi"], "bytecode": contract["evm"]["bytecode"]["object"]}
        for name, contract in compiled.items()
        if contract["evm"]["bytecode"]["object"]
    }
    return json.dumps(kept, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    COMPILED.write_text(build(), "utf-8")
