"""Who is calling: sessions by cookie, tokens by scope, and nobody by anything else."""

from collections.abc import Iterator
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient

from api.http.app import create_app
from api.http.caller import Caller, caller, needs, signed_in
from api.service.service import Service
from api.service.sessions import Sessions, csrf, masked
from api.service.tokens import Tokens
from ledger.address import Address
from tests.http.signing_in import service_in

ANNA = Address(bytes.fromhex("aa" * 20))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    opened = service_in(tmp_path_factory.mktemp("called"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def app(service: Service) -> FastAPI:
    app, router = create_app(service), APIRouter()

    @router.get("/who")
    async def who(found: Annotated[Caller | None, Depends(caller)]) -> dict[str, object]:
        return {"account": None if found is None else str(found.address)}

    @router.post("/change")
    async def change(found: Annotated[Caller, Depends(signed_in)]) -> dict[str, object]:
        return {"account": str(found.address)}

    @router.post("/spend")
    async def spend(found: Annotated[Caller, Depends(needs("money"))]) -> dict[str, object]:
        return {"account": str(found.address)}

    app.include_router(router)
    return app


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app)


def test_nobody_is_nobody(client: TestClient) -> None:
    assert client.get("/who").json() == {"account": None}
    answer = client.post("/change")
    assert (answer.status_code, answer.json()["title"]) == (401, "NotSignedIn")


def test_a_session_is_known_by_its_cookie(client: TestClient, service: Service) -> None:
    token = Sessions(service.database).open(ANNA, service.now())
    client.cookies.set("stemmata_session", token)
    assert client.get("/who").json() == {"account": str(ANNA)}
    Sessions(service.database).end(token)
    assert client.get("/who").json() == {"account": None}


def test_a_session_changes_nothing_without_its_token_against_forgery(client: TestClient, service: Service) -> None:
    token = Sessions(service.database).open(ANNA, service.now())
    other = Sessions(service.database).open(ANNA, service.now())
    client.cookies.set("stemmata_session", token)
    for headers, form in (
        ({}, {}),
        ({"X-CSRF-Token": csrf(other)}, {}),
        ({}, {"csrf": csrf(other)}),
        ({"X-CSRF-Token": ""}, {"csrf": csrf(token)}),
        ({"X-CSRF-Token": masked(other)}, {}),
        ({"X-CSRF-Token": masked(token)[:-4]}, {}),
        ({}, {"csrf": "ü"}),
    ):
        answer = client.post("/change", headers=headers, data=form)
        assert (answer.status_code, answer.json()["title"]) == (403, "NotPermitted")
        assert "X-CSRF-Token" in answer.json()["detail"]
    assert client.post("/change", headers={"X-CSRF-Token": csrf(token)}).status_code == 200
    assert client.post("/change", headers={"X-CSRF-Token": masked(token)}).status_code == 200
    assert client.post("/change", data={"csrf": csrf(token)}).status_code == 200
    assert client.post("/change", params={"csrf": csrf(token)}, files={"file": b"x"}).status_code == 200
    # Nothing is read of a form with files that does not say so in its address.
    assert client.post("/change", data={"csrf": csrf(token)}, files={"file": b"x"}).status_code == 403


def test_a_token_does_what_its_scopes_say(client: TestClient, service: Service) -> None:
    tokens = Tokens(service.database)
    _, reading = tokens.make(ANNA, "reader", {"read"}, 60, service.now())
    _, spending = tokens.make(ANNA, "shop", {"read", "money"}, 60, service.now())
    assert client.get("/who", headers={"Authorization": f"Bearer {reading}"}).json() == {"account": str(ANNA)}
    answer = client.post("/spend", headers={"Authorization": f"Bearer {reading}"})
    assert (answer.status_code, answer.json()["title"]) == (403, "NotPermitted")
    assert client.post("/spend", headers={"Authorization": f"Bearer {spending}"}).status_code == 200


@pytest.mark.parametrize("said", ["Bearer stm_nothing", "Bearer", "Basic YTpi", "stm_x", ""])
def test_a_token_that_there_is_not_is_refused_even_beside_a_good_cookie(
    client: TestClient, service: Service, said: str
) -> None:
    client.cookies.set("stemmata_session", Sessions(service.database).open(ANNA, service.now()))
    answer = client.get("/who", headers={"Authorization": said})
    assert (answer.status_code, answer.json()["title"]) == (401, "NotSignedIn")
