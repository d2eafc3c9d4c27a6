"""How heavy the first page is, and how soon it can be used, on connections as people have them.

    python benchmarks/first_page.py http://127.0.0.1:8750

Needs Playwright and Debian's Chromium, and a service at that address: `stemmata serve`. Each figure is the median of
five visits by a browser that has nothing of the page yet. *Seen* is the first contentful paint; *usable* is when the
form can be filled in and sent (it needs no script for that), as a script sees it that looks once a frame; *whole* is
the load event. Connections are emulated by Chromium (Network.emulateNetworkConditions), which adds the latency to each
request.
"""

import statistics
import sys
from typing import Any

from playwright.sync_api import Browser, sync_playwright

VISITS = 5
CONNECTIONS = {  # bytes per second, down and up; milliseconds
    "none": (-1, -1, 0),
    "Fast 4G (9 Mbit/s, 60 ms)": (9_000_000 / 8, 1_500_000 / 8, 60),
    "Slow 4G, Lighthouse's phone (1.6 Mbit/s, 150 ms)": (1_638_400 / 8, 750_000 / 8, 150),
    "Fast 3G of DevTools (1.44 Mbit/s, 563 ms)": (1_440_000 / 8, 675_000 / 8, 562.5),
    "Slow 3G of DevTools (400 kbit/s, 2000 ms)": (400_000 / 8, 400_000 / 8, 2000),
}
SEEN = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
LOADED = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
USABLE = """() => new Promise((ready) => {
  const look = () => {
    const field = document.querySelector('form.drop input[type=file]')
    const button = document.querySelector('form.drop button')
    const painted = performance.getEntriesByName('first-contentful-paint').length
    if (field && button && !button.disabled && painted) ready(performance.now())
    else requestAnimationFrame(look)
  }
  look()
})"""


def visit(browser: Browser, url: str, connection: tuple[float, float, float]) -> dict[str, float]:
    """Milliseconds, and bytes over the wire with headers."""
    context = browser.new_context(viewport={"width": 360, "height": 760})
    page = context.new_page()
    client = context.new_cdp_session(page)
    client.send("Network.enable")
    down, up, latency = connection
    conditions: dict[str, Any] = {"offline": False, "downloadThroughput": down, "uploadThroughput": up}
    client.send("Network.emulateNetworkConditions", {**conditions, "latency": latency})
    sizes: list[float] = []
    client.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(url, wait_until="commit")
    usable = page.evaluate(USABLE)
    page.wait_for_load_state("networkidle")
    figures = {
        "seen": page.evaluate(SEEN),
        "usable": usable,
        "whole": max(page.evaluate(LOADED), page.evaluate("performance.timing.loadEventEnd - performance.timeOrigin")),
        "bytes": sum(sizes),
        "requests": len(sizes),
    }
    context.close()
    return figures


def main() -> None:
    """Print the table."""
    url = sys.argv[1].rstrip("/") + "/"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        visit(browser, url, CONNECTIONS["none"])  # the service has met the page once
        print("| connection | seen, ms | usable, ms | whole, ms | kB over the wire | requests |")
        print("|---|---|---|---|---|---|")
        for name, connection in CONNECTIONS.items():
            visits = [visit(browser, url, connection) for _ in range(VISITS)]
            seen, usable, whole, size, requests = (
                statistics.median(one[key] for one in visits)
                for key in ("seen", "usable", "whole", "bytes", "requests")
            )
            print(f"| {name} | {seen:.0f} | {usable:.0f} | {whole:.0f} | {size / 1000:.1f} | {requests:.0f} |")
        browser.close()


if __name__ == "__main__":
    main()
