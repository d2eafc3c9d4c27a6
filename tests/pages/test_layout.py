"""What every page has: a language, an error in words, and files that may be kept for good."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from fastapi.testclient import TestClient

from api.home import Home
from api.http.app import create_app
from api.pages import assets, english, language, spanish
from api.reports.texts import TABLES
from api.service.service import Service
from api.service.settings import ServiceSettings
from api.settings import Settings


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(home=tmp_path / "home", instrument=None)
    service = Service.open(Home(settings), ServiceSettings.from_environ({}, settings.home))
    with TestClient(create_app(service), headers={"accept": "text/html"}) as client:
        yield client
    service.close()


def places(text: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(text)} - {None}


def test_both_languages_say_all() -> None:
    assert list(english.TEXTS) == list(spanish.TEXTS)
    for key, text in english.TEXTS.items():
        assert places(text) == places(spanish.TEXTS[key]), key


def test_no_two_parts_have_a_key_in_common() -> None:
    for tables, reports in ((english, TABLES["en"]), (spanish, TABLES["es"])):
        keys = [key for part in tables.PARTS for key in part] + list(reports)
        assert len(keys) == len(set(keys))


def test_every_word_of_a_template_is_known() -> None:
    folder = Path(language.__file__).parent / "templates"
    asked = {key for file in folder.iterdir() for key in re.findall(r'\bt\("([^"]+)"(?! ~)', file.read_text())}
    assert asked
    assert {key for key in asked if key not in english.TEXTS and key not in TABLES["en"]} == set()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "en"),
        ("es", "es"),
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("de, en;q=0.5, es;q=0.7", "es"),
        ("en;q=0.9, es;q=0.9", "en"),
        ("es;q=0", "en"),
        ("es;q=x, ;;,", "en"),
    ],
)
def test_the_browser_says_which_language(client: TestClient, header: str, expected: str) -> None:
    answer = client.get("/", headers={"accept-language": header})
    assert answer.headers["content-language"] == expected
    assert f'<html lang="{expected}">' in answer.text


def test_a_choice_is_kept(client: TestClient) -> None:
    chosen = client.get("/?lang=es", headers={"accept-language": "en"})
    assert 'lang="es"' in chosen.text
    assert client.get("/", headers={"accept-language": "en"}).headers["content-language"] == "es"
    client.get("/?lang=xx")
    assert client.get("/").headers["content-language"] == "es"


def test_what_is_not_there_is_said_in_words(client: TestClient) -> None:
    answer = client.get("/nowhere<script>")
    assert answer.status_code == 404 and answer.headers["content-type"].startswith("text/html")
    assert "Nothing lies here" in answer.text and "<script>" not in answer.text.split("<main", 1)[1]
    problem = client.get("/nowhere", headers={"accept": "application/json"})
    assert problem.status_code == 404 and problem.json()["title"] == "NoSuchThing"


@pytest.mark.parametrize(
    "path",
    [
        "/tracks/first",
        f"/tracks/{2**64}",
        "/tracks/29A5e6f7",
        f"/market/{2**64}",
        "/datasets/0",
        f"/models/{'9' * 5000}",
    ],
)
def test_an_address_that_nothing_can_have_is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404 and "Nothing lies here" in answer.text


@pytest.mark.parametrize(
    ("path", "stays"),
    [
        ("/tracks/29a5000000000000?lang=es", f"/tracks/{0x29A5 << 48}?lang=es"),
        ("/tracks/0000000000000010", "/tracks/16"),  # a watermark: no token is written with zeros
        ("/market/3001?lang=es", "/market/0000000000000bb9?lang=es"),
    ],
)
def test_both_names_of_a_track_lead_to_its_page(client: TestClient, path: str, stays: str) -> None:
    answer = client.get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (308, stays)


def test_a_file_is_kept_for_good_under_the_name_of_its_bytes(client: TestClient) -> None:
    page = client.get("/").text
    names = re.findall(r'/static/([\w.]+)"', page)
    assert names
    for name in names:
        answer = client.get(f"/static/{name}")
        assert answer.status_code == 200 and answer.headers["cache-control"] == assets.FOREVER
    assert client.get("/static/style.css").status_code == 404
    assert client.get("/static/..%2flayout.py").status_code == 404


def test_a_style_sheet_names_the_files_that_it_needs_as_they_are_served() -> None:
    style = assets.asset("style.css").data.decode()
    named = re.findall(r"url\(([^)]+)\)", style)
    assert named and {name.removeprefix("/static/") for name in named} <= set(assets.served())


def test_what_is_compressed_is_the_same(client: TestClient) -> None:
    found = assets.asset("style.css")
    assert found.packed is not None and gzip.decompress(found.packed) == found.data
    whole = client.get("/", headers={"accept-encoding": "identity"})
    packed = client.get("/", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in whole.headers
    assert packed.text == whole.text
