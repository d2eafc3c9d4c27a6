"""The Key record: round trips, every field bound, and events that contradict themselves."""

import base64
import json
from dataclasses import replace

import facts
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import canonical, records, signing
from ledger.companions import Companions
from ledger.digest import Digest
from ledger.envelope import Envelope
from ledger.errors import DigestMismatch, Invalid, LedgerError, Malformed, MalformedRecord, SignatureInvalid
from ledger.keys import LocalSigner
from ledger.records import REASONS, KeyRecord, Record

SIGNER = LocalSigner(bytes(31) + b"\x07")
KEYS = [Companions(bytes([number]) * 96).public for number in (1, 2, 3)]


def published() -> KeyRecord:
    return KeyRecord(facts.HOLDER, "published", KEYS[0], None, None, None, facts.NOW)


def rotated() -> KeyRecord:
    return KeyRecord(facts.HOLDER, "rotated", KEYS[0], facts.TRAINER, "superseded", None, facts.NOW)


def revoked() -> KeyRecord:
    return KeyRecord(facts.HOLDER, "revoked", None, None, "compromised", "2026-11-01T00:00:00Z", facts.NOW)


SAMPLES = [published, rotated, revoked]


@st.composite
def events(draw: st.DrawFn) -> KeyRecord:
    event = draw(st.sampled_from(["published", "rotated", "revoked"]))
    account, successor = draw(st.lists(facts.ADDRESSES, min_size=2, max_size=2, unique=True))
    reason = None if event == "published" else draw(st.sampled_from(REASONS))
    since, created = sorted([draw(facts.TIMES), draw(facts.TIMES)])
    return KeyRecord(
        account=account,
        event=event,
        keys=draw(st.sampled_from(KEYS if event == "published" else [*KEYS, None])),
        successor=successor if event == "rotated" else None,
        reason=reason,
        compromised_since=draw(st.sampled_from([None, since])) if reason == "compromised" else None,
        created=created,
    )


@settings(deadline=None, max_examples=50)
@given(events())
def test_reading_gives_back_what_was_written(record: KeyRecord) -> None:
    payload = record.payload()
    read = records.read(payload)
    assert read == record
    assert hash(read) == hash(record)
    assert read.payload() == payload
    assert read.digest == record.digest == Digest.of(payload)
    assert canonical.decode(payload) == json.loads(payload) == record.to_statement()


@settings(deadline=None, max_examples=50)
@given(events(), st.data())
def test_any_altered_byte_is_refused_or_another_record(record: KeyRecord, data: st.DataObject) -> None:
    payload = bytearray(record.payload())
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        read = records.read(bytes(payload))
    except (MalformedRecord, Invalid):
        return
    assert isinstance(read, Record)
    assert read != record
    assert read.digest != record.digest


@settings(deadline=None, max_examples=25)
@given(events(), st.data())
def test_any_altered_byte_of_a_signed_record_is_noticed(record: KeyRecord, data: st.DataObject) -> None:
    written = bytearray(signing.sign(record.payload(), SIGNER).to_bytes())
    written[data.draw(st.integers(0, len(written) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(LedgerError) as caught:
        signing.verify(Envelope.from_bytes(bytes(written)), SIGNER.address)
    assert isinstance(caught.value, Malformed | SignatureInvalid)


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_field_may_be_left_out_added_or_turned(sample) -> None:
    statement = sample().to_statement()
    for name in statement["predicate"]:
        missing = {key: value for key, value in statement["predicate"].items() if key != name}
        with pytest.raises(MalformedRecord, match=f"predicate.{name}"):
            records.read(canonical.encode({**statement, "predicate": missing}))
        with pytest.raises(MalformedRecord, match=f"predicate.{name}"):
            records.read(canonical.encode({**statement, "predicate": {**statement["predicate"], name: [1]}}))
    with pytest.raises(MalformedRecord, match=r"predicate\.note: unknown"):
        records.read(canonical.encode({**statement, "predicate": {**statement["predicate"], "note": "x"}}))


def test_the_subjects_are_the_digests_of_the_keys() -> None:
    statement = published().to_statement()
    assert [each["name"] for each in statement["subject"]] == ["ml-dsa-65", "x25519", "p-256"]
    for each in statement["subject"]:
        key = base64.b64decode(statement["predicate"]["keys"][each["name"]])
        assert each["digest"]["sha256"] == str(Digest.of(key))
    for place in range(3):
        altered = json.loads(json.dumps(statement))
        altered["subject"][place]["digest"]["sha256"] = "00" * 32
        with pytest.raises(DigestMismatch, match="is not the digest of its key"):
            records.read(canonical.encode(altered))


def test_a_record_without_keys_is_about_the_account() -> None:
    statement = revoked().to_statement()
    assert statement["subject"] == [
        {"name": "account", "digest": {"sha256": str(Digest.of(facts.HOLDER.raw))}},
    ]
    statement["subject"] = published().to_statement()["subject"]
    with pytest.raises(MalformedRecord, match="expected the names account"):
        records.read(canonical.encode(statement))


@pytest.mark.parametrize("written", ["A", "AAAA", "AB==", "====", "AA\nAA"])
def test_a_key_that_is_none_is_named(written: str) -> None:
    for name, said in (("ml-dsa-65", "ml.dsa.65"), ("x25519", "x25519"), ("p-256", "p.?256")):
        statement = published().to_statement()
        statement["predicate"]["keys"][name] = written
        with pytest.raises(MalformedRecord, match=rf"keys\.{said}"):
            records.read(canonical.encode(statement))


@pytest.mark.parametrize(
    ("sample", "change", "field"),
    [
        (published, {"keys": None}, "keys"),
        (published, {"successor": facts.TRAINER}, "successor"),
        (published, {"reason": "lost"}, "reason"),
        (published, {"event": "lost"}, "event"),
        (published, {"created": "yesterday"}, "created"),
        (rotated, {"successor": None}, "successor"),
        (rotated, {"successor": facts.HOLDER}, "successor"),
        (rotated, {"reason": None}, "reason"),
        (rotated, {"reason": "bored"}, "reason"),
        (revoked, {"successor": facts.TRAINER}, "successor"),
        (revoked, {"reason": "lost"}, "compromisedSince"),
        (revoked, {"compromised_since": "2026-11-31T00:00:00Z"}, "compromisedSince"),
        (revoked, {"compromised_since": facts.LATER}, "created"),
        (revoked, {"account": "0x00"}, "account"),
    ],
)
def test_an_event_that_contradicts_itself_is_refused(sample, change, field) -> None:
    with pytest.raises(MalformedRecord, match=f"^{field}:"):
        replace(sample(), **change)
