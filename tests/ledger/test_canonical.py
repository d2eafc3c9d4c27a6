"""RFC 8785: the RFC's own examples, and the laws that a digest over the bytes relies on."""

import json
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import canonical
from ledger.errors import MalformedRecord

LARGEST = 2**53 - 1
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def cases(vectors: Path) -> dict:
    return json.loads((vectors / "rfc8785.json").read_text())["cases"]


def test_the_strings_of_section_3_2_2(vectors: Path) -> None:
    case = cases(vectors)["strings"]
    assert canonical.encode(json.loads(case["input"])).hex() == case["output_hex"]


def test_the_sorting_of_section_3_2_3(vectors: Path) -> None:
    case = cases(vectors)["sorting"]
    encoded = canonical.encode(json.loads(case["input"]))
    assert list(json.loads(encoded).values()) == case["values_in_order"]


def test_the_weird_names_of_the_authors_repository(vectors: Path) -> None:
    case = cases(vectors)["weird"]
    encoded = canonical.encode(json.loads(case["input"]))
    assert encoded.hex().startswith(case["output_hex"])
    assert encoded.decode().endswith(
        ',"€":"Euro Sign","\U0001f602":"Smiley","\ufb33":"Hebrew Letter Dalet With Dagesh"}'
    )


def test_controls_are_escaped_as_briefly_as_can_be() -> None:
    assert canonical.encode('\b\t\n\f\r\x00\x1f\x7f"\\/é') == '"\\b\\t\\n\\f\\r\\u0000\\u001f\x7f\\"\\\\/é"'.encode()


@given(VALUES)
def test_decode_gives_back_what_was_encoded(value: object) -> None:
    data = canonical.encode(value)
    assert canonical.decode(data) == value
    assert canonical.encode(json.loads(data)) == data


@given(VALUES)
def test_any_other_spelling_is_refused(value: object) -> None:
    canonical_form = canonical.encode(value)
    for other in (json.dumps(value, indent=1).encode(), json.dumps(value).encode(), canonical_form + b"\n"):
        if other != canonical_form:
            with pytest.raises(MalformedRecord):
                canonical.decode(other)
            assert canonical.parse(other) == value


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_the_named_error(data: bytes) -> None:
    try:
        value = canonical.decode(data)
    except MalformedRecord:
        return
    assert canonical.encode(value) == data


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        0.5,
        float("nan"),
        2**53,
        -(2**53),
        b"bytes",
        {1: "x"},
        {"a": object()},
        "\ud800",
        {"\udfff": 1},
        {"a": {1, 2}},
    ],
)
def test_what_has_no_single_spelling_is_refused(value: object) -> None:
    with pytest.raises(MalformedRecord):
        canonical.encode(value)


@pytest.mark.parametrize(
    "data",
    [
        b"1.0",
        b"1e2",
        b"-0",
        b"01",
        b"NaN",
        b"Infinity",
        b"9007199254740992",
        b"-9007199254740992",
        b"9" * 10_000,
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'{"a": 1}',
        b'"\\u0041"',
        b'"\\/"',
        b'"\\ud800"',
        b'"\\u001F"',
        b"\xef\xbb\xbf1",
        b'"\xff"',
        '"a"'.encode("utf-16"),
        b"",
        b"1 ",
        b"[1,]",
        b"[" * 100_000,
        b"[" * 33 + b"]" * 33,
    ],
)
def test_strict_reading(data: bytes) -> None:
    with pytest.raises(MalformedRecord):
        canonical.decode(data)


@pytest.mark.parametrize("data", [b"[" * 1_000_000, b'{"a":' * 1_000_000, b'["\\"", ' * 1_000_000])
def test_deep_nesting_does_not_end_the_process(data: bytes) -> None:
    # As under py-evm, which raises the limit when it is imported.
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)
    try:
        with pytest.raises(MalformedRecord, match="nested deeper than 32"):
            canonical.parse(data)
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("data", [b'"' * 300_001, b'"' + b'\\"' * 300_000, b'"' + b"[" * 300_000, b"\\" * 300_000])
def test_strings_that_never_end_take_no_longer_than_others(data: bytes) -> None:
    with pytest.raises(MalformedRecord, match="not JSON"):
        canonical.parse(data)


def test_brackets_within_strings_are_no_nesting() -> None:
    value = ["[" * 100, "\\[" * 100, '"[' * 100, {"{" * 100: "]" * 100}]
    assert canonical.decode(canonical.encode(value)) == value


def test_nesting_up_to_the_limit_is_read() -> None:
    data = b"[" * canonical.MAX_DEPTH + b"]" * canonical.MAX_DEPTH
    assert canonical.encode(canonical.decode(data)) == data


def test_a_name_given_twice_is_named() -> None:
    with pytest.raises(MalformedRecord, match="'price' occurs twice"):
        canonical.parse(b'{"price": 1, "x": 2, "price": 3}')


def test_a_name_given_twice_among_very_many_is_found_in_time_linear_in_them() -> None:
    members = [f'"{number}":0' for number in range(200_000)]
    begin = time.perf_counter()
    with pytest.raises(MalformedRecord, match="'199999' occurs twice"):
        canonical.parse(("{" + ",".join([*members, members[-1]]) + "}").encode())
    assert time.perf_counter() - begin < 10
