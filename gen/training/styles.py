"""The datasets of a run: where each recording stands in the split, which labels it bears, which windows are used."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

import numpy as np

from gen.cache import Cache
from gen.labels import FIELDS, UNKNOWN, joined
from gen.preset import Preset
from gen.source import Source
from gen.split import ENOUGH_WORKS, SHARES, Item, Part
from gen.training.sounds import Facts
from gen.waveform import Waveform

_GENRE, _WORK = FIELDS.index("genre"), FIELDS.index("work")


@dataclass(frozen=True)
class StyleCorpus:
    """A dataset as training sees it.

    recordings: as they are decoded, of any rate and length; their labels, if they have any, are numbers of this dataset
    alone. cache: where what is made of them is kept; None keeps it in memory, as far as that goes.
    """

    name: str
    recordings: tuple[Source, ...]
    cache: Cache | None = None

    @classmethod
    def of(cls, name: str, waveforms: Sequence[Waveform]) -> Self:
        """A dataset that is in memory already."""
        digests = (sha256(waveform.pcm_sha256() + waveform.rate.to_bytes(4)).digest() for waveform in waveforms)
        pairs = zip(digests, waveforms, strict=True)
        return cls(name, tuple(Source(digest, 0, lambda found=waveform: found) for digest, waveform in pairs))


def items_of(styles: Sequence[StyleCorpus], facts: Sequence[Sequence[Facts]]) -> Iterator[Item]:
    """Recordings to be split, each in the stratum of its genre if that has enough works, else in its dataset's own."""
    strata = 0
    for number, style in enumerate(styles):
        labels = [recording.labels or (UNKNOWN,) * len(FIELDS) for recording in style.recordings]
        works = {(own[_GENRE], own[_WORK] or -place) for place, own in enumerate(labels, 1) if own[_GENRE] != UNKNOWN}
        enough = Counter(genre for genre, _ in works)
        places = {
            genre: strata + 1 + place for place, genre in enumerate(sorted(enough)) if enough[genre] >= ENOUGH_WORKS
        }
        for known, own in zip(facts[number], labels, strict=True):
            work = f"{number}:{own[_WORK]}" if own[_WORK] != UNKNOWN else None
            yield Item(known.seconds, places.get(own[_GENRE], strata), work)
        strata += 1 + len(enough)


def offsets_of(styles: Sequence[StyleCorpus]) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
    """What is added to the labels of each dataset so that no two share a number, and how many numbers there are."""
    labels = [[recording.labels for recording in style.recordings if recording.labels] for style in styles]
    return joined(
        [tuple(max((own[field] for own in each), default=0) for field in range(len(FIELDS))) for each in labels]
    )


def choose(
    parts: Sequence[Part], counts: Sequence[tuple[int, ...]], preset: Preset, random: np.random.Generator
) -> Iterator[dict[int, tuple[int, ...] | None]]:
    """For each use, the recordings of one style that are used, and which of their windows."""
    order = random.permutation(len(parts)).tolist()
    for use, share in enumerate(SHARES):
        mine = [index for index in order if parts[index] in (Part(use), Part.BY_TIME)]
        own = {index: _region(parts[index], counts[index], use) for index in mine}
        wanted = sum(map(len, own.values()))
        if preset.corpus.most > 0:
            wanted = min(wanted, max(1, round(preset.corpus.most * share / preset.segment.seconds)))
        chosen: dict[int, tuple[int, ...] | None] = {}
        for index, count in zip(mine, shared(wanted, [len(own[index]) for index in mine]), strict=True):
            if count:
                chosen[index] = tuple(np.sort(random.choice(own[index], count, replace=False)).tolist())
        yield chosen


def _region(part: Part, counts: tuple[int, ...], use: int) -> range:
    """The numbers of a recording's windows that may serve a use."""
    if part is not Part.BY_TIME:
        return range(sum(counts))
    return range(sum(counts[:use]), sum(counts[: use + 1]))


def shared(wanted: int, available: Sequence[int]) -> list[int]:
    """How many to take of each, as evenly as it goes; what one lacks falls to those after it, then to those before."""
    taken = [0] * len(available)
    left = min(wanted, sum(available))
    while left > 0:
        open_ = [place for place, count in enumerate(available) if taken[place] < count]
        share = max(1, left // len(open_))
        for place in open_:
            more = min(share, available[place] - taken[place], left)
            taken[place], left = taken[place] + more, left - more
    return taken
