"""How much there is of what: seconds by genre, era, artist, composer and region, and of which there is little."""

from collections.abc import Sequence
from dataclasses import dataclass

from gen.labels import FIELDS, Labels, Vocabulary

BALANCED = tuple(field for field in FIELDS if field != "work")
"""The labels that are counted by."""
FAR_BELOW = 0.5
"""A group is under-represented if it has less than this part of what each would have if all known ones had the same."""


@dataclass(frozen=True)
class Group:
    """What bears one label. name: None for all that bears none. seconds: of sound. under: under-represented."""

    name: str | None
    recordings: int
    seconds: float
    under: bool


@dataclass(frozen=True)
class Balance:
    """Of takes, each counted once however many copies there are of it.

    takes, seconds: how many, and their length. copies, copied: recordings that were not counted, and their seconds.
    groups: for each of BALANCED its groups, those with most seconds first and what bears no label last.
    """

    takes: int
    seconds: float
    copies: int
    copied: float
    groups: dict[str, tuple[Group, ...]]


def balance(seconds: Sequence[float], labels: Sequence[Labels], families: Sequence[int]) -> Balance:
    """Count recordings; `families` are those of `gen.similarity.families`.

    Of each family the longest counts, with what is known of it, and else of the others, by length. Names that differ
    only in case or spacing are one. What bears no label makes nothing under-represented, and never is.
    """
    members: dict[int, list[int]] = {}
    for place, family in enumerate(families):
        members.setdefault(family, []).append(place)
    taken: list[tuple[float, Labels]] = []
    for together in members.values():
        known = Labels()
        for place in sorted(together, key=lambda place: (-seconds[place], place)):
            known = known.over(labels[place])
        taken.append((max(seconds[place] for place in together), known))
    total = sum(length for length, _ in taken)
    return Balance(
        takes=len(taken),
        seconds=total,
        copies=len(seconds) - len(taken),
        copied=sum(seconds) - total,
        groups={field: _groups(taken, field) for field in BALANCED},
    )


def _groups(taken: Sequence[tuple[float, Labels]], field: str) -> tuple[Group, ...]:
    column = FIELDS.index(field)
    vocabulary = Vocabulary.of(labels for _, labels in taken)
    names = (None, *vocabulary.names[column])
    counts, sums = [0] * len(names), [0.0] * len(names)
    for length, labels in taken:
        index = vocabulary.indices(labels)[column]
        counts[index] += 1
        sums[index] += length
    even = sum(sums[1:]) / max(1, len(names) - 1)
    known = [Group(names[i], counts[i], sums[i], sums[i] < FAR_BELOW * even) for i in range(1, len(names))]
    known.sort(key=lambda group: -group.seconds)
    return (*known, *([Group(None, counts[0], sums[0], False)] if counts[0] else ()))
