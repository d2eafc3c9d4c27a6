"""The resolution of soft bindings, over HTTP, held against the OpenAPI document that C2PA publishes."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
from chords import chords
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from key_server import running
from portfolio import Portfolio, portfolio
from shell import Shell
from story import Story

from api.http.bindings import Bounds, create_bindings_app
from api.workflows.bindings import active_alone, audio_code_of, watermark_of
from gen.audio import encode, load
from ledger.credentials import ISCC, WATERMARK, extract, read
from ledger.errors import Malformed

SMALL = Bounds(upload=1 << 20, samples=14 * 44_100, seconds=20.0)


@pytest.fixture(scope="module")
def made(story: Story) -> Portfolio:
    return portfolio(story)


@pytest.fixture(scope="module")
def url(story: Story) -> Iterator[str]:
    with running(create_bindings_app(story.home, SMALL)) as url:
        yield f"{url}/v1"


@pytest.fixture(scope="module")
def published(vectors: Path) -> dict[str, Any]:
    """C2PA's document, with one fault of it undone: an entry of ``watermarks`` that has what it must have, ``alg``, is
    refused there, since what was meant for the object around it says that it must have ``watermarks``."""
    document: dict[str, Any] = json.loads((vectors / "c2pa_soft_binding_api.json").read_text())["openapi"]
    listed = document["components"]["schemas"]["c2pa.softBindingAlgList"]["properties"]["watermarks"]["items"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"alg": "foo.bar.watermark.1"}, listed)
    del listed["oneOf"]
    return document


@pytest.fixture(scope="module")
def piece(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of the track, as MP3: no manifest, but the mark."""
    path = tmp_path_factory.mktemp("piece") / "piece.mp3"
    encode(path, load(story.track).excerpt(4.0, 16.0), 128)
    assert extract(path) is None
    return path


def of(value: bytes) -> str:
    return base64.b64encode(value).decode()


def name_of(story: Story) -> str:
    credential = read(story.track)
    assert credential is not None
    return credential.id


def conforms(published: dict[str, Any], method: str, path: str, answer: requests.Response) -> None:
    """Status, type and body are as the document says."""
    said = published["paths"][path][method]["responses"]
    assert str(answer.status_code) in said, answer.text
    content = said[str(answer.status_code)]["content"]
    if not content:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
        return
    (kind,) = content
    assert answer.headers["content-type"] == kind
    if "schema" in content[kind]:
        jsonschema.validate(answer.json(), {**content[kind]["schema"], "components": published["components"]})


def test_every_parameter_that_c2pa_names_is_taken(story: Story, published: dict[str, Any]) -> None:
    """By name, place and type, on the same paths and with the same methods; none besides is required."""
    ours = create_bindings_app(story.home).openapi()["paths"]
    for path, methods in published["paths"].items():
        own = ours[f"/v1{path.replace('{manifestId}', '{manifest_id}')}"]
        for method, operation in methods.items():
            given = {
                (each["in"], each["name"].replace("manifest_id", "manifestId")): each
                for each in own[method].get("parameters", [])
            }
            asked = {(each["in"], each["name"]): each for each in operation.get("parameters", [])}
            assert set(given) == set(asked)
            for key, parameter in asked.items():
                assert given[key].get("required", False) == parameter.get("required", False)
                schema = given[key]["schema"]
                kinds = {schema.get("type"), *(each.get("type") for each in schema.get("anyOf", []))}
                assert parameter["schema"]["type"] in kinds
                assert schema.get("default") == parameter["schema"].get("default")


def test_a_watermark_leads_to_the_manifest_of_the_minted_file(
    story: Story, url: str, made: Portfolio, published: dict[str, Any]
) -> None:
    mark = made.track.record.claim.watermark
    query = {"alg": WATERMARK, "value": of(mark)}
    answer = requests.get(f"{url}/matches/byBinding", query, timeout=10)
    conforms(published, "get", "/matches/byBinding", answer)
    name = name_of(story)
    assert answer.json() == {"matches": [{"manifestId": name, "similarityScore": 100}]}
    posted = requests.post(
        f"{url}/matches/byBinding", json={"alg": WATERMARK, "value": of(mark.hex().encode())}, timeout=10
    )
    conforms(published, "post", "/matches/byBinding", posted)
    assert posted.json() == answer.json()
    token = made.names.track(made.track.entry.id)
    for called in (name, token, token.lower()):
        manifest = requests.get(f"{url}/manifests/{called}", timeout=10)
        conforms(published, "get", "/manifests/{manifestId}", manifest)
        assert manifest.content == extract(story.track)
    other = requests.get(f"{url}/matches/byBinding", {**query, "value": of(bytes(8))}, timeout=10)
    conforms(published, "get", "/matches/byBinding", other)
    assert other.json() == {"matches": []}


def test_an_iscc_leads_there_too_as_units_and_as_text(story: Story, url: str, made: Portfolio) -> None:
    iscc = made.track.record.iscc
    text = iscc.removeprefix("ISCC:")
    unit = base64.b32decode(text + "=" * (-len(text) % 8))
    near = unit[:-1] + bytes([unit[-1] ^ 0b111])
    data_code = bytes.fromhex("3001" + "00" * 8)
    for value, score in ((unit, 100), (iscc.encode(), 100), (data_code + unit, 100), (near, 95)):
        answer = requests.get(f"{url}/matches/byBinding", {"alg": ISCC, "value": of(value)}, timeout=10)
        assert answer.json() == {"matches": [{"manifestId": name_of(story), "similarityScore": score}]}
    far = unit[:2] + bytes(byte ^ 0xFF for byte in unit[2:])
    assert requests.get(f"{url}/matches/byBinding", {"alg": ISCC, "value": of(far)}, timeout=10).json()["matches"] == []


AUDIO = {"Content-Type": "audio/mpeg"}


def matched(url: str, path: Path, published: dict[str, Any], **query: str) -> list[dict[str, Any]]:
    answer = requests.post(f"{url}/matches/byContent", path.read_bytes(), params=query, headers=AUDIO, timeout=60)
    conforms(published, "post", "/matches/byContent", answer)
    found: list[dict[str, Any]] = answer.json()["matches"]
    return found


@pytest.mark.slow
def test_a_piece_that_was_encoded_again_leads_there(
    story: Story, url: str, piece: Path, published: dict[str, Any]
) -> None:
    (match,) = matched(url, piece, published)
    assert match["manifestId"] == name_of(story)
    assert match["similarityScore"] >= 80


@pytest.mark.slow
def test_one_algorithm_alone_and_hints(
    story: Story, url: str, piece: Path, published: dict[str, Any], tmp_path: Path
) -> None:
    for alg in (WATERMARK, ISCC):
        assert [match["manifestId"] for match in matched(url, piece, published, alg=alg)] == [name_of(story)]
    other = tmp_path / "other.mp3"
    encode(other, chords(6.0, 77), 128)
    assert matched(url, other, published) == []
    mark = of(portfolio(story).track.record.claim.watermark)
    hinted = matched(url, other, published, hintAlg=WATERMARK, hintValue=mark)
    assert [match["manifestId"] for match in hinted] == [name_of(story)]


def test_algorithms_are_listed(url: str, published: dict[str, Any]) -> None:
    answer = requests.get(f"{url}/services/supportedAlgorithms", timeout=10)
    conforms(published, "get", "/services/supportedAlgorithms", answer)
    assert answer.json() == {"watermarks": [{"alg": WATERMARK}], "fingerprints": [{"alg": ISCC}]}


MARK = of(bytes(range(8)))
REFUSED: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("get", "/matches/byBinding", {"params": {"alg": "com.adobe.trustmark.P", "value": MARK}}, 400, "alg"),
    ("get", "/matches/byBinding", {"params": {"alg": WATERMARK, "value": of(bytes(7))}}, 400, "8 bytes"),
    ("get", "/matches/byBinding", {"params": {"alg": WATERMARK, "value": "no*base64"}}, 400, "base64"),
    ("get", "/matches/byBinding", {"params": {"alg": WATERMARK}}, 400, "value"),
    ("get", "/matches/byBinding", {"params": {"alg": WATERMARK, "value": MARK, "maxResults": 0}}, 400, "maxResults"),
    ("get", "/matches/byBinding", {"params": {"alg": ISCC, "value": of(b"\x22\x01short")}}, 400, "ISCC units"),
    ("get", "/matches/byBinding", {"params": {"alg": WATERMARK, "value": "A" * 5000}}, 414, "longer"),
    ("post", "/matches/byBinding", {"data": "[]"}, 400, "JSON object"),
    ("post", "/matches/byBinding", {"data": "[" * 50_000}, 400, "JSON object"),
    ("post", "/matches/byBinding", {"json": {"alg": WATERMARK, "value": 7}}, 400, "value"),
    ("post", "/matches/byContent", {"data": b"x", "headers": {"Content-Type": "image/png"}}, 415, "image/png"),
    ("post", "/matches/byContent", {"data": b"no sound", "headers": {"Content-Type": "audio/wav"}}, 415, "the asset"),
    ("get", "/manifests/elsewhere", {}, 400, "the name of no manifest"),
    ("get", "/manifests/urn:c2pa:00000000-0000-4000-8000-000000000000", {}, 404, "urn:c2pa"),
    ("get", "/manifests/eip155:1/erc721:0x0000000000000000000000000000000000000001/7", {}, 404, "eip155"),
]


@pytest.mark.parametrize(("method", "path", "given", "status", "words"), REFUSED)
def test_what_cannot_be_answered_is_a_problem_as_published(
    url: str, published: dict[str, Any], method: str, path: str, given: dict[str, Any], status: int, words: str
) -> None:
    answer = requests.request(method, f"{url}{path}", timeout=10, **given)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]
    conforms(published, method, "/manifests/{manifestId}" if path.startswith("/manifests") else path, answer)


@pytest.mark.slow
def test_limits_are_kept(story: Story, url: str, tmp_path: Path) -> None:
    """On bytes, on the length of the sound, and on how many files at once."""
    header = {"Content-Type": "audio/wav"}
    long = requests.post(f"{url}/matches/byContent", bytes((1 << 20) + 1), headers=header, timeout=10)
    assert (long.status_code, long.json()["title"]) == (413, "TooLong")
    encode(tmp_path / "long.mp3", chords(8.0, 1), 32)
    answer = requests.post(f"{url}/matches/byContent", (tmp_path / "long.mp3").read_bytes(), headers=header, timeout=30)
    assert (answer.status_code, answer.json()["title"]) == (415, "TooLong")
    assert requests.post(f"{url}/matches/byBinding", data=bytes(1 << 17), timeout=10).status_code == 413

    def trickle() -> Iterator[bytes]:
        yield b"RIFF"
        time.sleep(1.0)
        yield b"more"

    for bounds, body, status in (
        (Bounds(received=0), b"x", 503),
        (Bounds(at_once=0, patience=0.1), b"x", 503),
        (Bounds(arriving=0.3), trickle(), 408),
    ):
        with running(create_bindings_app(story.home, bounds)) as other:
            refused = requests.post(f"{other}/v1/matches/byContent", body, headers=header, timeout=10)
        assert refused.status_code == status
        assert (status == 503) == ("Retry-After" in refused.headers)


def test_the_active_manifest_is_cut_out_of_a_store_of_two(story: Story, url: str) -> None:
    store = extract(story.track)
    assert store is not None
    alone = requests.get(f"{url}/manifests/{name_of(story)}", {"returnActiveManifest": "true"}, timeout=10)
    assert alone.content == store
    described = struct.unpack_from(">I", store, 8)[0]
    description, manifest = store[8 : 8 + described], store[8 + described :]
    older = manifest.replace(name_of(story).encode(), b"urn:c2pa:" + b"0" * (len(name_of(story)) - 9))
    content = description + older + manifest
    assert active_alone(struct.pack(">I4s", 8 + len(content), b"jumb") + content) == store


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=40) | st.binary(max_size=20).map(b"ISCC:".__add__))
def test_a_value_of_any_bytes_is_read_or_refused(value: bytes) -> None:
    for read_value in (watermark_of, audio_code_of):
        with contextlib.suppress(Malformed):
            read_value(value)


def test_the_command_needs_tracks_and_a_free_place(story: Story, tmp_path: Path) -> None:
    said = Shell(tmp_path / "nothing").refusal("serve-bindings", code=2)
    assert "holds no tracks" in said
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "another program does" in Shell(story.home.path).refusal("serve-bindings", "--port", port, code=2)
