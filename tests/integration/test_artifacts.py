"""The committed artifacts are what the sources compile to, and the check says so when they are not."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "contracts" / "node_modules"

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", autouse=True)
def _compiler():
    pytest.importorskip("solcx")
    if not (MODULES / "@openzeppelin").is_dir():
        pytest.skip("OpenZeppelin's sources are not installed; run: npm ci --prefix contracts")
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")


def _check(root: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, root / "scripts" / "compile_contracts.py", "--check"]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_the_committed_artifacts_are_in_step():
    run = _check(ROOT)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "the artifacts are what the sources compile to\n"


def test_every_artifact_that_is_out_of_step_is_named(tmp_path):
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copytree(ROOT / "ledger" / "artifacts", tmp_path / "ledger" / "artifacts")
    shutil.copytree(ROOT / "contracts", tmp_path / "contracts", ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / "contracts" / "node_modules").symlink_to(MODULES)
    market = tmp_path / "contracts" / "Market.sol"
    market.write_text(market.read_text().replace("price - royalty", "price - royalty - 1"))
    artifacts = tmp_path / "ledger" / "artifacts"
    models = json.loads((artifacts / "Models.json").read_text())
    models["abi"] = models["abi"][1:]
    (artifacts / "Models.json").write_text(json.dumps(models, indent=1, sort_keys=True) + "\n")
    (artifacts / "Datasets.json").unlink()
    (artifacts / "Ghost.json").write_text("{}")
    run = _check(tmp_path)
    assert run.returncode == 1
    lines = run.stderr.splitlines()
    assert lines[:4] == [
        "Datasets.json is missing",
        "Market.json is out of step with the sources: bytecode, sources",
        "Models.json is out of step with the sources: abi",
        "Ghost.json belongs to no contract",
    ]
    assert lines[4] == "run: python scripts/compile_contracts.py"
