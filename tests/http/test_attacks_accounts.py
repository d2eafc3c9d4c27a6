"""Attacks on who is who: replayed sign-ins, planted sessions, stolen tokens, guessed ids; see docs/security.md."""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.service.database import metadata
from api.service.jobs import Jobs
from api.service.nonces import LASTS as NONCE_LASTS
from api.service.service import Service
from api.service.sessions import IDLE, Sessions
from api.service.sessions import LASTS as SESSION_LASTS
from api.service.tokens import Tokens
from ledger.keys import LocalSigner
from tests.http.routes_that_change import PUBLIC, changing
from tests.http.signing_in import SITE, Clock, challenge, sign_in, signed

ANNA, EVE = LocalSigner(bytes([7] * 32)), LocalSigner(bytes([8] * 32))
EVIL = "https://evil.example"


# -- replayed sign-in


def test_replay_a_signed_message_signs_in_once(client: TestClient) -> None:
    message = challenge(client, ANNA)
    body = {"message": message, "signature": signed(ANNA, message)}
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: client.post("/v1/signin", json=body), range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403, 403]
    assert {a.json()["title"] for a in answers if a.status_code == 403} == {"SignInInvalid"}


def test_replay_a_message_is_good_for_minutes(client: TestClient, service: Service) -> None:
    assert isinstance(service.now, Clock)
    message = challenge(client, ANNA)
    service.now.pass_by(NONCE_LASTS)
    answer = client.post("/v1/signin", json={"message": message, "signature": signed(ANNA, message)})
    assert answer.json()["title"] == "SignInInvalid"
    endless = re.sub(r"\nExpiration Time: .*", "", message)
    answer = client.post("/v1/signin", json={"message": endless, "signature": signed(ANNA, endless)})
    assert answer.json()["title"] == "SignInInvalid"  # the nonce is too old as well


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("127.0.0.1:8750 wants", "evil.example wants"),
        ("127.0.0.1:8750 wants", "https://127.0.0.1:8750 wants"),
        ("URI: http://127.0.0.1:8750/", "URI: https://evil.example/"),
        ("Chain ID: 20", "Chain ID: 1"),
        ("Nonce: ", "Nonce: 0"),
    ],
)
def test_replay_a_message_for_another_place_is_refused(client: TestClient, ours: str, theirs: str) -> None:
    message = challenge(client, ANNA)
    ours = next(line for line in message.split("\n") if line.startswith("Chain ID")) if "Chain" in ours else ours
    assert ours in message
    message = message.replace(ours, theirs)
    answer = client.post("/v1/signin", json={"message": message, "signature": signed(ANNA, message)})
    assert (answer.status_code, answer.json()["title"]) == (403, "SignInInvalid")


# -- session fixation, and sessions that should be over


def test_fixation_signing_in_never_takes_a_session_over(client: TestClient, service: Service) -> None:
    planted = Sessions(service.database).open(EVE.address, service.now())
    for value in (planted, "chosen-by-eve"):
        client.cookies.clear()
        client.cookies.set("stemmata_session", value, domain="127.0.0.1")
        sign_in(client, ANNA)
        assert Sessions(service.database).find(value, service.now()) is None
        assert client.get("/v1/account").json()["address"] == str(ANNA.address)


def test_sessions_end_by_themselves(service: Service) -> None:
    assert isinstance(service.now, Clock)
    sessions = Sessions(service.database)
    idle = sessions.open(ANNA.address, service.now())
    busy = sessions.open(ANNA.address, service.now())
    for _ in range(SESSION_LASTS // (IDLE // 2) - 1):
        service.now.pass_by(IDLE // 2)
        found = sessions.find(busy, service.now())
        assert found is not None
        assert found.due
        sessions.touch(found.id, service.now())
    assert sessions.find(idle, service.now()) is None
    service.now.pass_by(IDLE // 2)
    assert sessions.find(busy, service.now()) is None


def test_a_stolen_database_opens_no_session(service: Service) -> None:
    token = Sessions(service.database).open(ANNA.address, service.now())
    _, secret = Tokens(service.database).make(ANNA.address, "t", ["read"], 60, service.now())
    service.database.engine.dispose()
    kept = b"".join(path.read_bytes() for path in service.home.path.glob("service.sqlite*"))
    with service.database.reading() as connection:
        for table in metadata.sorted_tables:
            kept += repr(connection.execute(table.select()).all()).encode()
    assert hashlib.sha256(token.encode()).hexdigest().encode() in kept
    assert token.encode() not in kept
    assert secret.encode() not in kept


# -- stolen token


def test_stolen_token_does_no_more_than_its_scopes(app: FastAPI, client: TestClient, service: Service) -> None:
    _, secret = Tokens(service.database).make(ANNA.address, "reader", ["read"], 60, service.now())
    client.headers["Authorization"] = f"Bearer {secret}"
    assert client.get("/v1/account").status_code == 200
    hers = Jobs.of(service).submit(ANNA.address, "withdraw", {"kind": "withdraw", "id": 1}).id
    assert client.get(f"/v1/jobs/{hers}").status_code == 200
    assert client.post("/v1/jobs", json={"kind": "withdraw", "id": 1}).status_code == 403
    for method, path in {(method, path) for method, path in changing(app) if path.startswith("/v1")} - PUBLIC:
        answer = client.request(method, path.replace("/jobs/" + "x" * 22, f"/jobs/{hers}"))
        assert answer.status_code in (403, 422), f"{method} {path} {answer.text}"
        if answer.status_code == 422:  # the body is looked at first: then nothing was done either
            assert "body" in answer.json()["detail"]


@pytest.mark.parametrize("scopes", [["read"], ["read", "upload", "jobs", "money"]])
def test_stolen_token_makes_no_other_and_opens_no_page(client: TestClient, service: Service, scopes: list[str]) -> None:
    made, secret = Tokens(service.database).make(ANNA.address, "sync", scopes, 60, service.now())
    client.headers["Authorization"] = f"Bearer {secret}"
    asked: dict[str, Any] = {"name": "mine", "scopes": ["money"], "seconds": 3600}
    assert client.post("/v1/tokens", json=asked).status_code == 403
    assert client.get("/v1/tokens").status_code == 403
    assert client.delete(f"/v1/tokens/{made.id}").status_code == 403
    assert client.post("/v1/signout?everywhere=true").status_code == 403


def test_stolen_token_ends_when_its_owner_or_the_clock_says_so(client: TestClient, service: Service) -> None:
    assert isinstance(service.now, Clock)
    sign_in(client, ANNA)
    asked = {"name": "sync", "scopes": ["read"], "seconds": 60}
    one, other = (client.post("/v1/tokens", json=asked).json() for _ in range(2))
    listed = {token["id"]: token for token in client.get("/v1/tokens").json()}
    assert listed[one["id"]]["used"] is listed[other["id"]]["used"] is None
    assert not any("token" in token for token in listed.values())
    assert client.delete(f"/v1/tokens/{one['id']}").status_code == 204
    program = TestClient(client.app, base_url=SITE)
    for secret, wanted in ((one["token"], 401), (other["token"], 200)):
        assert program.get("/v1/account", headers={"Authorization": f"Bearer {secret}"}).status_code == wanted
    used = {token["id"]: token["used"] for token in client.get("/v1/tokens").json()}
    assert used[other["id"]] == int(service.now().timestamp())
    service.now.pass_by(60)
    answer = program.get("/v1/account", headers={"Authorization": f"Bearer {other['token']}"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


# -- enumeration of ids


def test_enumeration_what_is_anothers_is_answered_as_what_is_not_there(client: TestClient, service: Service) -> None:
    sign_in(client, EVE)
    theirs, _ = Tokens(service.database).make(ANNA.address, "hers", ["read"], 60, service.now())
    answers = [client.delete(f"/v1/tokens/{id}") for id in (theirs.id, "x" * 22)]
    first, second = ((answer.status_code, answer.text.replace(theirs.id, "x" * 22)) for answer in answers)
    assert first == second
    assert first[0] == 404
    assert len(Tokens(service.database).of(ANNA.address, service.now())) > 0


def test_enumeration_ids_cannot_be_guessed(service: Service) -> None:
    made = [Tokens(service.database).make(EVE.address, "t", ["read"], 60, service.now())[0].id for _ in range(20)]
    assert len({one[:4] for one in made}) > 15  # nothing counts up, neither in time nor in number
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", one) for one in made)
    Tokens(service.database).end_all(EVE.address)
