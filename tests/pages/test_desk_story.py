"""Holder, creator and buyer in a browser, from a folder of recordings to a track that is bought; then every page of it
in both languages, wide and narrow, for everybody."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import signal
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
        slow = story.MICRO.to_dict()  # enough for a page to tell of it
        slow["generator"] |= {"steps": 400}
        (running.home / "presets").mkdir()
        (running.home / "presets" / "micro.yaml").write_text(json.dumps(slow))
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
def training(browser: Browser, site: whole_service.Site, dataset: str) -> str:
    """The path of the job in which the creator trained a model on the holder's dataset, once it was licensed."""
    with chromium.visiting(browser) as visit:
        page = visit.page
        sign_in(page, site, "creator")
        page.get_by_role("link", name="Train", exact=True).click()
        page.get_by_role("link", name="Ellen's <script>studies</script>: 0.05 ETH").click()
        license_ = page.get_by_role("region", name="Your license")
        expect(license_).to_contain_text("You hold no license of these recordings.")
        expect(license_).to_contain_text("For training. You pay 0.05 ETH, once.")
        license_.get_by_role("button", name="License it for 0.05 ETH").click()
        done(page)
        page.get_by_role("link", name="Train a model on it").click()
        expect(page.get_by_label("Ellen's <script>studies</script>")).to_be_checked()
        page.get_by_label("micro").check()
        page.get_by_label("Seed").fill("12")
        page.get_by_label("Your part of a track's income, in percent").fill("97")
        page.get_by_role("button", name="Train it").click()
        wrong = page.get_by_role("alert")
        expect(wrong).to_contain_text(
            "holders of the datasets get 5 % of a track's income, so that at most 95 % are left"
        )
        expect(page.get_by_label("Seed")).to_have_value("12")
        page.get_by_label("Your part of a track's income, in percent").fill("2.5")
        page.get_by_role("button", name="Train it").click()
        expect(page.locator("#figures")).to_contain_text("steps a second", timeout=PATIENCE)
        expect(page.locator("#figures")).to_contain_text("loss")
        expect(page.locator("#figures")).to_contain_text("less than a minute")
        done(page)
        refused = [one for one in visit.complaints if "400 (Bad Request)" in one]  # for more than there is
        assert (visit.strangers(site.url), visit.complaints) == ([], refused)
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


def test_a_model_is_trained_on_what_was_licensed_and_played(
    browser: Browser, site: whole_service.Site, dataset: str, training: str
) -> None:
    with chromium.visiting(browser) as visit:
        page = visit.page
        sign_in(page, site, "creator")
        page.goto(site.url + training)
        page.get_by_role("link", name=re.compile("Model [0-9]+")).click()
        expect(page.get_by_role("main")).to_contain_text("Ellen's <script>studies</script> 100 %")
        page.goto(site.url + training)
        page.get_by_role("link", name="Make music with it").click()
        expect(page.get_by_label("Model").locator("option:checked")).to_have_text(re.compile("Ellen's .*: yours"))
        sign_in(page, site, "holder")
        page.goto(site.url + dataset)
        expect(page.get_by_role("region", name="Who holds a license")).to_contain_text("0.05 ETH")
        expect(page.get_by_role("region", name="Who trained on it")).to_contain_text("100 %")


@pytest.mark.usefixtures("training")  # which consent is needed for
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
        page.get_by_role("link", name="Its public page").click()
        expect(page.locator("#held")).to_contain_text("These recordings are yours")
        sign_in(page, site, "carl")
        page.goto(site.url + dataset.replace("recordings", "datasets"))
        expect(page.locator("#offer")).to_contain_text("has withdrawn consent")
        expect(page.get_by_role("button")).to_have_count(0)
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


def kill(site: whole_service.Site, name: str) -> None:
    """Kill the process of that name that works for the site."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            home = f"STEMMATA_HOME={site.home}\0".encode() in (process / "environ").read_bytes()
            if home and (process / "comm").read_text().startswith(name):
                os.kill(int(process.name), signal.SIGKILL)
                return
    raise AssertionError(f"no process {name}")


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
            first += heard.read()
        expect(page.locator("#take-track-2 [data-growing]")).to_be_visible(timeout=PATIENCE)
        with listening(page, site, job, 2) as heard:
            assert heard.read(4) == b"RIFF"
            kill(site, "job generate")
            heard.read()  # comes to an end
        expect(page.locator("#takes > li")).to_have_count(1, timeout=PATIENCE)
        page.get_by_role("link", name="How the job stands").click()
        page.get_by_role("button", name="Stop it").click()  # before another try begins
        expect(page.locator("#state")).to_have_text("stopped", timeout=PATIENCE)
        assert [path.name for path in (site.home / "jobs" / job).iterdir()] == ["track-1.wav"]
        assert visit.strangers(site.url) == visit.complaints == []
    # Last, since it takes longer on a busy machine than the other variation.
    preview, track = load(io.BytesIO(first), name="preview"), load(site.home / "jobs" / job / "track-1.wav")
    assert preview.samples.shape == track.samples.shape
    (mark,) = {one.id for one in Watermark(PUBLIC_KEY).detect(preview)}
    assert mark in {one.id for one in Watermark(PUBLIC_KEY).detect(track)}


PAGES = ("/sign-in", "/account", "/recordings", "/recordings/new", "/studio", "/music", "/market", "/models/new")


def test_every_page_is_for_everybody(browser: Browser, site: whole_service.Site, dataset: str, offer: str) -> None:
    with chromium.visiting(browser) as visit:
        page = visit.page
        sign_in(page, site, "holder")
        job = page.locator('a[href^="/jobs/"]').last.get_attribute("href")
        page.goto(f"{site.url}/studio")
        page.get_by_label("Length, in seconds").fill("3")
        page.get_by_label("Variations").fill("1")
        page.get_by_role("button", name="Make music").click()
        done(page)
        takes = page.url.removeprefix(site.url)
        pages = [*PAGES, dataset, dataset.replace("recordings", "datasets"), offer, str(job), takes]
        assert {path: visit.shut_out(site.url + path) for path in pages} == {path: [] for path in pages}
        assert visit.strangers(site.url) == visit.complaints == []


@pytest.mark.parametrize("path", ["/", "/studio"])
def test_the_keyboard_reaches_all_in_its_order_and_shows_where_it_is(
    browser: Browser, site: whole_service.Site, path: str
) -> None:
    with chromium.visiting(browser) as visit:
        sign_in(visit.page, site, "creator")
        visit.page.goto(site.url + path)
        assert visit.lost_by_keyboard() == []


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
