"""DSSE envelopes: the specification's example, round trips, and everything that is refused."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import envelope
from ledger.envelope import Envelope, Signature, pae
from ledger.errors import MalformedEnvelope

# github.com/secure-systems-lab/dsse, protocol.md, "Test Vectors".
SPECIFICATION = b"""{"payload": "aGVsbG8gd29ybGQ=",
 "payloadType": "http://example.com/HelloWorld",
 "signatures": [{"sig": "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="}]}"""

PRINTABLE = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=30)
SIGNATURES = st.builds(Signature, keyid=st.just("") | PRINTABLE, sig=st.binary(min_size=1, max_size=80))
ENVELOPES = st.builds(
    Envelope,
    payload=st.binary(max_size=200),
    payload_type=PRINTABLE,
    signatures=st.lists(SIGNATURES, min_size=1, max_size=4).map(tuple),
)


def document(**changes: object) -> bytes:
    fields = {"payload": "aGk=", "payloadType": "text/plain", "signatures": [{"keyid": "k", "sig": "AQID"}]}
    return json.dumps({name: value for name, value in (fields | changes).items() if value is not ...}).encode()


def test_pae_of_the_specification() -> None:
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pae("http://example.com/HelloWorld", b"hello world") == expected


def test_pae_counts_bytes_not_characters() -> None:
    assert pae("ü", b"") == b"DSSEv1 2 \xc3\xbc 0 "


def test_the_envelope_of_the_specification() -> None:
    read = Envelope.from_bytes(SPECIFICATION)
    assert read.payload == b"hello world"
    assert read.payload_type == "http://example.com/HelloWorld"
    assert read.pae == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    (signature,) = read.signatures
    assert signature.keyid == ""
    assert len(signature.sig) == 64


@given(ENVELOPES)
def test_reading_gives_back_what_was_written(written: Envelope) -> None:
    data = written.to_bytes()
    assert Envelope.from_bytes(data) == written
    assert Envelope.from_bytes(data).to_bytes() == data


@given(st.binary(max_size=100))
def test_no_bytes_raise_anything_but_the_named_error(data: bytes) -> None:
    with pytest.raises(MalformedEnvelope):
        Envelope.from_bytes(data)


def test_unknown_fields_are_ignored_as_the_specification_asks() -> None:
    data = document(extra={"a": [1]}, signatures=[{"keyid": "k", "sig": "AQID", "cert": "..."}])
    assert Envelope.from_bytes(data) == Envelope.from_bytes(document())


def test_both_base64_alphabets_are_read() -> None:
    payload = b"\xfb\xff\xfe"
    for text in (base64.b64encode(payload).decode(), base64.urlsafe_b64encode(payload).decode()):
        assert Envelope.from_bytes(document(payload=text)).payload == payload


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"[]", "JSON object"),
        (b"{", "JSON"),
        (b'{"payload":"","payload":""}', "'payload' occurs twice"),
        (document(payload=...), "payload"),
        (document(payload=1), "payload"),
        (document(payload="aGk"), "payload"),
        (document(payload="aGl="), "payload"),
        (document(payload="aGk=\n"), "payload"),
        (document(payload="+_8="), "payload"),
        (document(payload="ü"), "payload"),
        (document(payloadType=...), "payloadType"),
        (document(payloadType=""), "payloadType"),
        (document(payloadType="a\nb"), "payloadType"),
        (document(payloadType="t" * 257), "payloadType"),
        (document(signatures=...), "signatures"),
        (document(signatures={}), "signatures"),
        (document(signatures=[]), "signatures"),
        (document(signatures=["AQID"]), r"signatures\[0\]"),
        (document(signatures=[{"keyid": "k"}]), r"signatures\[0\]\.sig"),
        (document(signatures=[{"keyid": 1, "sig": "AQID"}]), r"signatures\[0\]\.keyid"),
        (document(signatures=[{"keyid": "k", "sig": "AQID"}, {"sig": ""}]), r"signatures\[1\]\.sig"),
        (document(signatures=[{"sig": base64.b64encode(bytes(8193)).decode()}]), r"signatures\[0\]\.sig"),
        (document(signatures=[{"keyid": "k", "sig": "AQID"}] * 17), "signatures"),
    ],
)
def test_what_is_no_envelope_is_refused_by_field(data: bytes, field: str) -> None:
    with pytest.raises(MalformedEnvelope, match=field):
        Envelope.from_bytes(data)


def test_too_long_an_envelope_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "MAX_BYTES", 100)
    with pytest.raises(MalformedEnvelope, match="no more than 100"):
        Envelope.from_bytes(b"?" * 101)
