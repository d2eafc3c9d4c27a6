"""Which recordings a model learns from, and which it is judged by: 80 / 10 / 10 of the sound of each style, by work.

What belongs together stays together: recordings of one work, and whatever is one take under several names. Windows of
one recording are far more alike than recordings are, so a split by window would judge a model by what it has learnt.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from gen.similarity import families

SHARES = (0.8, 0.1, 0.1)
"""Of each style's seconds, for learning, validation and test."""
ENOUGH_WORKS = 10
"""A style with fewer works is split by time: the first 80 % of each of its recordings are for learning, and so on."""


class Part(IntEnum):
    """What a recording is for. BY_TIME: all three, one after the other. LEFT_OUT: nothing."""

    TRAIN = 0
    VALIDATION = 1
    TEST = 2
    BY_TIME = 3
    LEFT_OUT = 4


@dataclass(frozen=True)
class Item:
    """A recording to be placed: seconds of sound; its style; its work, where that is known."""

    seconds: float
    style: int
    work: str | None = None


@dataclass(frozen=True)
class Placing:
    """A part for each recording, and the works they were taken to belong to (numbers, the same for the same work)."""

    parts: tuple[Part, ...]
    works: tuple[int, ...]

    def of(self, part: Part) -> tuple[int, ...]:
        """The places of all recordings of a part."""
        return tuple(place for place, theirs in enumerate(self.parts) if theirs is part)


def split(items: Sequence[Item], alike: Iterable[tuple[int, int]], seed: int) -> Placing:
    """Place every recording; the same arguments give the same split.

    alike: pairs of places of near-duplicates, as `gen.similarity.alike` finds them. A work whose recordings have
    several styles counts for the one with most of its seconds, and is on one side in all of them. In each style with
    ENOUGH_WORKS, works in an order that the seed decides go to the part that lacks most of its share. A style with
    fewer is split by time, and there one of several near-duplicates is used, the longest, and the others are left out:
    their ends would not fall together. No style is left without anything to learn from: its longest work is moved.
    """
    pairs = list(alike)
    takes = families(len(items), pairs)
    works = families(len(items), [*pairs, *_of_one_work(items)])
    homes = _homes(items, works)
    count = Counter(homes.values())
    parts = [Part.TRAIN] * len(items)
    random = np.random.default_rng([seed, 3])
    for style in sorted(count):
        mine = [work for work in sorted(homes) if homes[work] == style]
        order = [mine[place] for place in random.permutation(len(mine))]
        members = _members(works)
        if len(mine) < ENOUGH_WORKS:
            for work in order:
                for place in members[work]:
                    parts[place] = Part.BY_TIME
        else:
            for work, part in _filled({work: sum(items[place].seconds for place in members[work]) for work in order}):
                for place in members[work]:
                    parts[place] = part
    for together in _members(takes).values():
        by_time = [place for place in together if parts[place] is Part.BY_TIME]
        longest = max(by_time, key=lambda place: (items[place].seconds, -place), default=None)
        for place in by_time:
            if place != longest:
                parts[place] = Part.LEFT_OUT
    _learn_of_every_style(items, works, parts)
    return Placing(tuple(parts), works)


def _of_one_work(items: Sequence[Item]) -> Iterable[tuple[int, int]]:
    first: dict[str, int] = {}
    for place, item in enumerate(items):
        if item.work is not None:
            name = " ".join(item.work.casefold().split())
            yield first.setdefault(name, place), place


def _members(groups: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        found[group].append(place)
    return found


def _homes(items: Sequence[Item], works: Sequence[int]) -> dict[int, int]:
    """The style that each work counts for."""
    seconds: dict[int, Counter[int]] = defaultdict(Counter)
    for item, work in zip(items, works, strict=True):
        seconds[work][item.style] += item.seconds
    return {work: min(styles, key=lambda style: (-styles[style], style)) for work, styles in seconds.items()}


def _learn_of_every_style(items: Sequence[Item], works: Sequence[int], parts: list[Part]) -> None:
    """Where all of a style was left out or set aside for the sake of others, give it its longest recording back."""
    for style in sorted({item.style for item in items}):
        mine = [place for place, item in enumerate(items) if item.style == style]
        if any(parts[place] in (Part.TRAIN, Part.BY_TIME) for place in mine):
            continue
        longest = max(mine, key=lambda place: (items[place].seconds, -place))
        if parts[longest] is Part.LEFT_OUT:
            parts[longest] = Part.BY_TIME
            continue
        for place in _members(works)[works[longest]]:
            parts[place] = Part.TRAIN


def _filled(seconds: dict[int, float]) -> Iterable[tuple[int, Part]]:
    """Each work, in the order given, to the part that lacks most; but works longer than a whole test part first.

    Else a long one that comes late may fill a part, and leave others with nothing.
    """
    lacking = [share * sum(seconds.values()) for share in SHARES]
    long = min(lacking)
    for work, length in sorted(seconds.items(), key=lambda entry: -entry[1] if entry[1] > long else 0.0):
        part = max(range(3), key=lambda number: (lacking[number], -number))
        lacking[part] -= length
        yield work, Part(part)
