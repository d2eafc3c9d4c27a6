"""Rates: a steady pace after a burst, for each by themselves, as their network address says."""

import math

import pytest

from api.errors import TooMany
from api.http import rates
from api.http.rates import Allowance, Rates, network_address


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def scope(peer: str | None, *forwarded: str) -> dict[str, object]:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    return {"client": None if peer is None else (peer, 1), "headers": headers}


def test_a_burst_and_then_the_pace() -> None:
    clock = Seconds()
    counted = Rates({"audit": Allowance(3, 0.5)}, clock)
    for _ in range(3):
        counted.take("audit", "anna")
    with pytest.raises(TooMany) as refused:
        counted.take("audit", "anna")
    assert refused.value.after == 2
    counted.take("audit", "ben")  # who has a bucket of his own
    clock.now += 1.9
    with pytest.raises(TooMany):
        counted.take("audit", "anna")  # asking too early costs nothing more
    clock.now += 0.2
    counted.take("audit", "anna")
    clock.now += 1e6
    for _ in range(3):
        counted.take("audit", "anna")  # a bucket never grows beyond its size
    with pytest.raises(TooMany):
        counted.take("audit", "anna")


def test_over_a_long_time_the_pace_is_kept() -> None:
    clock, taken = Seconds(), 0
    counted = Rates({"any": Allowance(10, 2)}, clock)
    for _ in range(10_000):
        clock.now += 0.05
        try:
            counted.take("any", "anna")
            taken += 1
        except TooMany as error:
            assert error.after == 1
    assert math.isclose(taken, 10 + 2 * 500, abs_tol=2)


def test_strangers_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "_MOST_BUCKETS", 5)
    counted = Rates({"any": Allowance(1, 0.001)}, Seconds())
    counted.take("any", "anna")
    for number in range(4):
        counted.take("any", f"{number}")
    with pytest.raises(TooMany):
        counted.take("any", "anna")  # who asks is kept in mind
    for number in range(4, 9):
        counted.take("any", f"{number}")
    assert len(counted._buckets) == 5


@pytest.mark.parametrize(
    ("found", "proxies", "who"),
    [
        (scope("192.0.2.1"), 0, "192.0.2.1"),
        (scope("192.0.2.1", "198.51.100.7"), 0, "192.0.2.1"),  # nobody told us of a proxy: hearsay
        (scope("10.0.0.1", "198.51.100.7"), 1, "198.51.100.7"),
        (scope("10.0.0.1", "203.0.113.9, 198.51.100.7"), 1, "198.51.100.7"),  # the first is what the caller wrote
        (scope("10.0.0.1", "203.0.113.9", "198.51.100.7, 10.0.0.2"), 2, "198.51.100.7"),
        (scope("10.0.0.1", "198.51.100.7"), 2, "10.0.0.1"),  # past one of the proxies
        (scope("10.0.0.1"), 1, "10.0.0.1"),
        (scope("2001:db8:1:2:3:4:5:6"), 0, "2001:db8:1:2::/64"),
        (scope("2001:db8:1:2:ffff::9"), 0, "2001:db8:1:2::/64"),  # a household has all of these
        (scope("::ffff:192.0.2.1"), 0, "192.0.2.1"),
        (scope("10.0.0.1", "x" * 1000), 1, "x" * 64),
        (scope(None), 0, ""),
    ],
)
def test_who_is_asking(found: dict[str, object], proxies: int, who: str) -> None:
    assert network_address(found, proxies) == who


def test_an_allowance_that_there_is_not_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="no allowance"):
        rates.limited("everything")
