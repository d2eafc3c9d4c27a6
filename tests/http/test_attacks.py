"""Attacks by name on the service, in one process; see docs/security.md for what each of them must not do."""

import hashlib
import io
import itertools
import json
import logging
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from api.http import logs
from api.http.app import create_app
from api.http.csrf import SAFE
from api.service.database import metadata
from api.service.jobs import Jobs
from api.service.nonces import LASTS as NONCE_LASTS
from api.service.service import Service
from api.service.sessions import IDLE, Sessions
from api.service.sessions import LASTS as SESSION_LASTS
from api.service.tokens import Tokens
from ledger.keys import LocalSigner
from tests.http.signing_in import SITE, Clock, challenge, service_in, sign_in, signed
from tests.postgresql_server import postgresql

ANNA, EVE = LocalSigner(bytes([7] * 32)), LocalSigner(bytes([8] * 32))
EVIL = "https://evil.example"

# Whoever comes needs no session for these, and they do nothing for one: signing in, and the public detector.
PUBLIC = {
    ("POST", "/v1/signin/challenge"),
    ("POST", "/v1/signin"),
    ("POST", "/v1/signin/demo"),
    ("POST", "/sign-in"),
    ("POST", "/v1/audits"),
    ("POST", "/checks"),
    ("POST", "/"),
}


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with ExitStack() as open_:
        there = {"database": open_.enter_context(postgresql())} if request.param == "postgresql" else {}
        opened = service_in(tmp_path_factory.mktemp("attacked"), rate=10_000, **there)
        open_.callback(opened.close)
        yield opened


@pytest.fixture(scope="module")
def app(service: Service) -> FastAPI:
    return create_app(service)


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    app.state.rates._buckets.clear()
    return TestClient(app, base_url=SITE, client=("127.0.0.1", 50000))


def changing(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every route that changes something: method and a path, with something in the place of each parameter."""
    for route in app.routes:
        contexts = getattr(route, "effective_route_contexts", None)
        for found in [route] if contexts is None else contexts():
            for method in (getattr(found, "methods", None) or set()) - SAFE:
                path = re.sub(r"\{(number|dataset|model)\}", "1", found.path)
                path = re.sub(r"\{mark\}", "0" * 16, path)
                yield method, re.sub(r"\{[^}]*\}", "x" * 22, path)


# -- cross-site request forgery


def test_csrf_no_route_changes_anything_for_a_cookie_without_the_token(app: FastAPI, client: TestClient) -> None:
    sign_in(client, ANNA)
    del client.headers["X-CSRF-Token"]
    routes = set(changing(app)) - PUBLIC
    assert len(routes) > 10
    for method, path in routes:
        answer = client.request(method, path, data={"csrf": "x" * 43}, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()["title"]) == (403, "NotPermitted"), f"{method} {path}"
    assert client.get("/v1/account").status_code == 200


def test_csrf_no_other_site_changes_anything_even_with_the_token(app: FastAPI, client: TestClient) -> None:
    sign_in(client, ANNA)
    others = ({"Origin": EVIL}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"})
    for (method, path), headers in zip(sorted(set(changing(app))), itertools.cycle(others), strict=False):
        answer = client.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["title"]) == (403, "NotPermitted"), f"{method} {path}"


def test_csrf_cookies_stay_out_of_scripts_and_of_other_sites_posts(client: TestClient, app: FastAPI) -> None:
    message = challenge(client, ANNA)
    answer = client.post("/v1/signin", json={"message": message, "signature": signed(ANNA, message)})
    words = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= words
    assert "secure" not in words  # plain HTTP on this machine


def test_csrf_over_tls_the_cookie_is_this_hosts_alone(service: Service) -> None:
    from dataclasses import replace

    tls = replace(service, settings=replace(service.settings, site="https://music.example"))
    client = TestClient(create_app(tls), base_url="https://music.example")
    message = challenge(client, ANNA)
    assert message.startswith("music.example wants")
    answer = client.post("/v1/signin", json={"message": message, "signature": signed(ANNA, message)})
    assert answer.headers["set-cookie"].startswith("__Host-stemmata_session=")
    assert {"secure", "httponly"} <= {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    client.cookies.clear()
    client.cookies.set("stemmata_session", Sessions(service.database).open(ANNA.address, service.now()))
    assert client.get("/v1/account").status_code == 401  # one that a neighbour could have set counts for nothing


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


# -- requests that make us ask somebody (SSRF)


def test_ssrf_no_address_in_a_request_is_ever_asked(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: asked.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: asked.append(args) or [])
    message = challenge(client, ANNA)
    inside = "http://169.254.169.254/latest/meta-data"
    message += f"\nResources:\n- {inside}\n- http://localhost:8545"
    answer = client.post("/v1/signin", json={"message": message, "signature": signed(ANNA, message)})
    assert answer.status_code == 200
    away = message.replace("URI: http://127.0.0.1:8750/", f"URI: {inside}")
    assert client.post("/v1/signin", json={"message": away, "signature": signed(ANNA, away)}).status_code == 403
    assert asked == []


def test_ssrf_no_field_of_a_request_takes_an_address(client: TestClient) -> None:
    described = client.get("/v1/openapi.json").json()
    asked: list[Any] = []
    for path in described["paths"].values():
        asked += [[route.get("parameters"), route.get("requestBody")] for route in path.values()]
    text = json.dumps(asked)
    while named := set(re.findall(r'"#/components/schemas/([^"]+)"', text)):
        text = re.sub(r'"#/components/schemas/([^"]+)"', "null", text)
        text += json.dumps([described["components"]["schemas"].pop(name, None) for name in named])
    assert '"track"' in text  # so much for the walk
    assert not re.findall(r'"[A-Za-z_]*(?:ur[li]|href|host|callback|webhook)[A-Za-z_]*" *:', text)
    assert not re.findall(r'"format" *: *"(?:ur[il]|iri|hostname|ip)', text)


def test_ssrf_the_host_that_a_request_names_is_not_believed(client: TestClient) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    answer = client.post("/v1/signin/challenge", json={"address": str(ANNA.address)}, headers=headers)
    assert "evil" not in answer.text
    page = client.get("/sign-in", headers=headers)
    assert "evil" not in page.text


# -- script in a page (what the headers forbid)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/sign-in"), ("GET", "/v1/account"), ("GET", "/nothing"), ("POST", "/v1/signin")],
)
def test_xss_every_answer_forbids_scripts_that_are_not_ours(client: TestClient, method: str, path: str) -> None:
    headers = client.request(method, path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["form-action"] == policy["connect-src"] == "'self'"
    assert re.fullmatch(r"('sha256-[^' ]+' )?'self'", policy["style-src"])  # a player's own sheet, by its digest
    assert not re.search("unsafe|http:|https:|\\*", headers["content-security-policy"])
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"


def test_xss_even_a_fault_answers_with_the_headers_and_says_nothing_of_itself(service: Service) -> None:
    broken = create_app(service)

    @broken.get("/v1/broken")
    def fault() -> None:
        raise RuntimeError("the key is 0x1234")

    answer = TestClient(broken, base_url=SITE, raise_server_exceptions=False).get("/v1/broken")
    assert answer.status_code == 500
    assert "0x1234" not in answer.text
    assert "content-security-policy" in answer.headers


def test_leak_logs_hold_nothing_secret_and_nobodys_name(service: Service, app: FastAPI) -> None:
    broken, stream, root = create_app(service), io.StringIO(), logging.getLogger()

    @broken.get("/v1/broken")
    def fault(request: Request) -> None:
        raise RuntimeError(str(request.headers.raw))

    handlers, level = list(root.handlers), root.level
    logs.configure(stream)
    try:
        client = TestClient(broken, base_url=SITE, raise_server_exceptions=False, client=("192.0.2.77", 1))
        message = challenge(client, ANNA)
        signature = signed(ANNA, message)
        said = client.post("/v1/signin", json={"message": message, "signature": signature}).json()["csrf"]
        client.post("/v1/signin", json={"message": message, "signature": signature})
        asked = {"name": "a-name-of-mine", "scopes": ["read"], "seconds": 60}
        made = client.post("/v1/tokens?q=asked", json=asked, headers={"X-CSRF-Token": said}).json()
        client.get("/v1/broken", headers={"Authorization": f"Bearer {made['token']}"})
        client.get("/v1/account", headers={"Authorization": "Bearer stm_mistyped"})
        client.delete(f"/v1/tokens/{made['id']}", headers={"X-CSRF-Token": said})
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    told = stream.getvalue()
    assert told.count("/v1/signin") >= 3
    assert "RuntimeError" in told
    cookie = client.cookies["stemmata_session"]
    for secret in (
        cookie,
        said,
        signature,
        made["token"],
        made["id"],
        message[-40:],
        "stm_",
        "a-name-of-mine",
        "asked",
    ):
        assert secret not in told, secret
    for name in (str(ANNA.address), str(ANNA.address).lower(), "192.0.2.77"):
        assert name not in told, name


def test_what_is_somebodys_own_is_kept_by_no_cache(client: TestClient) -> None:
    sign_in(client, ANNA)
    assert client.get("/v1/account").headers["cache-control"] == "private, no-store"
