"""The four records: round trips, one identity each, and payloads and envelopes altered anywhere."""

import json
from collections.abc import Callable
from dataclasses import replace

import facts
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import canonical, records, signing
from ledger.digest import Digest
from ledger.envelope import Envelope, Signature
from ledger.errors import Invalid, LedgerError, Malformed, MalformedRecord, SignatureInvalid
from ledger.keys import LocalSigner
from ledger.records import Record

SIGNER = LocalSigner(bytes(31) + b"\x07")
STRATEGIES = [
    pytest.param(facts.datasets(), id="dataset"),
    pytest.param(facts.labelled_datasets(), id="labelled-dataset"),
    pytest.param(facts.licenses(), id="license"),
    pytest.param(facts.training_runs(), id="training-run"),
    pytest.param(facts.tracks(), id="track"),
    pytest.param(facts.repeatable_tracks(), id="repeatable-track"),
]
SAMPLES = [
    pytest.param(facts.a_dataset, id="dataset"),
    pytest.param(facts.a_labelled_dataset, id="labelled-dataset"),
    pytest.param(facts.a_license, id="license"),
    pytest.param(facts.a_training_run, id="training-run"),
    pytest.param(facts.a_track, id="track"),
    pytest.param(facts.a_repeatable_track, id="repeatable-track"),
]
unhurried = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("strategy", STRATEGIES)
@unhurried
@given(st.data())
def test_reading_gives_back_what_was_written(strategy: st.SearchStrategy[Record], data: st.DataObject) -> None:
    record = data.draw(strategy)
    payload = record.payload()
    read = records.read(payload)
    assert read == record
    assert hash(read) == hash(record)
    assert type(record).from_payload(payload) == record
    assert read.payload() == payload
    assert read.digest == record.digest == Digest.of(payload)
    assert canonical.decode(payload) == json.loads(payload) == record.to_statement()


@pytest.mark.parametrize("strategy", STRATEGIES)
@unhurried
@given(st.data())
def test_any_altered_byte_of_a_payload_is_refused_or_another_record(
    strategy: st.SearchStrategy[Record], data: st.DataObject
) -> None:
    record = data.draw(strategy)
    payload = bytearray(record.payload())
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] ^= data.draw(st.integers(1, 255))
    try:
        read = records.read(bytes(payload))
    except (MalformedRecord, Invalid):
        return
    assert read != record
    assert read.digest != record.digest


@pytest.mark.parametrize("strategy", STRATEGIES)
@unhurried
@given(st.data())
def test_any_altered_byte_of_a_signed_record_is_noticed(
    strategy: st.SearchStrategy[Record], data: st.DataObject
) -> None:
    record = data.draw(strategy)
    good = signing.sign(record.payload(), SIGNER)
    written = bytearray(good.to_bytes())
    place = data.draw(st.integers(0, len(written) - 1))
    written[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(LedgerError) as caught:
        signing.verify(Envelope.from_bytes(bytes(written)), SIGNER.address)
    assert isinstance(caught.value, Malformed | SignatureInvalid)


def _payload(envelope: Envelope) -> Envelope:
    statement = json.loads(envelope.payload)
    name = next(name for name, value in statement["predicate"].items() if isinstance(value, str))
    statement["predicate"][name] += "0"
    return replace(envelope, payload=canonical.encode(statement))


def _signature(envelope: Envelope) -> Envelope:
    (one,) = envelope.signatures
    return replace(envelope, signatures=(Signature(one.keyid, bytes([one.sig[0] ^ 1]) + one.sig[1:]),))


def _keyid(envelope: Envelope) -> Envelope:
    (one,) = envelope.signatures
    return replace(envelope, signatures=(Signature(str(facts.HOLDER), one.sig),))


def _payload_type(envelope: Envelope) -> Envelope:
    return replace(envelope, payload_type="application/vnd.in-toto+xml")


@pytest.mark.parametrize("alter", [_payload, _signature, _keyid, _payload_type])
@pytest.mark.parametrize("sample", SAMPLES)
def test_every_part_of_a_signed_record_is_bound(
    sample: Callable[[], Record], alter: Callable[[Envelope], Envelope]
) -> None:
    envelope = signing.sign(sample().payload(), SIGNER)
    signing.verify(envelope, SIGNER.address)
    with pytest.raises(SignatureInvalid):
        signing.verify(alter(envelope), SIGNER.address)
    # Nor does it become the signature of the one whose name is put on it.
    with pytest.raises(SignatureInvalid):
        signing.verify(alter(envelope), facts.HOLDER)
