"""Where tests lie: pyproject.toml lists the folders by name, for the order in which they are run."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_folder_with_tests_is_run() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]["ini_options"]
    there = {path for path in (ROOT / "tests").rglob("test_*.py") if "node_modules" not in path.parts}
    left_out = {path for path in there if path.relative_to(ROOT).parts[1] in settings["norecursedirs"]}
    run = {path for each in settings["testpaths"] for path in (ROOT / each, *(ROOT / each).rglob("test_*.py"))}
    assert there - left_out <= run
