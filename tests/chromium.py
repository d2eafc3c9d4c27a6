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
RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
SEEN = {
    "type": "rule",
    "values": ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"],
}
"""Of these, what depends on width and colours."""
WAYS = [(360, True), (1280, False), (360, False), (1280, True)]
"""Widths in pixels, and whether it is dark."""

REACHABLE = """() => {
  const all = document.querySelectorAll('a[href], button, input, select, textarea, summary, audio, [tabindex="0"]')
  window.reachable = [...all].filter(it => it.checkVisibility({ visibilityProperty: true })
    && it.type !== 'hidden' && !it.disabled && !(it.type === 'radio' && !it.checked))
  return window.reachable.map(it => it.outerHTML.slice(0, 150))
}"""
FOCUSED = """() => {
  const at = document.activeElement
  const { outlineStyle, outlineWidth } = getComputedStyle(at)
  const box = at.getBoundingClientRect()
  const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth
  return [window.reachable.indexOf(at), inside && outlineStyle !== 'none' && parseFloat(outlineWidth) > 1]
}"""
"""Where the focus is among those, and whether that is on the screen with a ring around it."""


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

    def barriers(self, rules: dict[str, Any] | None = None) -> list[str]:
        """What keeps people from reading or using it: axe-core's violations of WCAG 2.2 AA, with where they are."""
        if not AXE.is_file():
            pytest.skip("no axe-core; with Node: npm ci --prefix tests/browser")
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text())
        options = {"runOnly": rules or RULES, "resultTypes": ["violations"]}
        found: dict[str, Any] = self.page.evaluate("options => axe.run(document, options)", options)
        return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]

    def shut_out(self, url: str) -> list[str]:
        """Whom a page shuts out, of those who read either language, on a phone or at a desk, in light or in dark.

        All rules are tried once in each language, and in the other ways those that depend on width and colours.
        """
        found = []
        for language in ("en", "es"):
            self.page.goto(f"{url}?lang={language}", wait_until="load")
            if self.page.locator("html").get_attribute("lang") != language:
                found.append(f"{language}: in another language")
            self.page.locator("details:not([open]) > summary").evaluate_all(
                "all => all.slice(0, 3).map(it => it.click())"
            )
            for width, dark in WAYS:
                self.page.set_viewport_size({"width": width, "height": 800})
                self.page.emulate_media(color_scheme="dark" if dark else "light")
                way = f"{language}, {width} px, {'dark' if dark else 'light'}"
                if not self.is_whole():
                    found.append(f"{way}: reaches out of the screen")
                rules = RULES if (width, dark) == WAYS[0] else SEEN
                found += [f"{way}: {one}" for one in self.barriers(rules)]
        return found

    def lost_by_keyboard(self) -> list[str]:
        """What the key Tab does not reach in the order of the page, or reaches without showing where it is."""
        all_, lost, last = self.page.evaluate(REACHABLE), [], -1
        reached = set()
        for _ in range(len(all_) + 5):
            self.page.keyboard.press("Tab")
            place, shown = self.page.evaluate(FOCUSED)
            if place < 0 or place in reached:
                break
            reached.add(place)
            if place < last:
                lost.append(f"comes after what follows it: {all_[place]}")
            if not shown:
                lost.append(f"does not show the focus: {all_[place]}")
            last = place
        return lost + [f"is not reached: {it}" for place, it in enumerate(all_) if place not in reached]


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
