"""A browser's wallet (EIP-1193, EIP-6963) before the pages: a stand-in that asks Ganache, which holds the keys, to sign
and to send, as a wallet does, and says no when it is told to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chromium
import ganache_server
import pytest
import requests
import whole_service
from playwright.sync_api import Browser, Page, expect

from ledger.address import Address
from ledger.chain import Chain
from ledger.contracts import Contracts, deploy
from ledger.deployment import Deployment
from ledger.digest import Digest
from ledger.records import Terms
from ledger.signer import LocalSigner
from tests import story
from tests.api.coin import named_on
from tests.service.traded import cid, digest

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ANNA, CARL, MAKER = (LocalSigner(number.to_bytes(32)) for number in ganache_server.RICH)
PATIENCE = 120_000
PASSPHRASE = "nothing that anybody would guess 7"
ANNOUNCE = """
(() => {
  const provider = { request: async ({ method, params }) => {
    const answer = await window.toWallet(method, params ?? [])
    if (answer.error) throw Object.assign(new Error(answer.error.message), { code: answer.error.code })
    return answer.result
  } }
  const info = { uuid: crypto.randomUUID?.() ?? '1', name: 'Stand-in', rdns: 'example.stand-in',
    icon: 'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg"/>' }
  const announce = () => dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail: { info, provider } }))
  addEventListener('eip6963:requestProvider', announce)
})()
"""


@dataclass
class StandIn:
    """The wallet of one account. ``no`` lists methods that its owner refuses once."""

    node: str
    account: Address
    asked: list[str] = field(default_factory=list)
    no: list[str] = field(default_factory=list)

    def request(self, method: str, params: list[Any]) -> dict[str, Any]:
        self.asked.append(method)
        if method in self.no:
            self.no.remove(method)
            return {"error": {"code": 4001, "message": "User rejected the request."}}
        if method == "eth_requestAccounts":
            return {"result": [str(self.account)]}
        if method == "personal_sign":  # a wallet's words are the other way round
            method, params = "eth_sign", [params[1], params[0]]
        if method == "eth_sendTransaction" and "gas" not in params[0]:  # which a wallet finds out
            params[0]["gas"] = self.node_says("eth_estimateGas", params)["result"]
        return self.node_says(method, params)

    def node_says(self, method: str, params: list[Any]) -> dict[str, Any]:
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer: dict[str, Any] = requests.post(self.node, json=call, timeout=30).json()
        return answer


@dataclass(frozen=True)
class Site:
    url: str
    node: str
    deployment: Path

    @contextmanager
    def contracts(self) -> Iterator[Contracts]:
        with Chain.open_rpc(self.node) as chain:
            yield Contracts(chain, Deployment.read(self.deployment))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service on a network where CARL has minted a track from ANNA's dataset 1."""
    folder = tmp_path_factory.mktemp("wallets")
    with ganache_server.running() as node:
        with Chain.open_rpc(node) as chain:
            made = deploy(chain, MAKER)
            made.write(folder / "deployment.json")
            contracts, terms = Contracts(chain, made), Terms(price=0, royalty_ppm=50_000, uses=("train",))
            contracts.register_dataset(ANNA, digest("a"), digest("a record"), cid("a"), terms)
            contracts.buy_license(CARL, "dataset", 1, ("train",), digest("license"), cid("license"), terms)
            contracts.record_model(CARL, digest("w"), digest("run"), cid("run"), [(1, 1_000_000)])
            work: tuple[Digest, Digest, Digest] = (digest("claim"), digest("audio"), digest("record"))
            contracts.mint_track(CARL, *work, cid("record"), 1, royalty_ppm=100_000)
        said = {
            "STEMMATA_HOME": str(folder / "home"),
            "STEMMATA_PASSPHRASE": PASSPHRASE,
            "STEMMATA_RPC": node,
            "STEMMATA_DEPLOYMENT": str(folder / "deployment.json"),
        }
        with whole_service.serving(folder, said) as url:
            yield Site(url, node, folder / "deployment.json")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.opened() as opened:
        yield opened


def enter(page: Page, site: Site, wallet: StandIn) -> None:
    """Sign in with the wallet."""
    page.context.expose_function("toWallet", wallet.request)
    page.add_init_script(ANNOUNCE)
    page.goto(f"{site.url}/sign-in")
    page.get_by_role("button", name="Sign in with Stand-in").click()
    expect(page).to_have_url(f"{site.url}/account")


def test_who_refuses_is_not_signed_in(browser: Browser, site: Site) -> None:
    wallet = StandIn(site.node, ANNA.address, no=["personal_sign"])
    with chromium.visiting(browser) as visit:
        page = visit.page
        page.context.expose_function("toWallet", wallet.request)
        page.add_init_script(ANNOUNCE)
        page.goto(f"{site.url}/sign-in?next=/recordings")
        button = page.get_by_role("button", name="Sign in with Stand-in")
        button.click()
        expect(page.get_by_text("Not signed in: User rejected the request.")).to_be_visible()
        button.click()
        expect(page).to_have_url(f"{site.url}/recordings")
        assert wallet.asked.count("personal_sign") == 2


def test_a_browser_without_a_wallet_is_told(browser: Browser, site: Site) -> None:
    with chromium.visiting(browser, language="es") as visit:
        visit.page.goto(f"{site.url}/sign-in")
        expect(visit.page.get_by_text("Este navegador no tiene ninguna cartera")).to_be_visible()


def test_a_track_is_offered_and_bought_by_wallets(browser: Browser, site: Site) -> None:
    with site.contracts() as contracts:
        (track,) = contracts.tracks()
    with chromium.visiting(browser) as visit:
        page, wallet = visit.page, StandIn(site.node, CARL.address)
        enter(page, site, wallet)
        expect(page.get_by_text("in your wallet")).to_be_visible()
        page.goto(f"{site.url}/music")
        page.get_by_text("Put it up for sale").first.click()
        page.get_by_label("Price, in ether").fill("0.5")
        page.get_by_role("button", name="Put it up for sale").click()
        expect(page.get_by_role("link", name="for sale: 0.5 ETH")).to_be_visible(timeout=PATIENCE)
        assert wallet.asked.count("eth_sendTransaction") == 2  # to list it, and to let the market pass it on
    with chromium.visiting(browser) as visit:
        page, wallet = visit.page, StandIn(site.node, ANNA.address, no=["eth_sendTransaction"])
        enter(page, site, wallet)
        page.goto(f"{site.url}/market/{track.id:016x}")
        button = page.get_by_role("button", name="Buy it for 0.5 ETH")
        button.click()
        expect(page.get_by_text("Nothing was sent: User rejected the request.")).to_be_visible()
        with site.contracts() as contracts:
            assert contracts.track(track.id).owner == CARL.address
        button.click()
        expect(page.get_by_text("This track is yours, and not for sale now.")).to_be_visible(timeout=PATIENCE)
        with site.contracts() as contracts:
            assert contracts.track(track.id).owner == ANNA.address
            assert contracts.due(CARL.address, None, "market") == 45 * 10**16


def test_a_track_is_offered_in_a_token_and_bought_by_wallets(browser: Browser, site: Site) -> None:
    """ANNA, whose the track is by now, sells it to CARL."""
    with site.contracts() as contracts:
        (track,) = contracts.tracks()
        usd = named_on(contracts.chain, MAKER, CARL.address, symbol="USDC", decimals=6)
    with chromium.visiting(browser) as visit:
        page, wallet = visit.page, StandIn(site.node, ANNA.address)
        enter(page, site, wallet)
        page.goto(f"{site.url}/market/{track.id:016x}")
        page.get_by_label("Currency").fill(str(usd))
        page.get_by_role("button", name="Ask in this currency").click()
        expect(page.get_by_text("It has 6 decimals, as it says itself.")).to_be_visible()
        page.get_by_label("Price, in “USDC”").fill("12.5")
        page.get_by_role("button", name="Put it up for sale").click()
        expect(page.locator("#price-now")).to_contain_text("12.5 “USDC”", timeout=PATIENCE)
    with chromium.visiting(browser) as visit:
        page, wallet = visit.page, StandIn(site.node, CARL.address)
        enter(page, site, wallet)
        page.goto(f"{site.url}/market/{track.id:016x}")
        page.get_by_role("button", name="Buy it for 12.5 “USDC”").click()
        expect(page.get_by_text("This track is yours, and not for sale now.")).to_be_visible(timeout=PATIENCE)
        assert wallet.asked.count("eth_sendTransaction") == 2  # to let the market take the price, and to buy
        with site.contracts() as contracts:
            assert contracts.track(track.id).owner == CARL.address
            assert contracts.tokens(CARL.address, usd) == 10**9 - 12_500_000
            assert contracts.due(ANNA.address, usd, "market") == 11_250_000


def test_a_folder_is_registered_with_a_wallet(browser: Browser, site: Site, tmp_path: Path) -> None:
    folder = story.record_folder(tmp_path / "takes", "E", "A")
    with chromium.visiting(browser) as visit:
        page, wallet = visit.page, StandIn(site.node, ANNA.address)
        enter(page, site, wallet)
        page.goto(f"{site.url}/recordings/new")
        page.get_by_label("Drop a folder here").set_input_files(folder)
        expect(page.locator("[data-status]")).to_contain_text("All 2 files are here")
        page.get_by_label("What is it called, in public?").fill("Takes")
        page.get_by_label("License of the recordings (SPDX)").fill("CC0-1.0")
        wallet.no.append("personal_sign")
        page.get_by_role("button", name="Register them").click()
        state = page.locator("#state")
        expect(state).to_have_attribute("data-state", "failed", timeout=PATIENCE)
        expect(page.get_by_text("the wallet said no: User rejected the request.")).to_be_visible()
        page.get_by_role("button", name="Try again").click()
        expect(state).to_have_attribute("data-state", re.compile("done|failed"), timeout=PATIENCE)
        assert state.get_attribute("data-state") == "done", page.locator("main").inner_text()
        assert {"personal_sign", "eth_sendTransaction"} <= set(wallet.asked)
        page.goto(f"{site.url}/recordings/2")
        page.get_by_label("Price of a license, in ether").fill("0.02")
        page.get_by_label("Licenses end on").fill("2031-05-01")
        page.get_by_role("button", name="Offer on these terms").click()
        terms = "0.02 ETH for a license (training), 5 % of a track's royalties, licenses end 2031-05-01"
        expect(page.locator("#terms")).to_have_text(terms, timeout=PATIENCE)
    with site.contracts() as contracts:
        assert contracts.dataset(2).owner == ANNA.address
