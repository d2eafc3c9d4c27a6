"""A holder whose key is in a wallet registers recordings: the job asks, the browser answers, nothing is asked twice.

Ganache holds the key, as a wallet does: it signs messages and sends transactions by itself.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ganache_server
import numpy as np
import pytest
import requests
from fastapi.testclient import TestClient

from api.home import Home
from api.http.app import create_app
from api.service import asking
from api.service.job import Job
from api.service.jobs import Jobs
from api.service.kinds.checking import Audit
from api.service.leases import Leases
from api.service.service import Service
from api.service.settings import ServiceSettings
from api.service.tokens import Tokens
from api.service.uploads import Uploads
from api.service.wallets import Wallets
from api.service.worker import Pace, Worker
from api.settings import Settings
from gen.audio import save
from gen.waveform import Waveform
from ledger.address import Address
from ledger.chain import Chain
from ledger.contracts import deploy
from ledger.signer import LocalSigner
from tests.story import PASSPHRASE

pytestmark = pytest.mark.integration
HOLDER, DEPLOYER, OTHER = (LocalSigner(number.to_bytes(32, "big")) for number in ganache_server.RICH)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ganache_server.running() as address:
        yield address


@pytest.fixture(scope="module")
def service(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("home")
    with Chain.open_rpc(url) as chain:
        deploy(chain, DEPLOYER).write(folder / "deployment.json")
    home = Home(Settings(home=folder, passphrase=PASSPHRASE, rpc_url=url))
    opened = Service.open(home, ServiceSettings(database=f"sqlite:///{folder / 'service.sqlite'}"))
    yield opened
    opened.close()


class Browser:
    """The page of a job, and the wallet behind it: Ganache, who holds the key, as a wallet does."""

    def __init__(self, service: Service, url: str, account: LocalSigner = HOLDER) -> None:
        self.account, self._url = account, url
        made = Tokens(service.database).make(account.address, "test", ("read", "jobs", "money"), 3600, service.now())
        self.client = TestClient(create_app(service), headers={"Authorization": f"Bearer {made[1]}"})
        self.asked: list[str] = []

    def look(self, job: str, *, refuse: bool = False) -> dict[str, Any] | None:
        """Answer what is asked now; what it was."""
        answer = self.client.get(f"/v1/jobs/{job}/wallet")
        if answer.status_code == 204:
            return None
        question: dict[str, Any] = answer.json()
        self.asked.append(question["kind"])
        reply = {"refused": "not today"} if refuse else self._reply(question)
        self.client.post(f"/v1/jobs/{job}/wallet", json={"number": question["number"], **reply}).raise_for_status()
        return question

    def _reply(self, question: dict[str, Any]) -> dict[str, str]:
        me = str(self.account.address)
        if question["kind"] == "sign":
            return {"signature": self._wallet("eth_sign", me, question["message"])}
        call = {name: question[name] for name in ("to", "data", "value", "gas")}
        return {"hash": self._wallet("eth_sendTransaction", {"from": me, **call})}

    def _wallet(self, method: str, *params: object) -> str:
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return str(requests.post(self._url, json=call, timeout=30).json()["result"])


@contextmanager
def working(service: Service) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=Worker(service, stop, pace=Pace(lease=5, beat=0.2, grace=0.2)).run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def sent(service: Service, account: Address | None, sound: bytes) -> str:
    """An upload with one file; its id."""

    async def pieces() -> AsyncIterator[bytes]:
        yield sound

    uploads = Uploads.of(service)
    upload = uploads.make(account)
    asyncio.run(uploads.receive(upload, "noise.wav", pieces()))
    return upload.id


def registering(service: Service, browser: Browser, folder: Path, seed: int) -> str:
    """Ask for the registration of one short recording; the job's id."""
    noise = np.random.default_rng(seed).normal(0, 0.1, (1, 44100 * 4)).astype(np.float32)
    save(folder / "noise.wav", Waveform(noise, 44100))
    sound = (folder / "noise.wav").read_bytes()
    asked = {
        "kind": "register",
        "upload": sent(service, browser.account.address, sound),
        "title": "Noise",
        "license": "LicenseRef-own",
        "price": "0.01",
        "share": "5",
    }
    answer = browser.client.post("/v1/jobs", json=asked)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def followed(service: Service, job: str, look: Callable[[], object], seconds: float = 120) -> Job:
    """The job once it is over; meanwhile its page looks what is asked."""
    end = time.monotonic() + seconds
    while not (found := Jobs.of(service).get(job)).over:
        look()
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def test_a_dataset_is_registered_by_its_holders_wallet(service: Service, url: str, tmp_path: Path) -> None:
    browser = Browser(service, url)
    with working(service):
        job = registering(service, browser, tmp_path, 1)
        done = followed(service, job, lambda: browser.look(job))
    assert done.state == "done", done.problem
    assert done.result is not None
    # The record and the companion keys are signed; both are sent. Nothing is asked twice.
    assert browser.asked == ["sign", "sign", "send", "send"]
    assert (done.tries, done.result["already"]) == (1, False)
    with service.home.reading() as ledger:
        entry = ledger.contracts.dataset(int(done.result["dataset"]))
        assert entry.holder == HOLDER.address
        assert len(ledger.contracts.published_keys(HOLDER.address)) == 1


def test_a_no_ends_the_job_and_trying_again_asks_again(service: Service, url: str, tmp_path: Path) -> None:
    browser = Browser(service, url)
    with working(service):
        job = registering(service, browser, tmp_path, 2)
        failed = followed(service, job, lambda: browser.look(job, refuse=True))
        assert failed.state == "failed"
        assert failed.problem is not None
        assert failed.problem["title"] == "KeyWithheld"
        assert failed.problem["status"] == 403
        assert "not today" in failed.problem["detail"]
        browser.client.post(f"/v1/jobs/{job}/retry").raise_for_status()
        assert followed(service, job, lambda: browser.look(job)).state == "done"


def test_what_was_sent_before_a_crash_is_found_and_not_sent_again(service: Service, url: str, tmp_path: Path) -> None:
    browser = Browser(service, url)
    with working(service):
        job = registering(service, browser, tmp_path, 3)
        while True:  # until the wallet has sent it; then the worker is gone, before it can hand on the hash
            question = browser.look(job)
            if question is not None and question["kind"] == "send":
                break
            time.sleep(0.05)
            assert not Jobs.of(service).get(job).over
    before = len(browser.asked)
    with working(service):
        done = followed(service, job, lambda: browser.look(job))
    assert done.state == "done", done.problem
    assert done.result is not None
    assert "send" not in browser.asked[before:]
    with service.home.reading() as ledger:
        holders = [
            entry.holder
            for entry in ledger.contracts.datasets()
            if entry.root == ledger.contracts.dataset(int(done.result["dataset"])).root
        ]
        assert holders == [HOLDER.address]


def test_with_a_hash_the_next_nonce_of_its_account_is_taken_down(service: Service, url: str) -> None:
    browser, me = Browser(service, url), HOLDER.address
    job = Jobs.of(service).submit(me, "income", {}).id
    wallets, leases = Wallets(service.database), Leases(service.database, service.now)
    with Chain.open_rpc(url) as chain:
        nonce = chain.nonce(me)
    call = {"chainId": "0x539", "to": str(me), "data": "0x", "value": "0x0", "gas": "0x5208", "nonce": hex(nonce)}
    other = ""
    for told in ("0x" + "5c" * 32, None):  # what no node knows, and what is mined
        claim = leases.claim("worker", 30)
        assert claim is not None
        wallets.ask(claim, "send", call, 7.5, 9.0)
        other = other or browser._wallet("eth_sendTransaction", {"from": str(me), "to": str(me)})  # while it is asked
        question = browser.client.get(f"/v1/jobs/{job}/wallet").json()
        reply = {"number": question["number"], "hash": told or other}
        browser.client.post(f"/v1/jobs/{job}/wallet", json=reply).raise_for_status()
    assert [one.nonce for one in wallets.heard(Jobs.of(service).get(job))] == [nonce + 1, nonce]
    Jobs.of(service).cancel(job)


def test_nobody_else_sees_or_answers_what_a_wallet_is_asked(service: Service, url: str, tmp_path: Path) -> None:
    browser, stranger = Browser(service, url), Browser(service, url, OTHER)
    with working(service):
        job = registering(service, browser, tmp_path, 4)
        while browser.client.get(f"/v1/jobs/{job}/wallet").status_code == 204:
            time.sleep(0.05)
            assert not Jobs.of(service).get(job).over
        # Nobody has answered, and the one worker does other things meanwhile.
        assert Jobs.of(service).get(job).state == "asking"
        check = asking.ask(service, None, Audit(upload=sent(service, None, (tmp_path / "noise.wav").read_bytes()))).id
        assert followed(service, check, lambda: None).state == "done"
        assert stranger.client.get(f"/v1/jobs/{job}/wallet").status_code == 404
        reply = {"number": 1, "signature": "0x" + "1b" * 65}
        assert stranger.client.post(f"/v1/jobs/{job}/wallet", json=reply).status_code == 404
        # Its own account may answer, with nothing but its own signature.
        browser.client.post(f"/v1/jobs/{job}/wallet", json=reply).raise_for_status()
        failed = followed(service, job, lambda: None)
    assert failed.problem is not None
    assert failed.problem["title"] == "SignatureInvalid"
