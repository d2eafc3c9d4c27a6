"""The page of a report in a real browser: nothing fetched, whole on a phone, and readable by everybody (axe-core)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from reported import Story, reported

from api.reports.html import page
from api.reports.texts import Language

pytestmark = pytest.mark.integration

TOOLS = Path(__file__).parents[1] / "browser"
LONG_TITLE = "A very long title of a dataset, as some people like to give them to their recordings of everything"
HOSTILE = "</title><script>fetch('http://127.0.0.1:9/')</script><img src=http://127.0.0.1:9/ onerror=alert(1)>"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def examined(source: str, folder: Path, width: int) -> dict[str, Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on the path; on Debian: apt-get install chromium")
    if shutil.which("node") is None or not (TOOLS / "node_modules" / "puppeteer-core").is_dir():
        pytest.skip("no axe-core; with Node: npm ci --prefix tests/browser")
    file = folder / "report.html"
    file.write_text(source)
    done = subprocess.run(
        ["node", TOOLS / "examine.mjs", CHROMIUM, file, str(width)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("width", [1100, 360])
def test_a_browser_finds_nothing_to_complain_of(tmp_path: Path, language: Language, width: int) -> None:
    found = examined(page(reported(Story(LONG_TITLE), language), "1.0"), tmp_path, width)
    assert found["violations"] == []
    # What axe-core cannot decide is contrast over drawings; tests/api/test_reports.py computes that.
    assert {one["id"] for one in found["undecided"]} <= {"color-contrast"}
    assert found["complaints"] == []
    assert [one.partition(":")[0] for one in found["requests"]] == ["file", "data"]
    assert found["styled"] == "8px" and found["pictures"] == [800]  # its own policy lets style and picture in
    assert found["scroll"] <= found["inner"]
    assert found["outside"] == [] and min(found["small"]) >= 11


def test_a_hostile_title_is_only_text(tmp_path: Path) -> None:
    found = examined(page(reported(Story(HOSTILE, HOSTILE, HOSTILE)), "1.0"), tmp_path, 1100)
    assert found["complaints"] == []
    assert [one.partition(":")[0] for one in found["requests"]] == ["file", "data"]
