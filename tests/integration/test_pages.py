"""The pages in a real browser, as a stranger meets them: both languages, phone and desk, with and without scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import chromium
import pytest
import story
import whole_service
from playwright.sync_api import Browser, expect
from whole_service import Site

from api.home import Home
from api.pages.check import LAYERS
from api.settings import Settings
from api.workflows import anchoring, generation, minting

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FIRST_PAGE = 100_000
# The next change of the page, or its last one if that has come already.
NEXT = """one => new Promise((seen, lost) => {
  if (document.querySelector('#check .said, #check .problem')) seen()
  new MutationObserver(seen).observe(one, { subtree: true, childList: true, attributes: true })
  setTimeout(() => lost(new Error('nothing has changed for two minutes')), 120_000)
})"""


@dataclass(frozen=True)
class Checked:
    """What somebody saw who watched a check: its address and words, and the layers at each change."""

    url: str
    text: str
    stayed: bool
    states: list[list[str]]
    complaints: list[str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with whole_service.running(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.opened() as browser:
        yield browser


@pytest.fixture(scope="module")
def checked(site: Site, browser: Browser) -> Checked:
    """A check that somebody watches from the beginning to the end."""
    with chromium.visiting(browser) as visit:
        visit.page.goto(f"{site.url}/")
        visit.page.set_input_files("input[type=file]", site.file)
        visit.page.click("form.drop button")
        visit.page.wait_for_url(f"{site.url}/checks/*")
        visit.page.evaluate("window.stayed = true")
        states = [visit.page.locator(".layers > li").evaluate_all("all => all.map((one) => one.className)")]
        while not visit.page.locator("#check .said, #check .problem").count():
            visit.page.locator("#check").evaluate(NEXT)
            states.append(visit.page.locator(".layers > li").evaluate_all("all => all.map((one) => one.className)"))
        expect(visit.page.get_by_role("button", name="Copy")).to_be_visible()
        stayed = bool(visit.page.evaluate("window.stayed"))
        return Checked(visit.page.url, visit.page.inner_text("#check"), stayed, states, visit.complaints)


@pytest.fixture(scope="module")
def anchored(site: Site, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a track that was anchored, and has no token."""
    home = Home(Settings.from_environ({"STEMMATA_HOME": str(site.home), "STEMMATA_PASSPHRASE": story.PASSPHRASE}))
    carl, out = home.signer("carl"), tmp_path_factory.mktemp("anchored") / "track.wav"
    generation.generate(home, 1, seconds=3, seed=6, creator=carl.address, out=out, now=story.now)
    today, marking = lambda: datetime.now(UTC), minting.Marking()
    batch = anchoring.anchor(home, [out], signer=carl, royalty_ppm=100_000, marking=marking, now=today)
    return f"/anchored/{batch.records[0].claim.watermark.hex()}"


def test_everybody_can_read_every_page(site: Site, browser: Browser, checked: Checked, anchored: str) -> None:
    pages = ["/", f"/tracks/{site.token}", "/models/1", "/datasets/1", checked.url.removeprefix(site.url), "/nothing"]
    pages.append(anchored)
    with chromium.visiting(browser) as visit:
        assert {path: visit.shut_out(f"{site.url}{path}") for path in pages} == {path: [] for path in pages}
        assert visit.strangers(site.url) == []
        assert {one for one in visit.complaints if "404" not in one} == set()


def test_evidence_arrives_while_somebody_watches(site: Site, checked: Checked) -> None:
    assert checked.stayed  # it is the page that was there from the beginning
    assert checked.complaints == []
    told = [sum(state not in ("ahead", "going") for state in states) for states in checked.states]
    assert told == sorted(told) and told[0] < told[-1] == len(LAYERS)
    assert len(set(told)) > 2  # not all at once
    assert "Verified" in checked.text and f"{site.token:016x}" in checked.text


def test_a_check_needs_no_script(site: Site, browser: Browser) -> None:
    with chromium.visiting(browser, language="es", scripts=False) as visit:
        visit.page.goto(f"{site.url}/")
        visit.page.set_input_files("input[type=file]", site.file)
        visit.page.click("form.drop button")
        expect(visit.page.locator(".said")).to_have_text("Verificado", timeout=120_000)
        assert visit.page.url.startswith(f"{site.url}/checks/")
        with visit.page.expect_download() as download:
            visit.page.click("a[href$='audit.json']")
        assert json.loads(Path(download.value.path()).read_text())["verdict"] == "verified"


def test_a_file_that_is_no_sound_is_refused_in_words(site: Site, browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "<img src=x onerror=alert(1)>.wav"
    file.write_bytes(b"no sound at all")
    with chromium.visiting(browser) as visit:
        visit.page.goto(f"{site.url}/")
        visit.page.set_input_files("input[type=file]", file)
        visit.page.click("form.drop button")
        expect(visit.page.locator("form.drop .problem")).to_contain_text("onerror")  # named as it is, and only text
        assert not visit.page.locator("main img").count()


def test_a_broken_recording_is_told_of_on_its_page(site: Site, browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "cut.wav"
    file.write_bytes(site.file.read_bytes()[:40])
    with chromium.visiting(browser) as visit:
        visit.page.goto(f"{site.url}/")
        visit.page.set_input_files("input[type=file]", file)
        visit.page.click("form.drop button")
        expect(visit.page.locator("#check .problem")).to_contain_text("could not be checked", timeout=120_000)


def test_a_track_is_found_by_what_people_have_of_it(site: Site, browser: Browser) -> None:
    with chromium.visiting(browser) as visit:
        for what in (f"{site.token:016x}", str(site.token)):
            visit.page.goto(f"{site.url}/")
            visit.page.fill("#what", what)
            visit.page.click(".find button")
            assert visit.page.url == f"{site.url}/tracks/{site.token}"
        assert visit.page.goto(f"{site.url}/find?what={'0' * 64}").status == 404


def test_a_token_leads_from_its_metadata_to_picture_and_sound(site: Site, browser: Browser) -> None:
    with chromium.visiting(browser) as visit:
        ask = visit.page.request
        answer = ask.get(f"{site.url}/tracks/{site.token}", headers={"Accept": "*/*"})
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["access-control-allow-origin"] == "*"
        said = answer.json()
        cover, sound = ask.get(said["image"]), ask.get(said["animation_url"])
        assert cover.headers["content-type"] == "image/png" and cover.body().startswith(b"\x89PNG")
        assert sound.headers["content-type"] == "audio/wav" and sound.body() == site.file.read_bytes()
        assert cover.headers["cross-origin-resource-policy"] == "cross-origin"
        visit.page.goto(said["external_url"])
        expect(visit.page.locator("h1")).to_have_text(re.sub("(.{4})(?=.)", r"\1 ", f"{site.token:016x}"))
        record = ask.get(f"{said['external_url']}/record.json").json()
        assert record["signatures"] and ask.head(said["image"]).status == 200


def test_a_tracks_outline_is_drawn_and_its_sound_plays(site: Site, browser: Browser) -> None:
    with chromium.visiting(browser) as visit:
        visit.page.goto(f"{site.url}/tracks/{site.token}")
        expect(visit.page.locator(".outline canvas").first).to_be_visible()
        progress = visit.page.locator(".outline .progress")  # the library's own style was let in
        assert progress.evaluate("one => getComputedStyle(one).position") == "absolute"
        audio = visit.page.locator("audio")
        audio.evaluate("one => { one.muted = true; return one.play() }")
        audio.evaluate("one => new Promise((seen) => one.addEventListener('timeupdate', seen, { once: true }))")
        assert audio.evaluate("one => one.duration") == pytest.approx(6, abs=0.1)
        assert visit.complaints == []


def test_the_keyboard_is_enough(site: Site, browser: Browser) -> None:
    with chromium.visiting(browser) as visit:
        visit.page.goto(f"{site.url}/tracks/{site.token}")
        visit.page.keyboard.press("Tab")
        expect(visit.page.locator(".skip")).to_be_in_viewport()
        visit.page.keyboard.press("Enter")
        assert visit.page.evaluate("document.activeElement.id") == "content"
        for _ in range(30):
            visit.page.keyboard.press("Tab")
            if visit.page.evaluate("document.activeElement.closest('.fan') !== null"):
                break
        visit.page.keyboard.press("Enter")
        assert re.search(r"#link-\d+$", visit.page.url)


def test_the_first_page_is_light(site: Site, browser: Browser) -> None:
    with chromium.visiting(browser) as visit:
        client = visit.page.context.new_cdp_session(visit.page)
        client.send("Network.enable")
        sizes: list[int] = []
        client.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        visit.page.goto(f"{site.url}/", wait_until="networkidle")
        assert 4 <= len(sizes) <= 12
        assert sum(sizes) < FIRST_PAGE
