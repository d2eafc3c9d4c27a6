"""Jobs, uploads and the public detector over HTTP: whose they are, what is refused, and what is told of them."""

from __future__ import annotations

import asyncio
import fcntl
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, suppress
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.home import Home, Ledger
from api.http.job_shapes import JobShape
from api.service import asking
from api.service.jobs import Jobs
from api.service.leases import Leases
from api.service.service import Service
from api.service.tokens import Tokens
from api.service.uploads import Uploads
from ledger.address import Address
from ledger.errors import ChainUnreachable
from tests.http.signing_in import client_of, service_in

BEN = Address(bytes(19) + b"b")
WAV = (
    b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x44\xac\x00\x00\x88\x58\x01\x00\x02\x00\x10\x00data"
)
OFFER = {"kind": "list", "track": "29a5000000000001", "price": "2"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    opened = service_in(tmp_path_factory.mktemp("home"), quota=3, upload=1000)
    opened.home.keystore().new("anna", "open sesame", scrypt_n=2**12)
    yield opened
    opened.close()


@pytest.fixture
def client(service: Service) -> TestClient:
    return client_of(service)


def token(service: Service, account: Address, *scopes: str) -> dict[str, str]:
    made = Tokens(service.database).make(
        account, "test", scopes or ("read", "upload", "jobs", "money"), 600, service.now()
    )
    return {"Authorization": f"Bearer {made[1]}"}


@pytest.fixture
def anna(service: Service) -> Iterator[dict[str, str]]:
    address = service.home.keystore().address("anna")
    yield token(service, address)
    for job in Jobs.of(service).list(address):
        if not job.over:
            Jobs.of(service).cancel(job.id)
    Tokens(service.database).end_all(address)


@pytest.fixture
def ben(service: Service) -> Iterator[dict[str, str]]:
    yield token(service, BEN)
    Tokens(service.database).end_all(BEN)


def refused(answer: Any, status: int, name: str) -> str:
    assert (answer.status_code, answer.json()["title"]) == (status, name), answer.text
    return str(answer.json()["detail"])


def test_a_job_is_its_accounts_alone(client: TestClient, anna: dict[str, str], ben: dict[str, str]) -> None:
    asked = client.post("/v1/jobs", json=OFFER, headers=anna)
    assert asked.status_code == 202
    job = asked.json()
    JobShape.model_validate(job, extra="forbid")  # as it is described
    assert asked.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert (job["state"], job["kind"], job["request"]["price"]) == ("waiting", "list", "2")
    here = job["links"]["self"]
    assert client.get(here, headers=anna).json()["id"] == job["id"]
    for stranger in (ben, {}):
        for method, path in (
            ("GET", here),
            ("DELETE", here),
            ("POST", f"{here}/retry"),
            ("GET", f"{here}/events"),
            ("GET", f"{here}/files/a.wav"),
            ("GET", f"{here}/variations/1/sound"),
        ):
            refused(client.request(method, path, headers=stranger), 404, "NoSuchThing")
    assert client.get("/v1/jobs", headers=ben).json() == {"jobs": [], "next": None}
    refused(client.get("/v1/jobs"), 401, "NotSignedIn")
    assert client.delete(here, headers=anna).json()["state"] == "cancelled"
    assert client.post(f"{here}/retry", headers=anna).json()["state"] == "waiting"


def test_pages_lead_on(client: TestClient, anna: dict[str, str]) -> None:
    made = [client.post("/v1/jobs", json=OFFER, headers=anna).json()["id"] for _ in range(3)]
    page = client.get("/v1/jobs?most=2", headers=anna).json()
    assert [job["id"] for job in page["jobs"]] == [made[2], made[1]]
    rest = client.get(page["next"], headers=anna).json()
    assert rest["jobs"][0]["id"] == made[0]


def test_what_cannot_be_done_is_refused_at_once(
    client: TestClient, service: Service, anna: dict[str, str], ben: dict[str, str]
) -> None:
    refused(client.post("/v1/jobs", json=OFFER), 401, "NotSignedIn")
    assert "stemmata key import" in refused(client.post("/v1/jobs", json=OFFER, headers=ben), 409, "KeyElsewhere")
    address = service.home.keystore().address("anna")
    refused(client.post("/v1/jobs", json=OFFER, headers=token(service, address, "jobs")), 403, "NotPermitted")
    money = client.post("/v1/jobs", json=OFFER, headers=anna).json()["links"]
    Jobs.of(service).cancel(money["self"].rpartition("/")[2])
    weak = token(service, address, "upload", "jobs")
    for method, path in (
        ("GET", money["self"]),
        ("GET", money["events"]),
        ("POST", money["retry"]),
        ("DELETE", money["self"]),
    ):
        refused(client.request(method, path, headers=weak), 403, "NotPermitted")
    for wrong in (
        {"kind": "nonsense"},
        {"kind": "audit", "upload": "x" * 22},
        {**OFFER, "more": 1},
        {**OFFER, "price": "free"},
        {"kind": "unlist", "track": "/etc/passwd"},
        {"kind": "train", "datasets": [1], "preset": "../../preset"},
        {"kind": "mint", "job": "x" * 22, "file": "../track-1.wav"},
        {"kind": "generate", "seconds": 3600, "variations": 2},
        {"kind": "grant", "subject": "dataset", "id": 1, "to": "0x12", "uses": ["train"]},
        {"kind": "batch", "upload": "../../../../../../../../"},
    ):
        refused(client.post("/v1/jobs", json=wrong, headers=anna), 422, "Malformed")
    mine = token(service, address, "read", "upload", "jobs", "money")
    made = client.post("/v1/jobs", json=OFFER, headers=mine).json()["id"]
    Jobs.of(service).cancel(made)
    for missing in (
        {"kind": "train", "datasets": [999]},
        {"kind": "generate", "model": 999},
        {"kind": "license", "subject": "model", "id": 999, "uses": ["generate"]},
        {"kind": "withdraw", "id": 999},
        {"kind": "mint", "job": made, "file": "nosuch.wav"},
    ):
        refused(client.post("/v1/jobs", json=missing, headers=anna), 404, "NoSuchThing")
    strange = client.post("/v1/jobs", json={"kind": "train", "datasets": [1], "preset": "nosuch"}, headers=anna)
    assert "base, small, tiny" in refused(strange, 404, "NoSuchThing")
    slip = client.post("/v1/jobs", json={**OFFER, "price": str(10**18)}, headers=anna)
    assert "not in wei" in refused(slip, 400, "Malformed")
    plain = client.post("/v1/jobs", content=json.dumps(OFFER), headers={**anna, "Content-Type": "text/plain"})
    assert "application/json" in refused(plain, 415, "Refused")
    for _ in range(3):
        assert client.post("/v1/jobs", json=OFFER, headers=anna).status_code == 202
    answer = client.post("/v1/jobs", json=OFFER, headers=anna)
    refused(answer, 429, "TooMany")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_request_with_a_key_is_one_job(client: TestClient, anna: dict[str, str]) -> None:
    headers = {**anna, "Idempotency-Key": "once"}
    first, second = (client.post("/v1/jobs", json=OFFER, headers=headers) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    refused(client.post("/v1/jobs", json={**OFFER, "price": "3"}, headers=headers), 409, "RequestConflict")


def test_nobody_waits_while_a_request_with_a_key_asks_the_chain(
    client: TestClient, service: Service, anna: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def reading(home: Home) -> AbstractContextManager[Ledger]:
        with closing(sqlite3.connect(service.database.engine.url.database or "", timeout=0)) as other:
            other.execute("begin immediate")  # as whoever wants to write does
        asked.append("the chain")
        raise ChainUnreachable("the node is slow")

    monkeypatch.setattr(Home, "reading", reading)
    for kind in ({"kind": "buy", "track": "29a5000000000002"}, {"kind": "license", "subject": "dataset", "id": 1}):
        many = {"uses": ["train"]} if kind["kind"] == "license" else {}
        answer = client.post("/v1/jobs", json={**kind, **many}, headers={**anna, "Idempotency-Key": str(kind["kind"])})
        assert (answer.status_code, bool(asked)) == (202, True), answer.text
        asked.clear()


def test_events_are_told_from_where_one_was(client: TestClient, service: Service, anna: dict[str, str]) -> None:
    id_ = client.post("/v1/jobs", json={"kind": "income"}, headers=anna).json()["id"]
    leases = Leases(service.database, service.now)

    def work() -> None:
        claim = leases.claim("w", 60, without=("list", "audit"))
        assert claim is not None
        leases.say(claim, "progress", {"phase": "ä", "done": 1, "total": None}, topic="ä")
        leases.finish(claim, {"market": "1"})

    threading.Timer(0.1, work).start()  # while somebody watches
    told = client.get(f"/v1/jobs/{id_}/events", headers=anna)
    assert told.headers["Content-Type"].startswith("text/event-stream")
    said = [
        (int(lines[0][4:]), lines[1][7:], json.loads(lines[2][6:]))
        for lines in (block.split("\n") for block in told.text.split("\n\n"))
        if lines[0].startswith("id: ")
    ]
    assert said == [
        (1, "state", {"state": "waiting"}),
        (2, "state", {"state": "running"}),
        (3, "progress", {"phase": "ä", "done": 1, "total": None}),
        (4, "state", {"state": "done"}),
    ]
    again = client.get(f"/v1/jobs/{id_}/events", headers={**anna, "Last-Event-ID": "3"})
    assert again.text.count("id: ") == 1
    assert client.get(f"/v1/jobs/{id_}/events?after=4", headers=anna).status_code == 204


def test_files_of_a_job(client: TestClient, service: Service, anna: dict[str, str]) -> None:
    job = client.post("/v1/jobs", json=OFFER, headers=anna).json()
    folder = asking.folder(service, Jobs.of(service).get(job["id"]))
    folder.mkdir()
    (folder / "track-1.wav").write_bytes(WAV * 20)
    (folder / "report-en.html").write_text("<p>")
    (folder / ".hidden").write_text("not for anybody")
    files = client.get(job["links"]["self"], headers=anna).json()["files"]
    assert [file["name"] for file in files] == ["report-en.html", "track-1.wav"]
    part = client.get(files[1]["url"], headers={**anna, "Range": "bytes=0-3"})
    assert (part.status_code, part.content, part.headers["Content-Type"]) == (206, b"RIFF", "audio/wav")
    report = client.get(files[0]["url"], headers=anna)
    assert "sandbox" in report.headers["Content-Security-Policy"]
    for name in (".hidden", "..%2f..%2fservice.sqlite", "%2fetc%2fpasswd", "other.wav"):
        assert client.get(f"/v1/jobs/{job['id']}/files/{name}", headers=anna).status_code == 404


def test_a_track_is_heard_while_it_is_made(
    client: TestClient, service: Service, anna: dict[str, str], ben: dict[str, str]
) -> None:
    job = client.post("/v1/jobs", json=OFFER, headers=anna).json()
    folder, sound = asking.folder(service, Jobs.of(service).get(job["id"])), f"/v1/jobs/{job['id']}/variations/1/sound"
    refused(client.get(sound, headers=anna), 404, "NoSuchThing")
    folder.mkdir()
    with (folder / ".track-1.00.growing.wav").open("wb") as growing:
        fcntl.flock(growing, fcntl.LOCK_EX)
        growing.write(WAV)
        growing.flush()

        def go_on() -> None:
            growing.write(b"more")
            growing.flush()
            fcntl.flock(growing, fcntl.LOCK_UN)

        threading.Timer(0.4, go_on).start()
        heard = client.get(sound, headers={**anna, "Range": "bytes=4-"})
    assert (heard.status_code, heard.content, heard.headers["Content-Type"]) == (200, WAV + b"more", "audio/wav")
    assert (heard.headers["Accept-Ranges"], heard.headers["Cache-Control"]) == ("none", "no-store")
    assert "Content-Length" not in heard.headers
    for stranger in (ben, {}):
        refused(client.get(sound, headers=stranger), 404, "NoSuchThing")
    address = service.home.keystore().address("anna")
    refused(client.get(sound, headers=token(service, address, "jobs")), 403, "NotPermitted")
    for wrong in ("0", "17", "..", "1.wav"):
        assert client.get(sound.replace("/1/", f"/{wrong}/"), headers=anna).status_code in (404, 422)
    (folder / "track-1.wav").write_bytes(WAV)
    part = client.get(sound, headers={**anna, "Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")
    client.delete(job["links"]["self"], headers=anna)
    assert [path.name for path in folder.iterdir()] == ["track-1.wav"]  # what was to be heard meanwhile is gone


def test_uploads(client: TestClient, service: Service, anna: dict[str, str], ben: dict[str, str]) -> None:
    made = client.post("/v1/uploads", headers=anna).json()
    place = f"/v1/uploads/{made['id']}"
    folder = Uploads.of(service).path(Uploads.of(service).get(made["id"], service.home.keystore().address("anna")))
    assert client.put(f"{place}/files/new/Übung%201.wav", content=WAV, headers=anna).json()["bytes"] == len(WAV)
    assert (folder / "new" / "Übung 1.wav").read_bytes() == WAV
    assert client.put(f"{place}/files/new/Übung%201.wav", content=WAV + b"1", headers=anna).status_code == 200
    assert client.put(f"{place}/files/labels.csv", content=b"file,genre\n", headers=anna).status_code == 200
    assert client.get(place, headers=anna).json()["files"] == 2
    assert client.get(place, headers=anna).json()["bytes"] == len(WAV) + 12
    for name in (
        "..%2fa.wav",
        "a%2f..%2f..%2fb.wav",
        ".hidden.wav",
        "a%00.wav",
        "%5cshare.wav",
        "a%2f",
        "x" * 300,
    ):
        refused(client.put(f"{place}/files/{name}", content=WAV, headers=anna), 400, "Malformed")
    for name in ("labels.csv/a.wav", "new"):  # a file is no folder
        refused(client.put(f"{place}/files/{name}", content=WAV, headers=anna), 400, "Malformed")
    refused(client.put(f"{place}/files/a/labels.csv", content=b"file,genre\n", headers=anna), 415, "NotAudio")
    page = client.put(f"{place}/files/page.wav", content=b"<script>alert(1)</script>", headers=anna)
    assert "AIFF" in refused(page, 415, "NotAudio")
    refused(client.put(f"{place}/files/none.wav", content=b"", headers=anna), 415, "EmptyAudio")
    refused(client.put(f"{place}/files/big.wav", content=WAV * 30, headers=anna), 413, "TooLarge")
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["labels.csv", "Übung 1.wav"]
    for method, path in (("GET", place), ("PUT", f"{place}/files/a.wav"), ("DELETE", place)):
        refused(client.request(method, path, headers=ben), 404, "NoSuchThing")
    for stranger, name, status, title in (
        (ben, "labels.csv", 404, "NoSuchThing"),
        (anna, "other.wav", 404, "NoSuchThing"),
        (anna, "new", 400, "Malformed"),
        (anna, "..%2f..%2fservice.sqlite", 400, "Malformed"),
    ):
        refused(client.delete(f"{place}/files/{name}", headers=stranger), status, title)
    assert client.delete(f"{place}/files/new/Übung%201.wav", headers=anna).status_code == 204
    assert [path.name for path in folder.iterdir()] == ["labels.csv"]
    left = client.get(place, headers=anna).json()
    assert (left["files"], left["bytes"]) == (1, 11)
    asked = {"kind": "batch", "upload": made["id"]}
    refused(client.post("/v1/jobs", json=asked, headers=ben), 404, "NoSuchThing")
    assert client.post("/v1/jobs", json=asked, headers=anna).status_code == 202
    assert client.delete(place, headers=anna).status_code == 204
    assert not folder.exists()


def test_what_is_refused_goes_without_keeping_others_waiting(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = []
    drop = Uploads.drop

    def watched(uploads: Uploads, id: str) -> None:
        with suppress(RuntimeError):
            waited.append(asyncio.get_running_loop())  # which would answer nobody until the database lets it
        drop(uploads, id)

    monkeypatch.setattr(Uploads, "drop", watched)
    before = set((service.home.path / "uploads").iterdir())
    refused(client.post("/v1/audits", content=b"no sound at all"), 415, "NotAudio")
    assert set((service.home.path / "uploads").iterdir()) == before
    assert not waited


def test_anybody_may_ask_where_a_file_comes_from(client: TestClient, service: Service) -> None:
    plain = client.post("/v1/audits?name=..%2Fa%00b.wav", content=WAV, headers={"Content-Type": "audio/wav"})
    form = client.post("/v1/audits", files={"file": ("../../e/take <b>.wav", WAV)}, data={"search_speed": "on"})
    for answer, name, speed in ((plain, "audio", False), (form, "take <b>.wav", True)):
        assert answer.status_code == 202, answer.text
        job = answer.json()
        assert (job["kind"], job["account"], job["request"]["search_speed"]) == ("audit", None, speed)
        folder = service.home.folder("uploads") / job["request"]["upload"]
        assert [path.name for path in folder.iterdir()] == [name]
        assert client.get(job["links"]["self"]).status_code == 200  # whoever has the link
    before = set(service.home.folder("uploads").iterdir())
    refused(client.post("/v1/audits", content=b"text"), 415, "NotAudio")
    refused(client.post("/v1/audits", data={"other": "1"}, files={"wrong": ("a.wav", WAV)}), 400, "Malformed")
    refused(client.post("/v1/audits", content=WAV * 30), 413, "TooLarge")
    assert set(service.home.folder("uploads").iterdir()) == before  # nothing of what was refused stays
