"""The adversaries that the contracts are tried with are what their sources compile to."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = ROOT / "tests" / "contracts"

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", autouse=True)
def _compiler():
    pytest.importorskip("solcx")
    if not (ROOT / "contracts" / "node_modules" / "solc").is_dir():
        pytest.skip("the compiler is not installed; run: npm ci --prefix contracts")
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")


def test_the_committed_adversaries_are_what_their_sources_compile_to(tmp_path):
    folder = tmp_path / "tests" / "contracts"
    shutil.copytree(HERE / "adversaries", folder / "adversaries")
    shutil.copy(HERE / "adversaries.py", folder)
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    command = [sys.executable, folder / "adversaries.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert (run.returncode, run.stderr) == (0, "")
    assert (folder / "adversaries.json").read_text() == (HERE / "adversaries.json").read_text()
