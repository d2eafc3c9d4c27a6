"""Reading records strictly: every member of every record missing, unknown, of a wrong type or out of range."""

import copy
from collections.abc import Callable
from typing import Any

import facts
import pytest

from ledger import canonical, records
from ledger.errors import Invalid, MalformedRecord
from ledger.records import Record

SAMPLES = [
    pytest.param(facts.a_dataset, id="dataset"),
    pytest.param(facts.a_labelled_dataset, id="labelled-dataset"),
    pytest.param(facts.a_license, id="license"),
    pytest.param(facts.a_training_run, id="training-run"),
    pytest.param(facts.a_track, id="track"),
    pytest.param(facts.a_repeatable_track, id="repeatable-track"),
]


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """The paths of all members and items within JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for name, item in inner for place in ((*path, name), *places(item, (*path, name)))]


def parent(statement: dict, place: tuple) -> Any:
    for name in place[:-1]:
        statement = statement[name]
    return statement


def spelled(place: tuple) -> str:
    return "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in place).removeprefix(".")


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_missing_member_is_named(sample: Callable[[], Record]) -> None:
    statement = sample().to_statement()
    free = ("config", "packages", "metrics", "sampler", "originality")
    for place in places(statement):
        if isinstance(place[-1], int) or (len(place) > 1 and place[-2] in free):
            continue
        altered = copy.deepcopy(statement)
        del parent(altered, place)[place[-1]]
        with pytest.raises(MalformedRecord) as caught:
            type(sample()).from_payload(canonical.encode(altered))
        assert str(caught.value) == f"{spelled(place)}: missing"


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_unknown_member_is_named(sample: Callable[[], Record]) -> None:
    statement = sample().to_statement()
    for place in [(), *places(statement)]:
        altered = copy.deepcopy(statement)
        target = parent(altered, (*place, None))
        if isinstance(target, dict) and place[-1:] not in (
            ("config",),
            ("packages",),
            ("metrics",),
            ("sampler",),
            ("originality",),
        ):
            target["surprise"] = 1
            with pytest.raises(MalformedRecord) as caught:
                records.read(canonical.encode(altered))
            assert str(caught.value) == f"{spelled((*place, 'surprise'))}: unknown field"


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_member_of_a_wrong_type_is_named(sample: Callable[[], Record]) -> None:
    statement = sample().to_statement()
    for place in places(statement):
        for wrong in ([], {}, "?", 7, True, None):
            altered = copy.deepcopy(statement)
            current = parent(altered, place)[place[-1]]
            if current is None:
                current = "?"  # What may be null is a text otherwise.
            free = len(place) > 1 and place[-2] in ("config", "packages", "metrics", "sampler", "originality")
            nullable = wrong is None and (place[-1] in ("validUntil", "until", "currency") or "omitted" in place)
            if type(wrong) is type(current) or free or nullable:
                continue
            parent(altered, place)[place[-1]] = wrong
            with pytest.raises(MalformedRecord) as caught:
                type(sample()).from_payload(canonical.encode(altered))
            assert str(caught.value).startswith(f"{spelled(place)}: expected "), (place, wrong)


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_member_is_part_of_the_identity(sample: Callable[[], Record]) -> None:
    """No member can take another value and leave a valid record with the same digest."""
    record = sample()
    statement = record.to_statement()
    for place in places(statement):
        altered = copy.deepcopy(statement)
        value = parent(altered, place)[place[-1]]
        if isinstance(value, dict | list):
            continue
        parent(altered, place)[place[-1]] = value + 1 if type(value) is int else "0" * len(str(value))
        try:
            read = records.read(canonical.encode(altered))
        except (MalformedRecord, Invalid):
            continue
        assert read != record
        assert read.digest != record.digest


@pytest.mark.parametrize(
    ("sample", "place", "value", "message"),
    [
        (
            facts.a_dataset,
            ("predicate", "recordings", 2, "rate"),
            0,
            r"predicate\.recordings\[2\]\.rate: 0 is not within",
        ),
        (facts.a_dataset, ("predicate", "recordings", 0, "iscc"), "ISCC:x", r"predicate\.recordings\[0\]\.iscc: "),
        (facts.a_dataset, ("predicate", "recordings", 0, "content", "cid"), "Qm", r"recordings\[0\]\.content\.cid: "),
        (
            facts.a_dataset,
            ("predicate", "recordings", 0, "pcm"),
            "0x" + "0" * 64,
            r"recordings\[0\]\.pcm: .* is written",
        ),
        (facts.a_dataset, ("predicate", "recordings"), [], r"predicate\.recordings: empty"),
        (
            facts.a_labelled_dataset,
            ("predicate", "recordings", 1, "labels"),
            [1] * 5,
            r"recordings\[1\]\.labels: 5 numbers",
        ),
        (
            facts.a_labelled_dataset,
            ("predicate", "recordings", 1, "labels", 2),
            -1,
            r"recordings\[1\]\.labels\[2\]: -1",
        ),
        (facts.a_labelled_dataset, ("predicate", "recordings", 1, "labels"), [], r"recordings\[1\]\.labels: missing"),
        (
            facts.a_labelled_dataset,
            ("predicate", "recordings", 1, "labels", 2),
            3,
            r"recordings\[1\]\.labels\[2\]: 3; the next new number is 2",
        ),
        (facts.a_dataset, ("predicate", "holder"), "0x" + "01" * 20 + "00", r"predicate\.holder: not an address"),
        (
            facts.a_track,
            ("predicate", "claim", "creator"),
            "0x" + "ab" * 20,
            r"predicate\.claim\.creator: .* is written",
        ),
        (facts.a_dataset, ("predicate", "terms", "price"), "01", r"predicate\.terms\.price: "),
        (facts.a_dataset, ("predicate", "terms", "price"), "-1", r"predicate\.terms\.price: "),
        (facts.a_dataset, ("predicate", "terms", "price"), "1.5", r"predicate\.terms\.price: "),
        (facts.a_dataset, ("predicate", "terms", "price"), "٣", r"predicate\.terms\.price: "),
        (facts.a_dataset, ("predicate", "terms", "price"), str(2**96), r"predicate\.terms\.price: "),
        (
            facts.a_dataset,
            ("predicate", "terms", "currency"),
            "0x" + "0" * 40,
            r"predicate\.terms\.currency: 0x0+ is no token; ether is written null",
        ),
        (
            facts.a_license,
            ("predicate", "currency"),
            "0x" + "ab" * 20,
            r"predicate\.currency: .* is written",
        ),
        (facts.a_dataset, ("predicate", "terms", "until"), "2027-11-23", r"predicate\.terms\.until: not a time"),
        (facts.a_dataset, ("predicate", "terms", "dataMining"), "Allowed", r"predicate\.terms\.dataMining: 'Allowed'"),
        (facts.a_dataset, ("predicate", "terms", "inference"), "", r"predicate\.terms\.inference: ''"),
        (facts.a_dataset, ("predicate", "terms", "uses"), ["listen"], r"predicate\.terms\.uses\[0\]: 'listen'"),
        (facts.a_dataset, ("predicate", "created"), "2026-11-23", r"predicate\.created: not a time"),
        (facts.a_dataset, ("predicate", "omitted", 0, "reason"), "no idea", r"predicate\.omitted\[0\]\.reason: "),
        (facts.a_license, ("predicate", "uses"), [], r"predicate\.uses: empty"),
        (facts.a_license, ("predicate", "validUntil"), facts.NOW, r"predicate\.validUntil: .* is not after validFrom"),
        (facts.a_training_run, ("predicate", "metrics", "loss"), "nan", r"predicate\.metrics\.loss: "),
        (
            facts.a_training_run,
            ("predicate", "config", "layers"),
            None,
            r"predicate\.config\.layers: expected str or int",
        ),
        (facts.a_training_run, ("predicate", "config", "layers"), [1], r"predicate\.config\.layers: expected"),
        (facts.a_training_run, ("predicate", "sealed"), 0, r"predicate\.sealed: expected a boolean"),
        (facts.a_training_run, ("predicate", "sealed"), True, r"sealed: the weights themselves"),
        (facts.a_training_run, ("predicate", "packages", "torch"), 2, r"predicate\.packages\.torch: expected str"),
        (facts.a_training_run, ("predicate", "datasets", 1, "id"), 1, r"predicate\.datasets\[1\]: 1 occurs twice"),
        (facts.a_training_run, ("predicate", "datasets", 0, "id"), 3, r"predicate\.datasets\[1\]: 2 is out of order"),
        (facts.a_training_run, ("predicate", "parents", 1, "id"), 4, r"predicate\.parents\[1\]: 4 occurs twice"),
        (facts.a_training_run, ("predicate", "parents", 1, "id"), 0, r"predicate\.parents\[1\]\.id: 0"),
        (facts.a_training_run, ("predicate", "royaltyPpm"), 1_000_001, r"predicate\.royaltyPpm: 1000001"),
        (facts.a_track, ("predicate", "royaltyPpm"), -1, r"predicate\.royaltyPpm: -1"),
        (
            facts.a_training_run,
            ("predicate", "datasets", 1, "sharePpm"),
            1,
            r"datasets\.sharePpm: the shares sum to 600001",
        ),
        (facts.a_training_run, ("predicate", "split", "train"), 0, r"predicate\.split\.train: 0"),
        (facts.a_track, ("predicate", "claim", "style"), [1_000_000], r"predicate\.attention: 2 shares"),
        (facts.a_track, ("predicate", "attention"), [1, 2], r"predicate\.attention: the shares sum to 3"),
        (
            facts.a_track,
            ("predicate", "claim", "sampler", "top_k"),
            True,
            r"predicate\.claim\.sampler\.top_k: expected",
        ),
        (facts.a_track, ("predicate", "watermark"), "ABCDEF0123456789", r"predicate\.watermark: "),
        (facts.a_track, ("subject", 1, "name"), "audio", r"subject: expected the names audio, pcm; found audio, audio"),
        (
            facts.a_license,
            ("subject", 0, "name"),
            "track",
            r"subject: expected the names dataset or model; found track",
        ),
        (facts.a_license, ("subject",), [], r"subject: expected the names dataset or model; found none"),
        (facts.a_license, ("_type",), "https://in-toto.io/Statement/v0.1", r"_type: "),
    ],
)
def test_what_is_wrong_is_named_by_its_path(
    sample: Callable[[], Record], place: tuple, value: object, message: str
) -> None:
    statement = sample().to_statement()
    parent(statement, place)[place[-1]] = value
    with pytest.raises(MalformedRecord, match=message) as caught:
        records.read(canonical.encode(statement))
    assert str(caught.value).startswith(place[0])


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"null", b'{"predicateType":"urn:stemmata:dataset:v2"}', b"{}", b"\xff"]
)
def test_what_is_no_statement_of_ours(payload: bytes) -> None:
    with pytest.raises(MalformedRecord):
        records.read(payload)


def test_a_record_is_not_read_as_one_of_another_type() -> None:
    with pytest.raises(MalformedRecord, match="predicateType"):
        records.LicenseRecord.from_payload(facts.a_dataset().payload())
