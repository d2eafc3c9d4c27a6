"""An auditor's machine: the package as `pip install .` puts it there, and no torch."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.integration

FEW = """
from collections import Counter
from hypothesis import settings

settings.register_profile("few", max_examples=5)
settings.load_profile("few")

def pytest_collection_modifyitems(config, items):
    seen, left = Counter(), []
    for item in items[:]:
        of = item.nodeid.partition("[")[0]
        seen[of] += 1
        if seen[of] > 2:
            items.remove(item)
            left.append(item)
    config.hook.pytest_deselected(items=left)
"""


def run(*command: str | Path, cwd: Path) -> str:
    # What is compiled is kept, since pip compiles nothing here.
    dropped = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    result = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=1800
    )
    assert result.returncode == 0, f"{' '.join(map(str, command))}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with the package, without extras, and what runs tests."""
    folder = tmp_path_factory.mktemp("auditor")
    venv.create(folder / "venv")
    interpreter = folder / "venv" / "bin" / "python"
    # By the pip that is here; not compiled, since Python compiles what it imports.
    pip = (sys.executable, "-m", "pip", "--python", interpreter, "install", "--quiet", "--no-compile")
    run(*pip, ROOT, "pytest>=8.3", "hypothesis>=6.100", cwd=folder)
    return interpreter


def test_torch_and_librosa_are_not_there(python: Path, tmp_path: Path) -> None:
    program = "from importlib.util import find_spec; print([n for n in ('torch', 'librosa', 'numba') if find_spec(n)])"
    assert run(python, "-c", program, cwd=tmp_path).strip() == "[]"


def test_the_ledger_is_the_installed_one(python: Path, tmp_path: Path) -> None:
    path = run(python, "-c", "import ledger; print(ledger.__file__)", cwd=tmp_path)
    assert "site-packages" in path


def test_the_tests_of_the_ledger_pass(python: Path, tmp_path: Path) -> None:
    # Run from elsewhere, with the tests alone in sight: the source tree must not stand in for the package.
    tests = tmp_path / "tests"
    tests.mkdir()
    shared = [path for path in (ROOT / "tests").glob("*.py") if not path.name.startswith("test_")]
    for path in (*shared, ROOT / "tests" / "ledger", ROOT / "tests" / "vectors"):
        (tests / path.name).symlink_to(path)
    for name in ("docs", "scripts"):  # some tests hold tables, and the verifier that stands alone, to the code
        (tmp_path / name).symlink_to(ROOT / name)
    (tests / "test_place.py").write_text("import ledger\ndef test_place(): assert 'site-packages' in ledger.__file__\n")
    # What is asked here is whether torch is missed: laws that do not say on how many are tried on few examples, tests
    # of many cases on two of them.
    (tmp_path / "few.py").write_text(FEW)
    settings = ("-p", "few", "-c", ROOT / "pyproject.toml", "-o", "pythonpath=", "--rootdir", tmp_path)
    output = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *settings, tests, cwd=tmp_path)
    assert " passed" in output
    assert "failed" not in output


def test_the_command_line_starts(python: Path, tmp_path: Path) -> None:
    assert "audit" in run(python.parent / "stemmata", "--help", cwd=tmp_path)
