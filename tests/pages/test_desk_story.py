"""Holder, creator and buyer in a browser, from a folder of recordings to a track that is bought; then every page of it
in both languages, wide and narrow, for everybody."""

from __future__ import annotations

import contextlib
import http.client
import io
import re
from collections.abc import Iterator
from pathlib import Path

import chromium
import pytest
import whole_service
from playwright.sync_api import Browser, Page, expect

from gen.audio import load
from gen.watermark.mark import Watermark
from gen.watermark.payload import PUBLIC_KEY
from tests import story

pytestmark = [pytest.mark.integration, pytest.mark.slow]
PATIENCE = 120_000
"""Milliseconds that a job may take on a busy machine."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[whole_service.Site]:
    with whole_service.running(tmp_path_factory.mktemp("desk story")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.opened() as opened:
        yield opened


def sign_in(page: Page, site: whole_service.Site, name: str) -> None:
    page.goto(f"{site.url}/sign-in")
    page.get_by_role("button", name=f"Sign in as {name}").click()
    expect(page).to_have_url(f"{site.url}/account")


def done(page: Page) -> None:
    """Follow the job whose page is open to its end."""
    expect(page.locator("#state")).to_have_attribute(
        "data-state", re.compile("done|failed|cancelled"), timeout=PATIENCE
    )
    assert page.locator("#state").get_attribute("data-state") == "done", page.locator("main").inner_text()


def drop(page: Page, folder: Path) -> None:
    """Drag a folder onto the page, from outside of the browser."""
    place = page.locator("[data-drop]").bounding_box()
    assert place is not None
    what = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    hand = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        event = {"type": kind, "x": place["x"] + 20, "y": place["y"] + 20, "data": what}
        hand.send("Input.dispatchDragEvent", event)


@pytest.fixture(scope="module")
def dataset(browser: Browser, site: whole_service.Site, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a dataset that the holder has registered, with a reload in the midst of it."""
    folder = story.record_folder(tmp_path_factory.mktemp("recordings") / "takes", "E", "A")
    (folder / "notes.txt").write_text("not sent")
    with chromium.visiting(browser) as visit:
        page = visit.page
        page.goto(f"{site.url}/recordings/new")
        page.get_by_role("button", name="Sign in as holder").click()
        expect(page).to_have_url(f"{site.url}/recordings/new")  # where she wanted to go
        choice, status = page.get_by_label("Drop a folder here"), page.locator("[data-status]")
        choice.set_input_files(folder)
        expect(status).to_contain_text("All 2 files are here", timeout=PATIENCE)
        page.reload()
        expect(status).to_contain_text("2 of 2 files arrived before")
        drop(page, folder)
        expect(status).to_contain_text("All 2 files are here")
        assert len([url for url in visit.requests if "/files/" in url]) == 2  # nothing was sent twice
        page.get_by_label("What is it called, in public?").fill("Ellen's <script>studies</script>")
        page.get_by_label("License of the recordings (SPDX)").fill("CC0-1.0")
        page.get_by_role("button", name="Register them").click()
        done(page)
        page.get_by_role("link", name="My recordings").last.click()
        page.get_by_role("link", name="Ellen's <script>studies</script>").click()
        expect(page.locator("#terms")).to_have_text("0.05 ETH for a license (training), 5 % of a track's royalties")
        assert visit.strangers(site.url) == visit.complaints == []
        return page.url.removeprefix(site.url)


@pytest.fixture(scope="module")
def offer(browser: Browser, site: whole_service.Site) -> str:
    """The path of carl's track at the market."""
    with chromium.visiting(browser) as visit:
        page = visit.page
        sign_in(page, site, "carl")
        page.goto(f"{site.url}/music")
        page.get_by_text("Put it up for sale").first.click()
        page.get_by_label("Price, in ether").fill("3")
        page.get_by_role("button", name="Put it up for sale").click()
        done(page)
    return f"/market/{site.token:016x}"


def test_terms_change_and_consent_ends(browser: Browser, site: whole_service.Site, dataset: str) -> None:
    with chromium.visiting(browser) as visit:
        page = visit.page
        sign_in(page, site, "holder")
        page.goto(site.url + dataset)
        page.get_by_label("Price of a license, in ether").fill("0.07")
        page.get_by_label("commercial use").check()
        page.get_by_role("button", name="Offer on these terms").click()
        done(page)
        page.goto(site.url + dataset)
        expect(page.locator("#terms")).to_contain_text("0.07 ETH for a license (training, commercial use)")
        page.get_by_label("Yes, for good").check()
        page.get_by_role("button", name="Withdraw consent").click()
        done(page)
        page.goto(site.url + dataset)
        expect(page.locator("#consent")).to_contain_text("withdrawn")
        assert visit.strangers(site.url) == visit.complaints == []


def test_music_is_made_minted_sold_and_bought(browser: Browser, site: whole_service.Site) -> None:
    with chromium.visiting(browser) as visit:
        page = visit.page
        sign_in(page, site, "creator")
        page.get_by_role("link", name="Studio").click()
        first = page.locator("input[data-style]").first
        first.focus()
        for _ in range(5):
            page.keyboard.press("ArrowLeft")  # a slider is moved by keys too
        assert int(first.input_value()) < 100
        page.get_by_label("Length, in seconds").fill("3")
        page.get_by_label("Variations").fill("2")
        page.get_by_label("Seed").fill("77")
        page.get_by_role("button", name="Make music").click()
        expect(page.locator("#takes > li").first).to_be_visible(timeout=PATIENCE)
        done(page)
        expect(page.locator("#takes > li .outline")).to_have_count(2)
        length = page.locator("#takes audio").last.evaluate(
            "async it => { while (!it.duration) await new Promise(go => setTimeout(go, 50)); return it.duration }"
        )
        assert abs(length - 3) < 0.1
        page.get_by_role("button", name="Mint it Variation 2").click()
        done(page)
        page.get_by_role("main").get_by_role("link", name="My music").click()
        card = page.locator(".cards > li").first
        card.get_by_text("Put it up for sale").first.click()
        card.get_by_label("Price, in ether").fill("0.4")
        card.get_by_role("button", name="Put it up for sale").click()
        done(page)
        page.get_by_role("link", name="Account").click()
        page.get_by_role("button", name="Sign out", exact=True).click()

        page.get_by_role("link", name="Market").click()
        page.locator(".cards > li", has_text="0.4 ETH").get_by_role("link").first.click()
        parts = page.locator("tbody tr .number:last-child").all_inner_texts()
        assert parts[0] == "0.36 ETH"  # the seller's
        assert abs(sum(float(part.removesuffix(" ETH")) for part in parts) - 0.4) < 1e-9
        page.get_by_role("link", name="Sign in to buy it").click()
        page.get_by_role("button", name="Sign in as holder").click()
        page.get_by_role("button", name="Buy it for 0.4 ETH").click()
        done(page)
        page.get_by_role("main").get_by_role("link", name="My music").click()
        expect(page.locator(".cards > li")).to_contain_text("bought")

        sign_in(page, site, "creator")
        expect(page.locator("main")).to_contain_text("from tracks sold")
        expect(page.locator("main")).to_contain_text("0.36 ETH")
        page.get_by_role("button", name="Fetch all of it").click()
        done(page)
        page.goto(f"{site.url}/music")
        page.get_by_role("button", name="Pull it").click()
        done(page)
        page.goto(f"{site.url}/music")
        expect(page.get_by_role("button", name="Pull it")).to_have_count(0)
        assert visit.strangers(site.url) == visit.complaints == []


PLAYS = """async it => {
    const begun = it.currentTime
    while (it.paused || !(it.currentTime > begun + 0.3)) await new Promise(go => setTimeout(go, 50))
    return begun
}"""
"""Until a player has played for a while: where it was before."""


@contextlib.contextmanager
def listening(page: Page, site: whole_service.Site, job: str, variation: int) -> Iterator[http.client.HTTPResponse]:
    """What whoever is signed in hears of a variation, as it comes."""
    cookies = "; ".join(f"{one['name']}={one['value']}" for one in page.context.cookies(site.url))
    with contextlib.closing(http.client.HTTPConnection(site.url.removeprefix("http://"), timeout=60)) as connection:
        connection.request("GET", f"/v1/jobs/{job}/variations/{variation}/sound", headers={"Cookie": cookies})
        with connection.getresponse() as answer:
            yield answer


def test_a_variation_is_heard_while_it_is_made(browser: Browser, site: whole_service.Site) -> None:
    with chromium.visiting(browser) as visit:
        page = visit.page
        sign_in(page, site, "creator")
        page.goto(f"{site.url}/studio")
        page.get_by_label("Length, in seconds").fill("100")
        page.get_by_label("Variations").fill("2")
        page.get_by_role("button", name="Make music").click()
        sound = page.locator("#take-track-1 [data-growing] audio")
        expect(sound).to_be_visible(timeout=PATIENCE)
        job = page.url.rpartition("/")[2]
        with listening(page, site, job, 1) as heard:
            first = heard.read(1 << 16)
            asked = page.request.get(f"{site.url}/v1/jobs/{job}").json()
            assert (len(first), asked["state"], asked["files"]) == (1 << 16, "running", [])
            sound.focus()
            page.keyboard.press("Space")
            sound.evaluate(PLAYS)
            expect(page.locator("#take-track-1 .outline")).to_be_visible(timeout=PATIENCE)  # it is the whole now
            swapped = page.locator("#take-track-1 audio")
            assert str(swapped.get_attribute("src")).endswith("/files/track-1.wav")
            assert swapped.evaluate("it => it === document.activeElement")
            assert swapped.evaluate(PLAYS) > 0.3
            preview = load(io.BytesIO(first + heard.read()), name="preview")
        track = load(site.home / "jobs" / job / "track-1.wav")
        assert preview.samples.shape == track.samples.shape
        (mark,) = {one.id for one in Watermark(PUBLIC_KEY).detect(preview)}
        assert mark in {one.id for one in Watermark(PUBLIC_KEY).detect(track)}

        expect(page.locator("#take-track-2 [data-growing]")).to_be_visible(timeout=PATIENCE)
        with listening(page, site, job, 2) as heard:
            assert heard.read(4) == b"RIFF"
            other = page.context.new_page()
            other.goto(f"{site.url}/jobs/{job}")
            other.get_by_role("button", name="Stop it").click()
            expect(page.locator("#state")).to_have_text("stopped", timeout=PATIENCE)
            expect(page.locator("#takes > li")).to_have_count(1)
            heard.read()  # comes to an end
        assert [path.name for path in (site.home / "jobs" / job).iterdir()] == ["track-1.wav"]
        assert visit.strangers(site.url) == visit.complaints == []


PAGES = ("/sign-in", "/account", "/recordings", "/recordings/new", "/studio", "/music", "/market")


@pytest.mark.parametrize(("language", "width", "dark"), [("en", 1280, False), ("es", 360, True)])
def test_every_page_is_for_everybody(
    browser: Browser, site: whole_service.Site, dataset: str, offer: str, language: str, width: int, dark: bool
) -> None:
    with chromium.visiting(browser, language=language, width=width, dark=dark) as visit:
        page = visit.page
        page.goto(f"{site.url}/sign-in")
        page.locator('button[value="holder"]').click()
        job = page.locator('a[href^="/jobs/"]').last.get_attribute("href")
        page.context.new_cdp_session(page).send("Page.setBypassCSP", {"enabled": True})  # so that axe comes in
        for path in (*PAGES, dataset, offer, str(job)):
            page.goto(site.url + path)
            assert page.locator("html").get_attribute("lang") == language
            assert visit.is_whole(), path
            assert visit.barriers() == [], path
        assert visit.strangers(site.url) == visit.complaints == []


def test_without_scripts_one_signs_in_and_asks(browser: Browser, site: whole_service.Site) -> None:
    with chromium.visiting(browser, scripts=False) as visit:
        page = visit.page
        sign_in(page, site, "creator")
        page.get_by_label("What is it for?").fill("a script")
        page.get_by_role("button", name="Make a token").click()
        expect(page.get_by_text("stm_")).to_be_visible()
        page.get_by_role("button", name="End it a script").click()
        expect(page.get_by_text("There is no token.")).to_be_visible()
        page.goto(f"{site.url}/studio")
        page.get_by_label("Length, in seconds").fill("3")
        page.get_by_label("Variations").fill("1")
        page.get_by_role("button", name="Make music").click()
        expect(page.locator("#state")).to_contain_text("0 of 1 are done.")
        page.get_by_role("link", name="How the job stands").click()
        page.get_by_role("button", name="Stop it").click()
        expect(page.locator("#state")).to_have_text("stopped", timeout=PATIENCE)  # the page asks again by itself
