"""The stand-alone verifier of bundles, run where nothing of Stemmata's can be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent.parent / "scripts" / "verify_bundle.py"
_ALONE = """import runpy, sys
sys.modules.update(dict.fromkeys(("ledger", "gen", "api", "scripts")))  # None there: importing it fails
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")"""
VERDICTS = {0: "verified", 3: "unknown", 4: "invalid", 5: "unverifiable"}


def alone(bundle: Path, file: Path) -> str:
    """The verdict by exit code, which is the one that it prints."""
    command = [sys.executable, "-c", _ALONE, str(SCRIPT), str(bundle), str(file)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=bundle.parent)
    assert run.returncode in VERDICTS, run.stderr
    assert run.stdout.splitlines()[0] == f"verdict: {VERDICTS[run.returncode]}", run.stdout + run.stderr
    return VERDICTS[run.returncode]
