"""Script in every text field: what people write is on the pages as text, on every page that can be reached."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from fastapi.testclient import TestClient

from api.http.app import create_app
from api.service.follower import follow
from api.service.jobs import Jobs
from api.service.service import Service
from api.service.tokens import Tokens
from api.workflows import datasets
from ledger.keys import Signer
from ledger.vault import Vault
from tests.http.signing_in import SITE, service_in, sign_in
from tests.story import PASSPHRASE, TERMS, new_key, now, record_folder

pytestmark = pytest.mark.slow

BAD = """"'><x-eve onload=eve()></script><script>eve()</script><img src=x onerror=eve()>{{7*7}}"""
MOST_PAGES = 80


class Page(HTMLParser):
    """What is on a page: its elements with their attributes, the scripts in it, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.inline = ""
        self._in: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._in = tag

    def handle_endtag(self, tag: str) -> None:
        self._in = None

    def handle_data(self, data: str) -> None:
        if self._in == "script":
            self.inline += data

    def links(self, here: str) -> Iterator[str]:
        for tag, said in self.elements:
            if tag == "a" and "download" not in said:
                url = urldefrag(urljoin(here, said.get("href", ""))).url
                if urlsplit(url).netloc == urlsplit(SITE).netloc:
                    yield url.removeprefix(SITE)


def harmless(path: str, text: str) -> Page:
    found = Page(text)
    assert found.inline.strip() == "", path
    for tag, said in found.elements:
        assert tag != "x-eve", path
        assert not any(name.startswith("on") for name in said), f"{path}: <{tag} {said}>"
        if tag == "script":
            assert said["src"].startswith("/static/"), path
        for name in ("href", "src", "action", "formaction"):
            assert not re.match(r"\s*(javascript|vbscript|data:text)", said.get(name, ""), re.IGNORECASE), path
    assert "49" not in re.findall(r"onerror=eve\(\)(?:&gt;|>)(.{2})", text), path  # no template reads what people write
    return found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("written")
    opened = service_in(folder / "home", rate=10_000)
    Vault.open(opened.home.folder("vault"), PASSPHRASE, scrypt_n=2**12)
    anna = new_key(opened.home, "anna")
    recordings = record_folder(folder / "recordings", "C", "D")
    names = sorted(recordings.glob("*.wav"))
    for number, path in enumerate(names):
        path.rename(recordings / f"{number} <x-eve onload=eve()>\u202e.wav")
    said = {"composer": BAD[:60], "work": BAD[:60], "artist": BAD[:60]}
    (recordings / "labels.json").write_text(json.dumps({path.name: said for path in recordings.glob("*.wav")}))
    datasets.add(opened.home, recordings, title=BAD, license_="CC0-1.0", terms=TERMS, signer=anna, now=now)
    follow(opened)
    asked = {"kind": "register", "upload": BAD, "title": BAD, "license": BAD, "price": BAD, "share": BAD}
    job = Jobs.of(opened).submit(anna.address, "register", asked)
    Jobs.of(opened).submit(None, "audit", {"kind": "audit", "upload": "x" * 22})
    Tokens(opened.database).make(anna.address, BAD[:80], ["read"], 3600, opened.now())
    assert job.id
    yield opened
    opened.close()


@pytest.mark.parametrize("language", ["en", "es"])
def test_xss_no_text_that_people_write_is_more_than_text(service: Service, language: str) -> None:
    client = TestClient(create_app(service), base_url=SITE, headers={"Accept": "text/html"}, client=("127.0.0.1", 1))
    anna: Signer = service.home.signer("anna")
    sign_in(client, anna)
    client.get(f"/?lang={language}")
    todo = ["/", "/account", "/recordings", "/recordings/new", "/recordings/1", "/datasets/1", "/market", "/studio"]
    todo += [
        "/models/new",
        "/music",
        f"/sign-in?next={BAD}",
        f"/find?mark={BAD}",
        f"/checks/{BAD}",
        f"/{BAD}",
        f"/tracks/{BAD}",
    ]
    todo += [f"/jobs/{job.id}" for job in Jobs.of(service).list(anna.address)]
    seen: set[str] = set()
    shown = ""
    while todo and len(seen) < MOST_PAGES:
        path = todo.pop(0)
        if path in seen or path.startswith("/v1/"):
            continue
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code < 500, f"{path}: {answer.text[:200]}"
        if "text/html" in answer.headers["content-type"]:
            shown += answer.text
            todo += harmless(path, answer.text).links(str(answer.url))
    assert len(seen) > 20
    assert "&lt;x-eve" in shown  # it is there, as text


def test_xss_forms_give_what_was_wrong_back_as_text(service: Service) -> None:
    client = TestClient(create_app(service), base_url=SITE, headers={"Accept": "text/html"}, client=("127.0.0.1", 1))
    token = sign_in(client, service.home.signer("anna"))
    forms = ["/account/tokens", "/recordings/1/terms", "/recordings/new", "/studio", "/music/x/offer", "/sign-in"]
    for path in (*forms, "/models/new", "/datasets/1/license"):
        fields = (
            "name",
            "days",
            "scope",
            "price",
            "share",
            "until",
            "title",
            "license",
            "seconds",
            "model",
            "key",
            "next",
            "datasets",
            "preset",
            "seed",
            "royalty",
            "uses",
            "currency",
        )
        answer = client.post(path, data={"csrf": token, **dict.fromkeys(fields, BAD)}, follow_redirects=False)
        assert answer.status_code < 500, path
        assert "eve" not in answer.headers.get("location", "")
        if "text/html" in answer.headers.get("content-type", ""):
            harmless(path, answer.text)


def test_xss_what_is_told_as_json_is_never_read_as_a_page(service: Service) -> None:
    client = TestClient(create_app(service), base_url=SITE, headers={"Accept": "application/json"})
    sign_in(client, service.home.signer("anna"))
    for path in ("/v1/tokens", "/v1/jobs", "/datasets/1/record.json", "/v1/datasets", "/v1/datasets/1", f"/v1/{BAD}"):
        answer = client.get(path)
        assert answer.headers["content-type"].split(";")[0] in ("application/json", "application/problem+json"), path
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_secret_of_a_page_is_kept_by_no_cache(service: Service) -> None:
    client = TestClient(create_app(service), base_url=SITE, headers={"Accept": "text/html"})
    sign_in(client, service.home.signer("anna"))
    for path in ("/account", "/recordings", "/"):
        assert "private" in client.get(path).headers["cache-control"], path
    assert isinstance(service.home.path, Path)
