"""slither finds no fault in the contracts, and would find one."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.integration

FAULTY = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;
contract Faulty {
    function destroy(address payable to) external { selfdestruct(to); }
}
"""


@pytest.fixture(autouse=True)
def _tools():
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    if not (ROOT / "contracts" / "node_modules" / ".bin" / "forge").exists():
        pytest.skip("forge is not installed, or not made for this machine; run: npm ci --prefix contracts")
    if importlib.util.find_spec("slither") is None:
        pytest.skip("slither is not installed; run: pip install -e '.[dev]'")


def inspect(root: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, root / "scripts" / "inspect_contracts.py"]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def test_slither_finds_nothing_that_is_not_accepted():
    run = inspect(ROOT)
    assert (run.returncode, run.stderr) == (0, "")
    assert "nothing but what is accepted" in run.stdout


def test_a_fault_is_named_and_so_is_what_is_no_longer_found(tmp_path):
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copy(ROOT / "foundry.toml", tmp_path)
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "node_modules").symlink_to(ROOT / "contracts" / "node_modules")
    (tmp_path / "contracts" / "Faulty.sol").write_text(FAULTY)
    run = inspect(tmp_path)
    assert run.returncode == 1
    assert "suicidal Faulty.destroy (high impact)" in run.stderr
    assert "arbitrary-send-eth Split._pay: accepted, and found no more" in run.stderr
