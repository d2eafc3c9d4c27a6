"""Times and commitments: the texts of records that have one spelling only."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.digest import Digest
from ledger.errors import Malformed
from ledger.records import commitment, parse_timestamp, timestamp


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)))
def test_a_written_time_reads_back_to_the_second(moment: datetime) -> None:
    read = parse_timestamp(timestamp(moment))
    assert read.utcoffset() == timedelta(0)
    assert timedelta(0) <= moment - read < timedelta(seconds=1)
    assert timestamp(read) == timestamp(moment)


def test_the_example_of_rfc_3339() -> None:
    # RFC 3339 section 5.8: 1996-12-19T16:39:57-08:00 is the same moment as 1996-12-20T00:39:57Z.
    moment = datetime(1996, 12, 19, 16, 39, 57, 999_999, timezone(timedelta(hours=-8)))
    assert timestamp(moment) == "1996-12-20T00:39:57Z"
    assert parse_timestamp("1996-12-20T00:39:57Z") == datetime(1996, 12, 20, 0, 39, 57, tzinfo=UTC)


def test_early_years_have_four_digits() -> None:
    assert timestamp(datetime(33, 4, 3, tzinfo=UTC)) == "0033-04-03T00:00:00Z"


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(Malformed, match="time zone"):
        timestamp(datetime(2026, 11, 23))


def test_a_time_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(Malformed, match="years 1 to 9999"):
        timestamp(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=3))))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23",
        "2026-11-23T10:00:00",
        "2026-11-23T10:00:00z",
        "2026-11-23t10:00:00Z",
        "2026-11-23 10:00:00Z",
        "2026-11-23T10:00:00.0Z",
        "2026-11-23T10:00:00+00:00",
        "2026-11-23T10:00Z",
        "2026-11-23T10:00:00Z\n",
        "2026-02-29T10:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T23:59:60Z",
        "0000-01-01T00:00:00Z",
        "٢٠٢٦-11-23T10:00:00Z",
        "20261123T100000Z",
    ],
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(Malformed, match="not a time"):
        parse_timestamp(text)


def test_a_commitment_is_the_hash_of_salt_and_text() -> None:
    salt = bytes(range(16))
    assert commitment(salt, "Zé").raw == hashlib.sha256(salt + b"Z\xc3\xa9").digest()
    assert commitment(salt, "Ze\u0301") == commitment(salt, "Zé")


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), st.text(max_size=20))
def test_without_its_salt_a_text_is_not_recognised(salt: bytes, other: bytes, text: str) -> None:
    text = "".join(character for character in text if not "\ud800" <= character <= "\udfff")
    assert isinstance(commitment(salt, text), Digest)
    assert (commitment(salt, text) == commitment(other, text)) == (salt == other)


@pytest.mark.parametrize("size", [0, 15, 17, 32])
def test_a_salt_of_another_length_is_refused(size: int) -> None:
    # With salts of any length, the end of one could be taken for the beginning of a text.
    with pytest.raises(Malformed, match="16 bytes"):
        commitment(bytes(size), "a")


def test_a_text_that_utf_8_cannot_write_is_refused() -> None:
    with pytest.raises(Malformed, match="surrogate"):
        commitment(bytes(16), "\ud800")
