"""Both ways to write which track is meant lead to the same one, and what may be mistaken is read as each place says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from api.service import track_ids
from api.service.kinds.trading import Unlist


@given(some.integers(0, 2**64 - 1))
def test_both_forms_name_one_track(number: int) -> None:
    mark = f"{number:016x}"
    assert track_ids.watermark(mark) == mark
    assert track_ids.token(str(number)) == number
    if len(str(number)) != 16:
        assert Unlist(track=str(number)).track == mark
    if not mark.isdecimal() or mark[0] == "0":
        assert track_ids.token(mark) == number


def test_sixteen_digits_are_a_token_or_a_watermark_as_the_place_says() -> None:
    digits = "1234567890123456"
    assert track_ids.token(digits) == int(digits)
    assert track_ids.missing(digits).endswith(f"/v1/lookup/watermark/{digits}")
    assert Unlist(track=digits).track == digits


@pytest.mark.parametrize("wrong", [str(2**64), "29A5000000000000", "\u0661", "", "0x10"])
def test_what_is_no_track_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Unlist(track=wrong)
