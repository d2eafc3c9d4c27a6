"""docs/security.md names tests: each of them is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_test_that_the_page_names_is_there() -> None:
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    named = re.findall(r"`(test_\w+\.py)(?:: (test_\w+)(\*?))?`", page)
    assert len(named) > 20
    for file, name, more in named:
        (found,) = (ROOT / "tests").glob(f"*/{file}")
        end = "" if more or not name else r"\("
        assert re.search(rf"^def {name or 'test_'}{end}", found.read_text("utf-8"), re.MULTILINE), f"{file}: {name}"
