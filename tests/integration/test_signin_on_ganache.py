"""A person with a wallet and a service on a network: Ganache holds the key, signs the message, and sends."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ganache_server
import pytest
import requests
from fastapi.testclient import TestClient

from api.home import Home
from api.http.app import create_app
from api.service.service import Service
from api.service.settings import ServiceSettings
from api.settings import Settings
from ledger.chain import Chain
from ledger.contracts import Contracts
from ledger.deployment import deploy
from ledger.digest import Digest
from ledger.records import Terms
from ledger.signer import LocalSigner

pytestmark = pytest.mark.integration
OWNER = LocalSigner(ganache_server.RICH[0].to_bytes(32, "big"))


@dataclass
class Browser:
    """A page of the service in a browser with a wallet: the one asks the service, the other the node."""

    page: TestClient
    url: str

    def wallet(self, method: str, *params: object) -> str:
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = requests.post(self.url, json=call, timeout=30).json()
        assert "result" in answer, answer
        return str(answer["result"])

    def sign_in(self) -> None:
        asked = self.page.post("/v1/signin/challenge", json={"address": str(OWNER.address)}).json()
        signature = self.wallet("eth_sign", str(OWNER.address), "0x" + asked["message"].encode().hex())
        answer = self.page.post("/v1/signin", json={"message": asked["message"], "signature": signature})
        assert answer.status_code == 200, answer.text
        self.page.headers["X-CSRF-Token"] = answer.json()["csrf"]


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with ganache_server.running() as url:
        home = Home(Settings(home=tmp_path, rpc_url=url))
        home.folder(".")
        with Chain.open_rpc(url) as chain:
            deployment = deploy(chain, OWNER)
            deployment.write(tmp_path / "deployment.json")
            root = Digest.of(b"recordings")
            terms = Terms(price=10**15, royalty_ppm=0, uses=("train",))
            Contracts(chain, deployment).register_dataset(OWNER, root, root, "cid", terms)
        settings = ServiceSettings(database=f"sqlite:///{tmp_path / 'service.sqlite'}")
        service = Service.open(home, settings)
        yield Browser(TestClient(create_app(service), base_url=settings.site), url)
        service.close()


def test_a_wallet_signs_in_and_sends_what_was_prepared(browser: Browser) -> None:
    browser.sign_in()
    account = browser.page.get("/v1/account").json()
    assert (account["signs_here"], account["wallet"]) == (False, True)
    prepared = browser.page.post("/v1/transactions/prepare", json={"kind": "terms", "id": "1", "price": "0.5"}).json()
    assert prepared["chainId"] == account["chain"]
    for one in prepared["transactions"]:
        fields = {name: one[name] for name in ("to", "data", "value", "gas")}
        sent = browser.wallet("eth_sendTransaction", {"from": prepared["from"], **fields})
        followed = browser.page.post("/v1/transactions", json={"hash": sent}).json()
        assert (followed["mined"], followed["succeeded"]) == (True, True)
    again = browser.page.post("/v1/transactions/prepare", json={"kind": "terms", "id": "1", "price": "0.5"}).json()
    assert again["transactions"] == []
