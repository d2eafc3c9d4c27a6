"""What anybody may read over HTTP: tracks by digest and mark, lists page by page, and how the service is."""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.http import logs
from api.http.app import create_app
from api.http.routes import lookups
from api.http.shapes import Terms
from api.http.unreadable import WANTED
from api.service.directory import Directory
from api.service.follower import follow
from api.service.service import Service
from api.service.settings import ServiceSettings
from tests.service.traded import CARL, DORA, Trade, home_of


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose directory is filled."""
    folder = tmp_path_factory.mktemp("reading")
    opened = Service.open(home_of(folder / "home"), ServiceSettings(database=f"sqlite:///{folder / 'a.sqlite'}"))
    with opened.home.ledger() as ledger:
        trade = Trade(ledger.contracts, [])
        trade.begin()
        trade.go_on("x")
    follow(opened)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def app(service: Service) -> FastAPI:
    return create_app(service)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, client=("127.0.0.1", 5000)) as opened:
        yield opened


def test_a_track_is_looked_up_by_its_file_and_by_its_mark(service: Service, client: TestClient) -> None:
    track = Directory.of(service).tracks().entries[0]
    found = client.get(f"/v1/lookup/sha256/{track.audio}")
    assert found.status_code == 200
    said = found.json()
    assert (said["id"], said["watermark"], said["owner"]) == (str(track.id), f"{track.id:016x}", str(DORA.address))
    assert (said["record"], said["cid"], said["tx"]) == (str(track.record), track.cid, track.tx)
    for path in (
        f"lookup/watermark/{track.id:016x}",
        f"tracks/{track.id}",
        f"tracks/{track.id:016x}",
        f"lookup/sha256/{str(track.audio).upper()}",
    ):
        assert client.get(f"/v1/{path}").json() == said
    again = client.get(f"/v1/lookup/sha256/{track.audio}", headers={"If-None-Match": found.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", found.headers["etag"])
    other = client.get(f"/v1/lookup/sha256/{track.audio}", headers={"If-None-Match": '"x", W/"y"'})
    assert other.status_code == 200
    # What is answered before the framework is asked is what its routes would answer.
    routes = FastAPI()
    routes.include_router(lookups.create_router(service), prefix="/v1")
    slow = TestClient(routes).get(f"/v1/lookup/sha256/{track.audio}")
    assert slow.content == found.content
    assert slow.headers.items() <= found.headers.items()


@pytest.mark.parametrize(
    ("path", "status", "name"),
    [
        (f"lookup/sha256/{'0' * 64}", 404, "NoSuchThing"),
        ("lookup/sha256/no-digest", 422, "Malformed"),
        (f"lookup/watermark/{'0' * 16}", 404, "NoSuchThing"),
        ("tracks/99999999999999999999", 404, "NoSuchThing"),
        ("datasets/9", 404, "NoSuchThing"),
        ("models/9", 404, "NoSuchThing"),
        ("tracks?most=101", 422, "Malformed"),
        ("tracks?after=-1", 422, "Malformed"),
        ("tracks?owner=0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAEd", 400, "Malformed"),  # a wrong checksum
        ("licenses?dataset=1&model=1", 400, "Malformed"),
        ("nothing", 404, "NoSuchThing"),
    ],
)
def test_what_is_wrong_is_told_as_a_problem(client: TestClient, path: str, status: int, name: str) -> None:
    answer = client.get(f"/v1/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["type"] == f"urn:stemmata:error:{name}"


def test_every_pattern_of_a_request_has_words(client: TestClient) -> None:
    description = client.get("/v1/openapi.json").json()
    asked: set[str] = set()
    seen: set[str] = set()
    routes = [route for path in description["paths"].values() for route in path.values()]
    wanted: list[Any] = [route.get(what) for route in routes for what in ("parameters", "requestBody")]
    while wanted:
        part = wanted.pop()
        if isinstance(part, dict):
            pattern = part.get("pattern")
            asked.update([pattern] if isinstance(pattern, str) else part.get("patternProperties", {}))
            name = str(part.get("$ref")).rpartition("/")[2]
            if name in description["components"]["schemas"] and name not in seen:
                seen.add(name)
                wanted.append(description["components"]["schemas"][name])
        if isinstance(part, dict | list):
            wanted += part.values() if isinstance(part, dict) else part
    assert len(asked) > 10
    assert asked <= set(WANTED)
    assert "64 hex digits" in client.get("/v1/lookup/sha256/no-digest").json()["detail"]


def test_lists_go_on_by_their_links(service: Service, client: TestClient) -> None:
    ids = [str(track.id) for track in Directory.of(service).tracks().entries]
    for order, wanted in (("oldest", ids), ("newest", ids[::-1])):
        found, path = [], f"/v1/tracks?most=2&order={order}&creator={CARL.address}"
        pages = 0
        while path:
            answer = client.get(path)
            page = answer.json()
            found += [track["id"] for track in page["tracks"]]
            path = page["next"]
            assert answer.headers.get("link") == (f'<{path}>; rel="next"' if path else None)
            pages += 1
        assert (found, pages) == (wanted, 2)
    assert client.get(f"/v1/tracks?owner={DORA.address}").json()["tracks"][0]["id"] == ids[0]
    assert client.get("/v1/tracks?dataset=7").json() == {"tracks": [], "next": None}


def test_every_list_says_what_the_directory_says(client: TestClient) -> None:
    (first, second) = client.get("/v1/datasets").json()["datasets"]
    assert first == client.get("/v1/datasets/1").json() and second["id"] == 2
    assert first["terms"]["price"] == str(2**96 - 1) and first["terms"]["until"] == "2031-01-01T00:00:00Z"
    model = client.get("/v1/models/1").json()
    assert model["datasets"] == [{"dataset": 1, "share_ppm": 400_000}, {"dataset": 2, "share_ppm": 600_000}]
    assert [due["id"] for due in model.pop("dues")] == [1, 2]
    assert client.get("/v1/models?dataset=2").json() == {"models": [model], "next": None}
    licenses = client.get("/v1/licenses?dataset=2").json()["licenses"]
    assert [each["licensee"] for each in licenses] == [str(CARL.address), str(DORA.address)]
    (offer,) = client.get("/v1/offers").json()["offers"]
    assert (offer["price"], offer["seller"], offer["currency"]) == ("7", str(DORA.address), None)
    (sale,) = client.get(f"/v1/sales?track={offer['track']['id']}").json()["sales"]
    assert client.get(f"/v1/sales?track={offer['track']['watermark']}").json()["sales"] == [sale]
    assert (sale["price"], sale["royalty"], sale["buyer"]) == (str(10**15), str(10**14), str(DORA.address))


def test_what_is_not_on_offer_has_no_last_second(service: Service) -> None:
    model = Directory.of(service).model(1)
    assert model is not None
    unset = replace(model, terms=replace(model.terms, uses=(), until="1970-01-01T00:00:00Z"))
    assert Terms.of(unset).until is None


def test_the_description_has_examples_and_says_how_things_fail(client: TestClient) -> None:
    said = client.get("/v1/openapi.json").json()
    assert said["openapi"].startswith("3.1")
    one = said["paths"]["/v1/lookup/sha256/{digest}"]["get"]
    assert one["parameters"][0]["schema"]["examples"]
    for status in ("404", "422", "429", "503", "default"):
        content = one["responses"][status]["content"]["application/problem+json"]
        assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert "detail" in said["components"]["schemas"]["Problem"]["required"]
    assert "HTTPValidationError" not in json.dumps(said)


def test_health_readiness_and_metrics(service: Service, client: TestClient, tmp_path: Path) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz").json()
    assert ready["status"] == "ok" and ready["block"] == ready["directory"]["block"]
    text = client.get("/metrics").text
    assert 'stemmata_requests_total{method="GET",route="/healthz",status="200"}' in text
    assert f"stemmata_directory_block {float(ready['block'])}" in text
    assert 'stemmata_request_seconds_count{route="/readyz"}' in text
    # A home whose chain is lost cannot answer, and still is alive.
    lost = home_of(tmp_path)
    shutil.copy(service.home.path / "deployment.json", tmp_path)
    broken = Service(lost, service.database, service.settings)
    with TestClient(create_app(broken)) as other:
        answer = other.get("/readyz")
        assert (answer.status_code, answer.json()["chain"]) == (503, "ChainUnreachable")
        assert other.get("/healthz").status_code == 200


def test_metrics_are_for_this_machine_or_a_token(service: Service, app: FastAPI) -> None:
    assert TestClient(app, client=("192.0.2.7", 1)).get("/metrics").status_code == 403
    behind = TestClient(app, client=("127.0.0.1", 1), headers={"X-Forwarded-For": "192.0.2.7"})
    assert behind.get("/metrics").status_code == 403
    settings = ServiceSettings(database=service.settings.database, metrics_token="to-be-told")
    held = TestClient(create_app(Service(service.home, service.database, settings)), client=("192.0.2.7", 1))
    assert held.get("/metrics").status_code == 401
    assert held.get("/metrics", headers={"Authorization": "Bearer to-be-told"}).status_code == 200


def test_a_line_of_the_log_has_the_route_and_nothing_of_a_person(client: TestClient) -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        logs.configure(stream)
        answer = client.get(f"/v1/tracks?owner={DORA.address}", headers={"X-Request-Id": "bad id\tof mine"})
        client.get("/v1/jobs/AAAAAAAAAAAAAAAAAAAAAA", headers={"X-Request-Id": "from-the-proxy-1"})
        try:
            raise ValueError(str(DORA.address))
        except ValueError:
            logging.getLogger("api.anything").exception("a request failed")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    first, second, third = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (first["method"], first["route"], first["status"]) == ("GET", "/v1/tracks", 200)
    assert first["request"] == answer.headers["x-request-id"] and len(first["request"]) == 16
    assert (second["route"], second["status"], second["request"]) == ("/v1/jobs/{id}", 404, "from-the-proxy-1")
    assert (third["level"], third["error"]) == ("error", "ValueError") and "test_reading.py" in third["raised"][0]
    assert str(DORA.address) not in stream.getvalue() and "AAAAAA" not in stream.getvalue()


COUNT = """
import os, sys
from pathlib import Path
from api.http import metrics
metrics.share(Path(sys.argv[1]), int(sys.argv[2]))
from api.home import Home
from api.service.service import Service
from api.service.settings import ServiceSettings
from api.settings import Settings
settings = ServiceSettings(database=f"sqlite:///{sys.argv[1]}/a.sqlite")
service = Service.open(Home(Settings(home=Path(sys.argv[1], "home"))), settings)
counted = metrics.Metrics(service)
for _ in range(int(sys.argv[3])):
    counted.count("GET", "/x", 200, 0.001)
print(counted.text().decode())
"""


@pytest.mark.slow
def test_processes_of_one_group_count_together(tmp_path: Path) -> None:
    (tmp_path / "999999999").mkdir()  # a group that has ended
    for times, total in ((2, 2), (3, 5)):
        words = [sys.executable, "-c", COUNT, str(tmp_path), str(os.getpid()), str(times)]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert f'stemmata_requests_total{{method="GET",route="/x",status="200"}} {total}.0' in said
        assert f'stemmata_request_seconds_count{{route="/x"}} {total}.0' in said
    assert not (tmp_path / "999999999").exists()
