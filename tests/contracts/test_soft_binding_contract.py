"""C2PA's decentralised lookup (SoftBinding.sol): from a watermark to its manifest, JSON in and JSON out."""

import base64
import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from world import fresh

from ledger.contracts import Contracts, deploy

NOWHERE = '{"endpoints":[]}'
NAME = "softBindingValue"
SLOW = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


def encoded(watermark: bytes) -> str:
    return base64.b64encode(watermark).decode()


@pytest.fixture(scope="module")
def track(world):
    return world.track(world.model())


@pytest.fixture(scope="module")
def mark(track) -> bytes:
    return track.id.to_bytes(8)


@pytest.fixture(scope="module")
def found(world, track) -> dict:
    """What is said of the track."""
    tracks = str(world.contracts.deployment.tracks).lower()
    return {"endpoints": [], "manifestId": f"eip155:{world.chain.chain_id}/erc721:{tracks}/{track.id}"}


def ask(world, query: str) -> dict:
    return json.loads(world.contracts.manifest_by_binding(query))


def test_it_describes_itself_as_c2pa_asks(world):
    """C2PA Soft Binding API, decentralized-lookup: an array of methods, here one smart contract and its two schemas."""
    [method] = json.loads(world.view("Tracks", "describe"))
    assert set(method) == {"resolutionMethod", "querySmartContract"}
    assert method["resolutionMethod"] == "smartContract"
    contract = method["querySmartContract"]
    assert contract["smartContractAddress"] == str(world.contracts.deployment.tracks)
    assert contract["byBindingFunctionName"] == "getManifestByBinding"
    assert set(contract) == {
        "smartContractAddress",
        "byBindingFunctionName",
        "byBindingInputSchema",
        "byBindingOutputSchema",
    }
    asked, given = contract["byBindingInputSchema"], contract["byBindingOutputSchema"]
    assert asked["type"] == given["type"] == "object"
    assert asked["properties"][NAME]["type"] == "string"
    assert (asked["required"], given["required"]) == ([NAME], ["endpoints"])
    endpoints = given["properties"]["endpoints"]
    assert (endpoints["type"], endpoints["items"]) == ("array", {"type": "string", "format": "uri"})
    assert given["properties"]["manifestId"]["type"] == "string"


def test_the_function_that_it_names_is_there(world):
    [method] = json.loads(world.view("Tracks", "describe"))
    assert world.view("Tracks", method["querySmartContract"]["byBindingFunctionName"], "") == NOWHERE


def test_a_watermark_leads_to_the_track(world, mark, found):
    assert ask(world, json.dumps({NAME: encoded(mark)})) == found


def test_a_site_says_where_manifests_can_be_had(world, monkeypatch):
    site = "https://example.org/"
    monkeypatch.setattr(world, "contracts", Contracts(world.chain, deploy(world.chain, world.creator, site=site)))
    track = world.track(world.model())
    answer = ask(world, json.dumps({NAME: encoded(track.id.to_bytes(8))}))
    assert answer["endpoints"] == ["https://example.org/c2pa/"]
    assert answer["manifestId"].endswith(f"/{track.id}")
    assert ask(world, json.dumps({NAME: encoded(os.urandom(8))})) == {"endpoints": []}


@pytest.mark.parametrize(
    "query",
    [
        '{ "softBindingValue" :\t"%s" }',
        '{\r\n"softBindingValue":\n  "%s"\n}',
        '{"alg":"softBindingValue","softBindingValue":"%s"}',
        '{"alg":{"name":["x",1,null,"\\"softBindingValue\\":\\"AAAAAAAAAAA=\\""]},"softBindingValue":"%s"}',
        '{"softBinding":"AAAAAAAAAAA=","softBindingValues":"AAAAAAAAAAA=","softBindingValue":"%s"}',
        '{"ton":"für Elise ♪","softBindingValue":"%s"}',
    ],
)
def test_json_is_read_however_it_is_written(world, mark, found, query):
    text = query % encoded(mark)
    assert json.loads(text)[NAME] == encoded(mark)
    assert ask(world, text) == found


def test_the_padding_may_be_left_out(world, mark, found):
    assert ask(world, json.dumps({NAME: encoded(mark).rstrip("=")})) == found


@pytest.mark.parametrize(
    "query",
    [
        "",
        '"',
        "{}",
        "null",
        '"softBindingValue"',
        '{"softBindingValue"',
        '{"softBindingValue":',
        '{"softBindingValue":"',
        '{"softBindingValue": 7}',
        '{"softBindingValue": null}',
        '{"softBindingValue": ["%s"]}',
        '{"softBindingValue": {"a": "%s"}}',
        '{"softbindingvalue": "%s"}',
        '{"value": "%s"}',
        '{"softBindingValue": "%s',
        '{"softBindingValue": "%s="}',
        '{"softBindingValue": "%sA"}',
        '{"softBindingValue": " %s"}',
        '{"softBindingValue": "A%s"}',
        "{'softBindingValue': '%s'}",
        '{"softBindingValue" "%s"}',
    ],
)
def test_what_is_not_as_described_finds_nothing(world, mark, query):
    text = query % encoded(mark) if "%s" in query else query
    assert world.contracts.manifest_by_binding(text) == NOWHERE


def test_a_watermark_has_one_spelling(world, mark):
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    value = encoded(mark)
    last = digits.index(value[10])
    for spelling in range(last + 1, last + 4):  # bits that belong to no byte
        text = json.dumps({NAME: value[:10] + digits[spelling] + "="})
        assert world.contracts.manifest_by_binding(text) == NOWHERE
    hexadecimal, urlsafe = mark.hex(), base64.urlsafe_b64encode(b"\xff" * 8).decode()
    for other in (hexadecimal, hexadecimal[:11], urlsafe, value[:8], value * 2):
        assert world.contracts.manifest_by_binding(json.dumps({NAME: other})) == NOWHERE


@given(st.data())
@SLOW
def test_every_query_as_described_finds_its_track_and_no_other(world, mark, found, data):
    """Whatever stands before and after, and however it is spaced."""
    other = {
        name: value
        for name, value in data.draw(
            st.dictionaries(st.text(max_size=8), st.one_of(st.text(max_size=8), st.integers(), st.none()), max_size=2)
        ).items()
        if name != NAME
    }
    known = data.draw(st.booleans())
    query = {**other, NAME: encoded(mark if known else data.draw(st.binary(min_size=8, max_size=8)))}
    names = data.draw(st.permutations(list(query)))
    text = json.dumps(
        {name: query[name] for name in names},
        indent=data.draw(st.sampled_from([None, 1, "\t"])),
        ensure_ascii=data.draw(st.booleans()),
    )
    assert ask(world, text) == (found if known else {"endpoints": []})


PIECES = st.sampled_from(
    ['"softBindingValue"', ":", '"', "{", "}", ",", " ", "\n", "\\", "=", "A", "\u2028", "\U0001f3b5"]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=3), st.just("MARK")), max_size=12).map("".join))
@SLOW
def test_no_text_is_too_strange_and_none_finds_another_track(world, mark, found, text):
    query = text.replace("MARK", encoded(mark))
    answer = ask(world, query)
    assert answer == {"endpoints": []} or (answer == found and encoded(mark).rstrip("=") in query)


def test_a_track_that_is_not_there_is_not_found(world):
    for mark in (bytes(8), b"\xff" * 8, fresh().raw[:8]):
        assert world.contracts.manifest_by_binding(json.dumps({NAME: encoded(mark)})) == NOWHERE
