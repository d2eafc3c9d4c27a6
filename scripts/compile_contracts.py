#!/usr/bin/env python
"""Compile the contracts into ledger/artifacts, or check that what lies there is what the sources compile to.

Before the first run: ``npm ci --prefix contracts`` (OpenZeppelin's sources, and a compiler for machines where py-solc-x
has none). Only this script needs them: everything else runs from the artifacts.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "contracts"
ARTIFACTS = ROOT / "ledger" / "artifacts"
NAMES = ("Datasets", "Keys", "Licenses", "Market", "Models", "Royalties", "Split", "Tracks")
SOLC = "0.8.37"
SETTINGS: dict[str, Any] = {
    "evmVersion": "shanghai",
    "optimizer": {"enabled": True, "runs": 200},
    "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
}
_IMPORT = re.compile(r"""^import\s[^;"']*["']([^"']+)["']\s*;""", re.MULTILINE)


def gather(contract: str) -> dict[str, str]:
    """Every source that a contract needs, by the name the compiler knows it under."""
    sources: dict[str, str] = {}
    waiting = [f"{contract}.sol"]
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        folder = CONTRACTS / "node_modules" if name.startswith("@") else CONTRACTS
        try:
            sources[name] = (folder / name).read_text("utf-8")
        except FileNotFoundError:
            sys.exit(f"{folder / name} is missing; run: npm ci --prefix contracts")
        for target in _IMPORT.findall(sources[name]):
            relative = PurePosixPath(name).parent / target if target.startswith(".") else PurePosixPath(target)
            waiting.append(os.path.normpath(relative))
    return sources


def compiler() -> Path:
    """The compiler: py-solc-x's where one is installed, else npm's behind scripts/solc.js, else a download."""
    import solcx

    if SOLC not in {str(version) for version in solcx.get_installed_solc_versions()}:
        if (CONTRACTS / "node_modules" / "solc").is_dir():
            return ROOT / "scripts" / "solc.js"
        solcx.install_solc(SOLC)
    return Path(solcx.install.get_executable(SOLC))


def build() -> dict[str, str]:
    """Text of each artifact by its file name: the same from the same sources, on every machine."""
    import solcx

    sources = {name: gather(name) for name in NAMES}
    binary = compiler()
    version = str(solcx.wrapper.get_solc_version(binary))
    if version != SOLC:
        sys.exit(f"{binary} is version {version}; {SOLC} is needed (npm ci --prefix contracts)")
    given = {source: {"content": text} for needed in sources.values() for source, text in sorted(needed.items())}
    output = solcx.compile_standard(
        {"language": "Solidity", "sources": given, "settings": SETTINGS}, solc_binary=binary, allow_empty=False
    )
    ours = (message for message in output.get("errors", []) if not message["formattedMessage"].count("--> @"))
    for message in ours:
        sys.exit(f"the compiler warns, and the contracts are kept free of warnings:\n{message['formattedMessage']}")
    return {f"{name}.json": _artifact(name, output["contracts"][f"{name}.sol"][name], sources[name]) for name in NAMES}


def _artifact(name: str, compiled: Mapping[str, Any], sources: Mapping[str, str]) -> str:
    digests = {source: hashlib.sha256(text.encode()).hexdigest() for source, text in sources.items()}
    artifact = {
        "abi": compiled["abi"],
        "bytecode": "0x" + compiled["evm"]["bytecode"]["object"],
        "compiler": SOLC,
        "contract": name,
        "settings": {key: SETTINGS[key] for key in ("evmVersion", "optimizer")},
        "sources": digests,
    }
    return json.dumps(artifact, indent=1, sort_keys=True) + "\n"


def write(artifacts: Mapping[str, str]) -> None:
    """Put the artifacts in place, each whole or not at all."""
    ARTIFACTS.mkdir(exist_ok=True)
    for name, text in artifacts.items():
        with tempfile.NamedTemporaryFile("w", dir=ARTIFACTS, delete=False, encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).chmod(0o644)
        Path(file.name).replace(ARTIFACTS / name)


def differences(artifacts: Mapping[str, str], folder: Path = ARTIFACTS) -> list[str]:
    """What is out of step in ``folder``, one line per artifact."""
    lines = []
    for name, text in artifacts.items():
        path = folder / name
        if not path.is_file():
            lines.append(f"{name} is missing")
        elif path.read_text("utf-8") != text:
            fresh, kept = json.loads(text), json.loads(path.read_text("utf-8"))
            changed = sorted(key for key in fresh.keys() | kept.keys() if fresh.get(key) != kept.get(key))
            lines.append(f"{name} is out of step with the sources: {', '.join(changed) or 'formatting'}")
    extra = {path.name for path in folder.glob("*.json")} - artifacts.keys()
    return lines + [f"{name} belongs to no contract" for name in sorted(extra)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the artifacts are out of step")
    options = parser.parse_args()
    artifacts = build()
    if not options.check:
        write(artifacts)
        print(f"wrote {', '.join(artifacts)}")
        return
    if lines := differences(artifacts):
        sys.exit("\n".join([*lines, "run: python scripts/compile_contracts.py"]))
    print("the artifacts are what the sources compile to")


if __name__ == "__main__":
    main()
