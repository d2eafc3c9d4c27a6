"""The stand-alone verifier of bundles, run where nothing of Stemmata's can be imported."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SCRIPT = Path(__file__).parent.parent / "scripts" / "verify_bundle.py"
_ALONE = """import contextlib, io, json, runpy, sys
sys.modules.update(dict.fromkeys(("ledger", "gen", "api", "scripts")))  # None there: importing it fails
sys.modules["rfc3987_syntax"] = None  # of jsonschema's formats, which nobody asks for: over a second to import
script, pairs = json.loads(sys.argv[1])
for sys.argv in ([script, *pair] for pair in pairs):
    with contextlib.redirect_stdout(io.StringIO()) as told:
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as end:
            code = end.code
    print(json.dumps([code, told.getvalue()]))"""
VERDICTS = {0: "verified", 3: "unknown", 4: "invalid", 5: "unverifiable"}


def alone(bundle: Path, file: Path) -> str:
    """The verdict by exit code, which is the one that it prints."""
    ((verdict, _),) = told_alone([(bundle, file)])
    return verdict


def told_alone(pairs: Sequence[tuple[Path, Path]]) -> list[tuple[str, str]]:
    """Of each bundle and file, one after the other in one process: the verdict, and all that is printed."""
    asked = json.dumps([str(SCRIPT), [[str(bundle), str(file)] for bundle, file in pairs]])
    command = [sys.executable, "-c", _ALONE, asked]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stderr
    found = [json.loads(line) for line in run.stdout.splitlines()]
    for code, told in found:
        assert told.splitlines()[0] == f"verdict: {VERDICTS[code]}", told + run.stderr
    return [(VERDICTS[code], told) for code, told in found]


def proofs_alone(bundle: Path, url: str) -> int:
    """The exit code of the verifier of proofs, which asks a node as well."""
    command = [sys.executable, "-I", str(SCRIPT.with_name("verify_proofs.py")), str(bundle), url]
    return subprocess.run(command, capture_output=True, check=False, timeout=120).returncode
