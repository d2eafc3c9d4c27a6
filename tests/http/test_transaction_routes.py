"""What a wallet is to send: prepared and tried here, sent by the wallet, and followed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.http.app import create_app
from api.service import transactions
from api.service.service import Service
from api.service.transactions import Transactions
from ledger.address import Address
from ledger.keys import LocalSigner
from tests.api.coin import coin
from tests.http.signing_in import SITE, service_in, sign_in
from tests.service.traded import ANNA, CARL, DORA, Trade

pytestmark = pytest.mark.slow


@dataclass
class Place:
    service: Service
    app: FastAPI
    track: str

    def visitor(self, signer: LocalSigner) -> TestClient:
        self.app.state.rates._buckets.clear()
        client = TestClient(self.app, base_url=SITE)
        sign_in(client, signer)
        return client

    def send(self, signer: LocalSigner, prepared: Any) -> list[str]:
        """As a wallet does it."""
        assert prepared["from"] == str(signer.address)
        with self.service.home.ledger() as ledger:
            assert prepared["chainId"] == ledger.chain.chain_id
            return [
                ledger.chain.transact(
                    signer, Address.parse(one["to"]), bytes.fromhex(one["data"][2:]), value=int(one["value"], 16)
                ).tx
                for one in prepared["transactions"]
            ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    service = service_in(tmp_path_factory.mktemp("market"), rate=10_000)
    with service.home.ledger() as ledger:
        trade = Trade(ledger.contracts, [])
        trade.begin()
        track = f"{trade.mint('song'):016x}"
    yield Place(service, create_app(service), track)
    service.close()


def test_a_wallet_offers_buys_and_pulls(place: Place) -> None:
    carl, dora = place.visitor(CARL), place.visitor(DORA)
    offer = {"kind": "list", "track": place.track, "price": "0.25"}
    prepared = carl.post("/v1/transactions/prepare", json=offer).json()
    assert [one["waits"] for one in prepared["transactions"]] == [False, False]
    assert all(int(one["gas"], 16) > 21_000 for one in prepared["transactions"])
    hashes = place.send(CARL, prepared)
    assert carl.post("/v1/transactions/prepare", json=offer).json()["transactions"] == []  # it stands as asked for

    bought = {"kind": "buy", "track": place.track, "price": "0.25"}
    cheaper = dora.post("/v1/transactions/prepare", json={**bought, "price": "0.2"})
    assert (cheaper.status_code, cheaper.json()["title"]) == (403, "PriceNotMet")
    prepared = dora.post("/v1/transactions/prepare", json=bought).json()
    assert [int(one["value"], 16) for one in prepared["transactions"]] == [25 * 10**16]
    place.send(DORA, prepared)
    with place.service.home.reading() as ledger:
        assert ledger.contracts.track(int(place.track, 16)).owner == DORA.address
        before = ledger.chain.balance(ANNA.address)

    for visitor, signer, asked in (
        (place.visitor(ANNA), ANNA, {"kind": "pull", "track": place.track}),
        (carl, CARL, {"kind": "income"}),
    ):
        prepared = visitor.post("/v1/transactions/prepare", json=asked).json()
        assert prepared["transactions"]
        place.send(signer, prepared)
    with place.service.home.reading() as ledger:
        assert ledger.chain.balance(ANNA.address) > before

    followed = carl.post("/v1/transactions", json={"hash": hashes[0]}).json()
    assert (followed["mined"], followed["succeeded"], followed["state"]) == (True, True, "final")
    unheard = "0x" + "5c" * 32
    assert carl.post("/v1/transactions", json={"hash": unheard}).json()["state"] == "pending"
    assert {one["hash"] for one in carl.get("/v1/transactions").json()} == {hashes[0], unheard}
    assert dora.get("/v1/transactions").json() == []


def test_what_stands_on_a_transaction_before_it_waits_for_that(place: Place) -> None:
    token = coin(place.service.home, CARL, DORA.address, amount=5)
    with place.service.home.ledger() as ledger:
        track = f"{Trade(ledger.contracts, []).mint('another song'):016x}"
        ledger.contracts.list_track(CARL, int(track, 16), 5, token)
    poor = place.visitor(ANNA).post("/v1/transactions/prepare", json={"kind": "buy", "track": track})
    assert (poor.status_code, poor.json()["title"]) == (403, "InsufficientFunds")  # before anything is allowed
    prepared = place.visitor(DORA).post("/v1/transactions/prepare", json={"kind": "buy", "track": track}).json()
    first, second = prepared["transactions"]
    assert (first["to"], first["waits"], second["waits"], second["gas"]) == (str(token), False, True, None)


def test_what_the_contracts_would_refuse_is_refused_before(place: Place) -> None:
    with place.service.home.ledger() as ledger:
        track = f"{Trade(ledger.contracts, []).mint('dear song'):016x}"
        ledger.contracts.list_track(CARL, int(track, 16), 10**18)
    poor = place.visitor(LocalSigner(bytes([5] * 32)))
    answer = poor.post("/v1/transactions/prepare", json={"kind": "buy", "track": track})
    assert (answer.status_code, answer.json()["title"]) == (403, "InsufficientFunds")


@pytest.mark.parametrize(
    ("asked", "status", "name"),
    [
        ({"kind": "terms", "id": 2, "price": "1"}, 403, "NotOwner"),
        ({"kind": "withdraw", "id": 2}, 403, "NotOwner"),
        ({"kind": "withdraw", "id": 77}, 404, "NoSuchThing"),
        ({"kind": "list", "track": "0" * 16, "price": "1"}, 404, "NotFound"),
        ({"kind": "train", "datasets": [1]}, 422, "Malformed"),
        ({"kind": "withdraw", "id": 1, "from": "0x" + "00" * 20}, 422, "Malformed"),
    ],
)
def test_what_would_be_refused_is_refused_before(place: Place, asked: dict[str, Any], status: int, name: str) -> None:
    answer = place.visitor(ANNA).post("/v1/transactions/prepare", json=asked)
    assert (answer.status_code, answer.json()["title"]) == (status, name)


def test_a_holder_changes_terms_and_nothing_happens_before_the_wallet_sends(place: Place) -> None:
    anna = place.visitor(ANNA)
    prepared = anna.post("/v1/transactions/prepare", json={"kind": "terms", "id": 1, "price": "0.5"}).json()
    withdrawn = anna.post("/v1/transactions/prepare", json={"kind": "withdraw", "id": 1}).json()
    with place.service.home.reading() as ledger:
        assert ledger.contracts.dataset(1).consent
        assert ledger.contracts.dataset(1).terms.price == 10**15
    place.send(ANNA, prepared)
    place.send(ANNA, withdrawn)
    with place.service.home.reading() as ledger:
        assert not ledger.contracts.dataset(1).consent
        assert ledger.contracts.dataset(1).terms.price == 5 * 10**17


def test_what_was_told_of_is_forgotten_in_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "MOST", 3)
    told, stranger = Transactions(place.service.database), Address(bytes(range(20)))
    for number in range(5):
        told.remember(stranger, f"0x{number:064x}", place.service.now())
        told.remember(stranger, f"0x{number:064x}", place.service.now())
        place.service.now.pass_by(1)  # type: ignore[attr-defined]
    assert [int(one.hash, 16) for one in told.of(stranger)] == [4, 3, 2]
    place.service.now.pass_by(transactions.KEPT)  # type: ignore[attr-defined]
    told.remember(stranger, f"0x{9:064x}", place.service.now())
    assert [int(one.hash, 16) for one in told.of(stranger)] == [9]
