"""The README's own commands, in a fresh clone and a fresh environment, and what it says one will see."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.integration


def blocks(language: str) -> list[str]:
    """The README's code blocks of one language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), flags=re.DOTALL)


def as_pattern(line: str) -> re.Pattern[str]:
    """A line of expected output; ``…`` stands for anything."""
    return re.compile(".*".join(re.escape(part.strip()) for part in line.split("…")))


def missing(expected: str, output: str) -> list[str]:
    """The expected lines that do not appear, in order, in the output."""
    lines = iter(output.splitlines())
    return [
        line
        for line in expected.splitlines()
        if line.strip() and not any(as_pattern(line).search(seen) for seen in lines)
    ]


def test_expected_lines_are_compared_in_order() -> None:
    assert missing("a …\nb", "a 1\nx\nb\n") == []
    assert missing("b\na …", "a 1\nb\n") == ["a …"]


def test_the_first_command_installs_and_tells_the_story(tmp_path: Path) -> None:
    clone = tmp_path / "stemmata"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    home = tmp_path / "nobody"
    home.mkdir()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("STEMMATA_", "VIRTUAL_ENV", "PYTHON"))
    }
    done = subprocess.run(
        ["bash", "-c", blocks("sh")[0]],
        cwd=clone,
        # Python compiles what it imports; for pip to compile all there is would take as long as the rest.
        env={**environment, "HOME": str(home), "PIP_CACHE_DIR": _pip_cache(), "PIP_COMPILE": "no"},
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert missing(blocks("text")[0], done.stdout) == [], done.stdout
    shutil.rmtree(clone)


def _pip_cache() -> str:
    """The cache that pip uses here anyway, so that a test run does not load everything twice."""
    cache = subprocess.run(["python3", "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=False)
    return cache.stdout.strip()


def test_the_second_command_is_what_continuous_integration_runs() -> None:
    command = blocks("sh")[1].strip()
    assert command == "scripts/test"
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == f"exec {command}"
