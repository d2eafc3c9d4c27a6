"""Brownie, another way to meet the contracts: it compiles them itself, and runs tests/brownie on Ganache."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.integration


def test_the_contracts_hold_under_brownie():
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    if not (ROOT / "contracts" / "node_modules" / ".bin" / "ganache-cli").exists():
        pytest.skip("ganache is not installed; run: npm ci --prefix contracts")
    run = subprocess.run([ROOT / "scripts" / "brownie_test"], capture_output=True, text=True, timeout=900, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout
