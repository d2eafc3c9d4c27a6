"""Attacks by name on the service, in one process; see docs/security.md for what each of them must not do."""

import io
import itertools
import json
import logging
import re
import socket
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from api.http import logs
from api.http.app import create_app
from api.service.service import Service
from api.service.sessions import Sessions
from ledger.keys import LocalSigner
from tests.http.routes_that_change import PUBLIC, changing
from tests.http.signing_in import SITE, challenge, sign_in, signed

ANNA, EVE = LocalSigner(bytes([7] * 32)), LocalSigner(bytes([8] * 32))
EVIL = "https://evil.example"


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
    for path in (
        "/",
        "/sign-in",
        "/market",
        "/account/",
        "/v1/account/",
        "/v1/openapi.json",
        "/static/",
        "/v1/tracks?most=1",
    ):
        answer = client.get(path, headers=headers, follow_redirects=False)
        assert "evil" not in answer.text + str(answer.headers), path


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
    assert re.fullmatch(r"('sha256-[^' ]+' )*'self'", policy["style-src"])  # sheets of ours, by their digests
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
