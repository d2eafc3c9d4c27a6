"""Signing in over HTTP with a wallet, and on a demonstration with a key that lies there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from fastapi.testclient import TestClient

from api.service.service import Service
from api.service.sessions import SEEN_EVERY
from ledger.cid import Cid
from ledger.digest import Digest
from ledger.keys import LocalSigner
from tests.contract_wallet import keeper, wallet
from tests.http.signing_in import challenge, client_of, service_in, sign_in, signed
from tests.story import new_key

ANNA = LocalSigner(bytes([7] * 32))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    opened = service_in(tmp_path_factory.mktemp("home"), rate=10_000)
    yield opened
    opened.close()


@pytest.fixture
def client(service: Service) -> TestClient:
    return client_of(service)


def test_a_wallet_signs_in_and_out(client: TestClient) -> None:
    assert client.get("/v1/account").status_code == 401
    sign_in(client, ANNA)
    answer = client.get("/v1/account").json()
    assert (answer["address"], answer["signs_here"], answer["wallet"]) == (str(ANNA.address), False, False)
    assert answer["scopes"] == ["jobs", "money", "read", "upload"]
    client.headers["X-CSRF-Token"] = answer["csrf"]  # for whoever has kept the cookie alone
    assert client.post("/v1/signout").status_code == 204
    assert not client.cookies
    assert client.get("/v1/account").status_code == 401


def test_another_librarys_wallet_signs_in(client: TestClient) -> None:
    account = Account.from_key(bytes([7] * 32))
    message = client.post("/v1/signin/challenge", json={"address": account.address}).json()["message"]
    signature = account.sign_message(encode_defunct(text=message)).signature
    body = {"message": message, "signature": f"0x{signature.hex().removeprefix('0x')}"}
    assert client.post("/v1/signin", json=body).json()["address"] == account.address


@pytest.mark.slow
def test_a_contract_signs_in_by_its_own_word(tmp_path: Path) -> None:
    service = service_in(tmp_path)
    with service.home.ledger() as ledger:
        account = wallet(ledger.chain, ANNA, keeper(ANNA.address))
    client = client_of(service)
    message = client.post("/v1/signin/challenge", json={"address": str(account)}).json()["message"]
    stranger = LocalSigner(bytes([8] * 32))
    answer = client.post("/v1/signin", json={"message": message, "signature": signed(stranger, message)})
    assert (answer.status_code, answer.json()["title"]) == (403, "SignatureInvalid")
    message = client.post("/v1/signin/challenge", json={"address": str(account)}).json()["message"]
    answer = client.post("/v1/signin", json={"message": message, "signature": signed(ANNA, message)})
    assert answer.json()["address"] == str(account)
    service.close()


def test_what_is_wrong_with_a_sign_in_is_said(client: TestClient) -> None:
    message = challenge(client, ANNA)
    stranger = LocalSigner(bytes([8] * 32))
    for body, status, name in (
        ({"message": message, "signature": signed(stranger, message)}, 403, "SignatureInvalid"),
        ({"message": message + "\n", "signature": signed(ANNA, message)}, 400, "Malformed"),
        ({"message": message, "signature": "0x123"}, 422, "Malformed"),
        ({"message": message}, 422, "Malformed"),
        ({"message": message.replace("127.0.0.1", "127.0.0.2"), "signature": "0x00"}, 403, "SignInInvalid"),
    ):
        answer = client.post("/v1/signin", json=body)
        assert (answer.status_code, answer.json()["title"]) == (status, name)
        assert "set-cookie" not in answer.headers
    assert client.post("/v1/signin/challenge", json={"address": "0x1"}).status_code == 400


def test_signing_out_everywhere_ends_all_sessions_and_tokens(service: Service) -> None:
    one, other, program = client_of(service), client_of(service), client_of(service)
    sign_in(one, ANNA)
    sign_in(other, ANNA)
    made = one.post("/v1/tokens", json={"name": "sync", "scopes": ["read"], "seconds": 60}).json()
    program.headers["Authorization"] = f"Bearer {made['token']}"
    said = program.get("/v1/account").json()
    assert (said["scopes"], said["csrf"]) == (["read"], None)
    assert one.post("/v1/signout?everywhere=true").status_code == 204
    assert [client.get("/v1/account").status_code for client in (one, other, program)] == [401] * 3


@pytest.mark.slow
def test_a_key_that_was_revoked_signs_nobody_in_and_ends_what_it_had(tmp_path: Path) -> None:
    service = service_in(tmp_path)
    signer = LocalSigner(bytes([9] * 32))
    client, program = client_of(service), client_of(service)
    sign_in(client, signer)
    made = client.post("/v1/tokens", json={"name": "sync", "scopes": ["read"], "seconds": 9999}).json()
    program.headers["Authorization"] = f"Bearer {made['token']}"
    with service.home.ledger() as ledger:
        service.home.fund(ledger, signer)
        record = Digest.of(b"revoked")
        ledger.contracts.revoke_key(signer, signer.address, record, str(Cid.of_digest(record.raw)))
    again = client_of(service)
    message = challenge(again, signer)
    answer = again.post("/v1/signin", json={"message": message, "signature": signed(signer, message)})
    assert (answer.status_code, answer.json()["title"]) == (403, "KeyEnded")
    assert not again.cookies
    service.now.pass_by(SEEN_EVERY)  # type: ignore[attr-defined]
    assert client.get("/v1/account").json()["title"] == "KeyEnded"
    assert client.get("/v1/account").status_code == program.get("/v1/account").status_code == 401
    service.close()


def test_a_demonstration_lends_its_keys_to_its_own_machine_alone(tmp_path: Path) -> None:
    demo = service_in(tmp_path, demo=True)
    anna = new_key(demo.home, "anna")
    (demo.home.folder("keys") / "damaged.json").write_text("{}")
    here, away = client_of(demo), client_of(demo, "192.0.2.1")
    assert here.get("/v1/signin/demo").json() == [{"name": "anna", "address": str(anna.address)}]
    answer = here.post("/v1/signin/demo", json={"name": "anna"})
    assert answer.json()["address"] == str(anna.address)
    assert here.get("/v1/account").json()["signs_here"] is True
    asked = {"name": "trial", "scopes": ["read", "upload", "jobs", "money"], "seconds": 86400}
    assert here.post("/v1/tokens", json=asked, headers={"X-CSRF-Token": answer.json()["csrf"]}).status_code == 201
    assert here.post("/v1/signin/demo", json={"name": "ben"}).status_code == 404
    assert here.post("/v1/signin/demo", json={"name": "../keys/anna"}).status_code == 404
    assert away.get("/v1/signin/demo").status_code == 404
    assert away.post("/v1/signin/demo", json={"name": "anna"}).status_code == 404
    assert here.get("/v1/signin/demo", headers={"Host": "music.example"}).status_code == 404  # led here by a name
    for name in (
        "Forwarded",
        "X-Forwarded-For",
        "X-Real-IP",
        "Via",
    ):  # a proxy on this machine, which nobody told us of
        assert here.get("/v1/signin/demo", headers={name: "192.0.2.1"}).status_code == 404
    demo.close()


def test_another_service_has_no_such_keys(client: TestClient) -> None:
    assert client.get("/v1/signin/demo").status_code == 404
    assert client.post("/v1/signin/demo", json={"name": "anna"}).status_code == 404
