"""Foundry: the fuzz and invariant tests of tests/forge, and what of the contracts they reach."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.integration

# Sources that declare and do nothing.
CODELESS = {"contracts/Refusals.sol", "contracts/Uses.sol"}


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


def test_every_line_and_branch_of_our_own_is_reached():
    # By the tests that say what they expect: what a random walk happens to pass is not counted.
    forge("coverage", "--no-match-contract", "EconomyTest")
    report = (ROOT / "build" / "forge" / "lcov.info").read_text()
    missed = []
    for entry in report.split("end_of_record"):
        lines = [line.partition(":") for line in entry.split()]
        said = {name: value for name, _, value in lines if name in {"SF", "LF", "LH", "BRF", "BRH"}}
        if not said:
            continue
        assert Path(said["SF"]).parent == Path("contracts")
        if said["LF"] != said["LH"] or said["BRF"] != said["BRH"]:
            missed.append(f"{said['SF']}: {said['LH']} of {said['LF']} lines, {said['BRH']} of {said['BRF']} branches")
    assert not missed, "\n".join(missed)
    ours = {f"contracts/{path.name}" for path in (ROOT / "contracts").glob("*.sol")}
    assert ours - {line[3:] for line in report.splitlines() if line.startswith("SF:")} <= CODELESS
