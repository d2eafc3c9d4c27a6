"""The attempts at a track, since one that repeats a recording is made again with another seed: what each claims."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from api.sampler import Sampler

if TYPE_CHECKING:
    from ledger.records import Claim

ATTEMPTS = 8
"""So many times at most one variation is made, before it is given up since each repeats a recording."""


def claims(asked: Claim, variation: int) -> Iterator[Claim]:
    """Of each attempt at a variation: its own seed, and which of those it is that follow from the seed asked for."""
    from gen.seeds import derived_seed

    for attempt in range(ATTEMPTS):
        if not variation and not attempt:
            yield asked
            continue
        sampler = replace(Sampler.read(asked.sampler), asked=asked.seed, variation=variation, attempt=attempt)
        derived = derived_seed(asked.seed, "variation", variation, attempt)
        yield replace(asked, seed=derived, sampler=sampler.table())
