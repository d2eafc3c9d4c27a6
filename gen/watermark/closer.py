"""A closer look at audio in which a mark is heard although it cannot be read.

It takes many times the time of the usual search, so it is done only where pilots and code bits together stand out. The
audio is looked at by what could not be foretold of it (`surprise`), trusted in each of the ways of EARS; in the best
places every channel is asked for itself, and middle and sides. What each band, block and channel is worth the pilots
say, and then once more together with the word that was decoded in vain, most of whose bits are mostly right. Whatever
is decoded counts against the probability of a false mark.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final

import numpy as np

from gen.watermark.align import Alignment, Delays
from gen.watermark.detect import THRESHOLD, Mark, Search, limit, power, promise, windows
from gen.watermark.payload import CODE
from gen.watermark.surprise import EARS, soft_surprise
from gen.watermark.tiles import Array
from gen.watermark.worth import worth

# How many places of a section each ear may read.
PLACES: Final = 3
# Pilots below this many standard deviations are passed over, and places that promise less (see `detect.promise`).
_LEAST_SCORE: Final = 3.3
_LEAST_PROMISE: Final = 6.0


@dataclass(frozen=True, eq=False)
class _Place:
    """Where pilots fit: how well, what they and the code bits promise, at which delays, and in which blocks."""

    score: float
    promise: float
    delays: Delays
    first: int
    last: int


def look_closer(search: Search, known: list[Mark], views: Callable[[], list[Array]]) -> Iterator[Mark]:
    """The marks that the search did not read.

    search: of all rows. known: the marks that it read. views: the same audio looked at in one way or more, each
    decibels float32 (rows, BANDS), the first as the search did; asked only if needed.
    """
    heard = _best(_heard(search, known))
    if not heard:
        return
    decibels = views()
    chips = [soft_surprise(view) for view in decibels]
    for ear in EARS:
        soft = [chip * ear(view) for chip, view in zip(chips, decibels, strict=True)]
        alignment = Alignment.of(soft[0], search.pattern.pilots, search.chip_rows)
        alignments = [replace(alignment, chips=each) for each in soft]
        for place in _best([*heard, *_places(search, alignment, known)]):
            if any(search.holds(mark, place.first, place.last, place.delays) for mark in known):
                continue
            identity = _read(search, alignments, place)
            if identity is not None:
                mark = search.mark(identity, alignment, place.delays, place.first, place.last, place.score)
                known = [*known, mark]
                yield mark


def _best(places: list[_Place]) -> list[_Place]:
    return sorted(places, key=attrgetter("promise"), reverse=True)[:PLACES]


def _heard(search: Search, known: list[Mark]) -> list[_Place]:
    """The places of which the usual views promise something."""
    places = []
    blocks = search.alignments[0].blocks
    enough = limit(blocks, _LEAST_PROMISE)
    for first, last in windows(blocks):
        tried = list(search.candidates(first, last, _LEAST_SCORE, known))
        delays, score = search.wandering(first, last)
        if not known and score > THRESHOLD:
            # Of all paths it is the likeliest, so it says less than a delay with that score.
            tried.append((THRESHOLD, search.alignments[0], delays))
        for score, alignment, delays in tried:
            promised = search.promise(alignment, delays, first, last, score)
            if promised > enough:
                places.append(_Place(score, promised, delays, first, last))
    return places


def _places(search: Search, alignment: Alignment, known: list[Mark]) -> list[_Place]:
    """The places of which one ear promises something."""
    places = []
    enough = limit(alignment.blocks, _LEAST_PROMISE)
    for first, last in windows(alignment.blocks):
        for score, _, delays in search.candidates(first, last, _LEAST_SCORE, known, [alignment]):
            strength = power(search.pattern, alignment.fold(delays[first:last], first))
            promised = promise(search.pattern, score, strength)
            if promised > enough:
                places.append(_Place(score, promised, delays, first, last))
    return places


def _read(search: Search, views: list[Alignment], place: _Place) -> bytes | None:
    """What these views say in one place: by the pilots, and by them and what was decoded first."""
    delays = place.delays[place.first : place.last]
    signs = search.pattern.pilots
    for _ in range(2):
        weights = worth([view.evidence(delays, place.first, signs) for view in views])
        folded = [view.fold(delays, place.first, weight) for view, weight in zip(views, weights, strict=True)]
        identity, message = search.decode(np.sum(folded, axis=0))
        if identity is not None or message is None:
            return identity
        signs = search.pattern.write(CODE.encode(message))
    return None
