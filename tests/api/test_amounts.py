"""Prices and shares: exact both ways, and refused by name when they make no sense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.amounts import about_percent, ether_from_wei, percent_from_ppm, ppm_from_percent, wei_from_ether
from api.errors import UsageError


@given(st.integers(min_value=0, max_value=2**128 - 1))
def test_wei_to_ether_and_back(wei: int) -> None:
    assert wei_from_ether(ether_from_wei(wei)) == wei


@given(st.integers(min_value=0, max_value=1_000_000))
def test_ppm_to_percent_and_back(ppm: int) -> None:
    assert ppm_from_percent(percent_from_ppm(ppm)) == ppm


def test_known_amounts() -> None:
    assert wei_from_ether("0.05") == 5 * 10**16
    assert wei_from_ether("1e-18") == 1
    assert ether_from_wei(10**18) == "1"
    assert ppm_from_percent("2.5") == 25_000


@pytest.mark.parametrize("text", ["", "free", "-1", "nan", "inf", "1e-19", "1e30", "0x10", "1,5"])
def test_a_price_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="price"):
        wei_from_ether(text)


@pytest.mark.parametrize("text", ["", "half", "-0.1", "100.0001", "nan", "0.00001"])
def test_a_share_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="share"):
        ppm_from_percent(text)


def test_a_share_is_read_to_one_decimal() -> None:
    said = {205_544: "20.6", 400_000: "40", 1_000_000: "100", 999: "0.0999", 40: "0.004", 0: "0"}
    assert {ppm: about_percent(ppm) for ppm in said} == said
