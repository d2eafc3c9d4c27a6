"""Foundry: the fuzz and invariant tests of tests/forge, and what of the contracts they reach."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _forge():
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    if not (ROOT / "contracts" / "node_modules" / ".bin" / "forge").exists():
        pytest.skip("forge is not installed, or not made for this machine; run: npm ci --prefix contracts")


def forge(*arguments: str) -> str:
    command = [ROOT / "scripts" / "forge", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_the_contracts_hold_under_forge():
    assert "0 failed" in forge("test").splitlines()[-1]


def test_coverage_counts_the_branches_of_our_own_files():
    forge("coverage")
    report = (ROOT / "build" / "forge" / "lcov.info").read_text()
    files = {line.removeprefix("SF:") for line in report.splitlines() if line.startswith("SF:")}
    assert "contracts/Datasets.sol" in files
    assert {name for name in files if Path(name).parent != Path("contracts")} == set()
    assert "\nBRF:" in report
