"""*Check a track* without a browser and without a worker: what the page says of a check at each moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.home import Home
from api.http.app import create_app
from api.pages.check import LAYERS, layers, place, token
from api.service.jobs import Jobs
from api.service.leases import Leases
from api.service.service import Service
from api.service.settings import ServiceSettings
from api.settings import Settings
from ledger.address import Address
from ledger.digest import Digest

WHO = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
CLAIM = str(Digest.of(b"claim"))
HOSTILE = "<script>alert(1)</script>"
FOUND = {"check": "watermark", "status": "ok", "subject": "mark 1", "detail": f"found {HOSTILE}"}
MISSED = {"check": "record", "status": "unverifiable", "subject": "track 1", "detail": "not in the store"}
AWAY = {
    "check": "recordings",
    "status": "note",
    "subject": "dataset 1",
    "detail": "0 of 47 encrypted recordings are in the store",
}
DATASET = {"dataset": 1, "title": f"{HOSTILE} quartets"}
OUTCOME = {
    "verdict": "unverifiable",
    "file": f"{HOSTILE}.wav",
    "sha256": CLAIM,
    "seconds": 6.0,
    "findings": [FOUND, MISSED, AWAY],
    "tracks": [{"track": CLAIM, "creator": WHO, "anchored": None, "model": {"model": 1, "datasets": [DATASET]}}],
    "evidence": [],
    "conclusions": [
        {"case": "original", "verdict": "unverifiable", "track": CLAIM, "certainty": "certain", "because": [HOSTILE]}
    ],
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    settings = Settings(home=tmp_path / "home", instrument=None)
    service = Service.open(Home(settings), ServiceSettings.from_environ({}, settings.home))
    yield service
    service.close()


@pytest.fixture
def client(service: Service) -> TestClient:
    return TestClient(create_app(service), headers={"accept": "text/html"})


def states(page: str) -> dict[str, str]:
    return {name: page.split(f'" id="layer-{name}"', maxsplit=1)[0].rpartition('class="')[2] for name in LAYERS}


def test_a_check_is_told_of_as_far_as_it_has_come(service: Service, client: TestClient) -> None:
    job = Jobs.of(service).submit(None, "audit", {"upload": "u" * 22})
    leases = Leases(service.database, lambda: datetime.now(UTC))
    page = client.get(f"/checks/{job.id}").text
    assert "Waiting for its turn" in page and set(states(page).values()) == {"ahead"}
    assert f'hx-sse:connect="/v1/jobs/{job.id}/events"' in page and 'http-equiv="refresh"' in page

    claim = leases.claim("worker", 60)
    assert claim is not None
    for layer, findings in (("decoded", []), ("watermark", [FOUND])):
        leases.say(claim, "layer", {"layer": layer, "findings": findings, "evidence": []}, layer)
    page = client.get(f"/checks/{job.id}").text
    assert "Looking at it" in page
    assert states(page) == {
        "decoded": "ok",
        "manifest": "passed",
        "watermark": "ok",
        "digest": "going",
        "fingerprint": "ahead",
        "chain": "ahead",
    }

    leases.say(claim, "layer", {"layer": "chain", "findings": [MISSED], "evidence": []}, "chain")
    leases.finish(claim, OUTCOME)
    page = client.get(f"/checks/{job.id}").text
    assert states(page)["chain"] == "unverifiable" and states(page)["digest"] == "passed"
    assert '<p class="said">Unverifiable</p>' in page and 'http-equiv="refresh"' not in page and "hx-sse" not in page
    assert "The recordings themselves are not here" in page.split('class="verdict', 1)[1].split("</div></div>", 1)[0]
    assert f'href="/tracks/{token(OUTCOME["tracks"][0])}"' in page
    assert HOSTILE not in page and "&lt;script&gt;alert(1)&lt;/script&gt; quartets" in page
    assert "No verificable" in client.get(f"/checks/{job.id}?lang=es").text


def test_what_could_not_be_checked_says_why(service: Service, client: TestClient) -> None:
    job = Jobs.of(service).submit(None, "audit", {"upload": "u" * 22})
    leases = Leases(service.database, lambda: datetime.now(UTC))
    claim = leases.claim("worker", 60)
    assert claim is not None
    leases.fail(claim, {"type": "x", "title": "NotAudio", "status": 415, "detail": f"{HOSTILE}: is no audio"})
    page = client.get(f"/checks/{job.id}").text
    assert "This file could not be checked." in page and "&lt;script&gt;alert(1)&lt;/script&gt;: is no audio" in page


def test_only_checks_of_nobodys_are_shown(service: Service, client: TestClient) -> None:
    jobs = Jobs.of(service)
    others = jobs.submit(Address.parse(WHO), "audit", {"upload": "u" * 22})
    batch = jobs.submit(None, "batch", {"upload": "u" * 22})
    for id_ in (others.id, batch.id, "x" * 22, "..%2f.."):
        assert client.get(f"/checks/{id_}").status_code == 404


def test_layers_are_all_there_in_their_order(service: Service) -> None:
    job = Jobs.of(service).submit(None, "audit", {"upload": "u" * 22})
    assert tuple(layer.name for layer in layers(job, [])) == LAYERS


def test_a_token_follows_from_creator_and_claim() -> None:
    # contracts/Vouchers.sol: idOf, the first 8 bytes of sha256(abi.encodePacked(creator, claim))
    assert token({"creator": WHO, "track": CLAIM, "anchored": None}) == int.from_bytes(
        Digest.of(bytes.fromhex(WHO[2:]) + bytes.fromhex(CLAIM)).raw[:8], "big"
    )
    anchored = {"creator": WHO, "track": CLAIM, "anchored": {"root": CLAIM, "index": 0, "size": 1}}
    minted = anchored | {"anchored": None}
    assert token(anchored) is None and place(minted) == f"/tracks/{token(minted)}"
    assert place(anchored) == f"/anchored/{token(minted):016x}"


def test_what_the_framework_refuses_is_said_in_words_and_in_the_language(client: TestClient) -> None:
    for address, language, said in (
        ("/nowhere", "en", "There is nothing at this address."),
        ("/nowhere?lang=es", "es", "En esta dirección no hay nada."),
    ):
        page = client.get(address)
        assert page.status_code == 404 and f"<bdi>{said}</bdi>" in page.text and "Not Found" not in page.text
        assert f'<html lang="{language}">' in page.text
    assert client.get("/v1/nowhere").json()["detail"] == "There is nothing at this address."
    assert client.delete("/v1/models").json()["detail"] == "This address does not take DELETE."
    broken = client.post("/v1/jobs", content=b'{"kind": x}', headers={"content-type": "application/json"})
    assert broken.json()["detail"] == "body: is no JSON from character 9 on, counted from 0"


def test_a_file_that_is_no_sound_is_refused(client: TestClient) -> None:
    answer = client.post("/checks", files={"file": ("x.wav", b"no sound")}, follow_redirects=False)
    assert answer.status_code == 415 and "text/html" in answer.headers["content-type"]
    assert client.post("/checks", data={"search_speed": "on"}).status_code >= 400


@pytest.mark.parametrize("what", ["", "nonsense", "é" * 200, "0" * 63, "1" * 30])
def test_what_names_no_track_is_not_found(client: TestClient, what: str) -> None:
    assert client.get("/find", params={"what": what}, follow_redirects=False).status_code == 404
