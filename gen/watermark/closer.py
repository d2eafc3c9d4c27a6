"""A closer look at audio in which a mark may be heard although it cannot be read.

It takes many times the time of the usual search, so it goes step by step, each only where pilots and code bits together
still stand out. First the audio is looked at by what could not be foretold of it (`surprise`), trusted in each of the
ways of EARS. In the best places every channel is asked for itself, and middle, sides and what is faint; then the audio
without its room too (`apart`). What each band, block and channel is worth the pilots say, and then once more together
with the word that was decoded in vain, most of whose bits are mostly right. Whatever is decoded counts against the
probability of a false mark.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import numpy as np

from gen.watermark.align import Alignment, Delays
from gen.watermark.detect import (
    MOST_DECODED,
    THRESHOLD,
    WINDOW_BLOCKS,
    Mark,
    Search,
    alike,
    limit,
    power,
    promise,
    windows,
)
from gen.watermark.payload import CODE
from gen.watermark.surprise import EARS, HEARING, soft_surprise
from gen.watermark.tiles import STEPS, Array
from gen.watermark.worth import worth

# How many places of a section may be read.
PLACES: Final = 3
# Pilots below this many standard deviations are passed over, and places that promise less (see `detect.promise`) to the
# usual views, or to the best of the ears.
_LEAST_SCORE: Final = 3.3
_LEAST_PROMISE: Final = 6.0
_LEAST_PROMISE_OF_EARS: Final = 6.2
# So many blocks before and after a place may hold more of its mark.
_AROUND: Final = WINDOW_BLOCKS // 2


@dataclass(frozen=True, eq=False)
class _Place:
    """Where pilots fit: how well, what they and the code bits promise, at which delays, and in which blocks."""

    score: float
    promise: float
    delays: Delays
    first: int
    last: int


def look_closer(
    search: Search, known: list[Mark], parts: Callable[[], list[Array]], dry: Callable[[], Array]
) -> list[Mark]:
    """The marks that the search did not read.

    search: of all rows. known: the marks that it read. parts: the same audio in parts, decibels float32 (rows, BANDS)
    each. dry: what it is without its room. Both are asked only if needed.
    """
    # It may decode hundreds of candidates in one section, and the usual search, which needs few, is to have some left.
    if search.decoded > MOST_DECODED // 2:
        return []
    heard = _heard(search, known)
    # What lies beside a mark that was read promises something too.
    if known and not heard:
        return []
    decibels = search.decibels
    chips = soft_surprise(decibels)
    for ear in HEARING:
        alignment = Alignment.of(chips * ear(decibels, STEPS), search.pattern.pilots, search.chip_rows)
        heard += _places(search, alignment, known)
    places = _best(heard)
    if not places:
        return []
    views = [decibels, *parts()]
    surprises = [chips, *(soft_surprise(view) for view in views[1:])]
    told = _listen(search, places, surprises, views)
    if told:
        return told
    # The audio as it is says what of it can be trusted.
    return _listen(search, places, [*surprises, soft_surprise(dry())], [*views, decibels])


def _listen(search: Search, places: list[_Place], surprises: list[Array], views: list[Array]) -> list[Mark]:
    """What the surprises of several views say, each trusted as the decibels of its view tell each of the EARS."""
    told: list[Mark] = []
    for ear in EARS:
        alignments = [search.aligned(chips * ear(view, STEPS)) for chips, view in zip(surprises, views, strict=True)]
        for place in places:
            if any(search.holds(mark, place.first, place.last, place.delays) for mark in told):
                continue
            identity = _read(search, alignments, place)
            if identity is not None:
                mark = search.mark(identity, alignments[0], place.delays, place.first, place.last, place.score)
                told.append(mark)
    return told


def _best(places: list[_Place]) -> list[_Place]:
    """The PLACES that promise most, none twice."""
    best: list[_Place] = []
    for place in sorted(places, key=attrgetter("promise"), reverse=True):
        if len(best) < PLACES and not any(alike(place.delays, other.delays) for other in best):
            best.append(place)
    return best


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
    enough = limit(alignment.blocks, _LEAST_PROMISE_OF_EARS)
    for first, last in windows(alignment.blocks):
        for score, _, delays in search.candidates(first, last, _LEAST_SCORE, known, [alignment]):
            strength = power(search.pattern, alignment.fold(delays[first:last], first))
            promised = promise(search.pattern, score, strength)
            if promised > enough:
                places.append(_Place(score, promised, delays, first, last))
    return places


def _read(search: Search, views: list[Alignment], place: _Place) -> bytes | None:
    """What these views say in one place, and if nothing, in what lies around it too."""
    around = max(0, place.first - _AROUND), min(views[0].blocks, place.last + _AROUND)
    for first, last in dict.fromkeys([(place.first, place.last), around]):
        identity = _read_blocks(search, views, place.delays[first:last], first)
        if identity is not None:
            return identity
    return None


def _read_blocks(search: Search, views: list[Alignment], delays: Delays, first: int) -> bytes | None:
    """What these views say at these delays: weighed by the pilots, and by them and what was decoded first."""
    signs = search.pattern.pilots
    for _ in range(2):
        weights = worth([view.evidence(delays, first, signs) for view in views])
        folded = [view.fold(delays, first, weight) for view, weight in zip(views, weights, strict=True)]
        identity, message = search.decode(np.sum(folded, axis=0))
        if identity is not None or message is None:
            return identity
        signs = search.pattern.write(CODE.encode(message))
    return None
