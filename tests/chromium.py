"""Debian's Chromium, steered by Playwright, with axe-core: pages as people meet them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
AXE = Path(__file__).parent / "browser" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextlib.contextmanager
def opened() -> Iterator[Browser]:
    """A browser without a window; skips the test where there is none."""
    if PROGRAM is None:
        pytest.skip("no Chromium on the path; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@dataclass
class Visit:
    """An open page, every address it asked for, and everything the browser complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def strangers(self, site: str) -> list[str]:
        """What was asked of anybody but the site."""
        return [url for url in self.requests if not url.startswith((f"{site}/", "data:", "blob:"))]

    def is_whole(self) -> bool:
        """Whether nothing reaches out of the screen sideways."""
        wide, room = self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        return bool(wide <= room)

    def barriers(self) -> list[str]:
        """What keeps people from reading or using it: axe-core's violations of WCAG 2.2 AA, with where they are."""
        if not AXE.is_file():
            pytest.skip("no axe-core; with Node: npm ci --prefix tests/browser")
        self.page.evaluate(AXE.read_text())
        found: dict[str, Any] = self.page.evaluate("rules => axe.run(document, { runOnly: rules })", RULES)
        return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]


@contextlib.contextmanager
def visiting(
    browser: Browser, *, language: str = "en", width: int = 1280, dark: bool = False, scripts: bool = True
) -> Iterator[Visit]:
    """A page of somebody new, who has been nowhere yet."""
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        locale={"en": "en-GB", "es": "es-ES"}[language],
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        java_script_enabled=scripts,
    )
    try:
        visit = Visit(context.new_page())
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.on("console", lambda message: visit.complaints.append(message.text))
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        yield visit
    finally:
        context.close()
