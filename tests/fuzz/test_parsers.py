"""A short, repeatable slice of what ``scripts/fuzz.py`` does for hours."""

from __future__ import annotations

import random
import time

import pytest
from mutate import mutated
from parsers import PARSERS

INPUTS = 100
SECONDS = 10.0


@pytest.mark.slow
@pytest.mark.parametrize("name", PARSERS)
def test_changed_bytes_are_read_or_refused_by_name(name: str) -> None:
    parser = PARSERS[name]
    call, refuses = parser.open()
    seeds, luck = parser.seeds(), random.Random(name)
    for seed in seeds:
        call(seed)  # or nothing of it would be tried
    refused = 0
    for _ in range(INPUTS):
        data = mutated(seeds, luck)
        begun = time.monotonic()
        try:
            call(data)
        except refuses:
            refused += 1
        assert time.monotonic() - begun < SECONDS, data[:200]
    assert refused or not refuses


def test_changes_are_the_same_for_the_same_luck_and_differ_from_the_seed() -> None:
    seeds = [b"one seed", b"another"]
    some = [mutated(seeds, random.Random(n)) for n in range(100)]
    assert some == [mutated(seeds, random.Random(n)) for n in range(100)]
    assert len(set(some) - set(seeds)) > 80
