"""The chain of provenance as a fan, for wide screens: from the track over the model to the datasets.

What leads from the model to a dataset is as broad as the dataset's share of what the model learned from. Narrow screens
have the drawing of reports (:mod:`api.reports.stemma`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from api.reports.stemma import fitting

if TYPE_CHECKING:
    from api.reports.provenance import Box

WIDTH: Final = 1000.0
MOST: Final = 12
"""Datasets that a fan can show; of more, a list is easier to read."""
_NARROW, _BROAD = 222.0, 350.0
_HEIGHT: Final = 98.0
_GAP: Final = 14.0
# All shares together.
_STREAM: Final = 84.0
_THINNEST: Final = 1.5
_TITLE, _TEXT = 17.0, 13.0
_LETTER: Final = 0.56
_LINES: Final = 3
_INDENT: Final = 16.0
_SIGN: Final = 30.0


@dataclass(frozen=True, slots=True)
class Card:
    """A box in its place, in units of the drawing; ``place`` is its number in the order of the tree."""

    box: Box
    place: int
    x: float
    y: float
    width: float
    height: float
    title: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fan:
    """The drawing: cards, and what flows between them as the outlines of paths."""

    height: float
    cards: tuple[Card, ...]
    streams: tuple[str, ...]


def fan(root: Box, shares: Sequence[int]) -> Fan | None:
    """Lay a track's or a model's chain out; ``shares`` are its datasets', in parts per million. None where too many."""
    stem = [root] if root.kind == "model" else [root, *root.below]
    datasets = stem[-1].below
    if not 0 < len(datasets) <= MOST:
        return None
    height = max(len(datasets) * (_HEIGHT + _GAP) - _GAP, _STREAM + 2 * _GAP)
    middle = height / 2
    free = WIDTH - len(stem) * _NARROW - _BROAD
    step = _NARROW + free / len(stem)
    cards = [_card(box, index, index * step, middle - _HEIGHT / 2, _NARROW) for index, box in enumerate(stem)]
    streams = []
    if len(stem) > 1:
        streams.append(_stream((_NARROW, middle), (step, middle), _STREAM, _STREAM))
    top = (height - len(datasets) * (_HEIGHT + _GAP) + _GAP) / 2
    leaving, place = middle - _STREAM / 2, len(stem)
    for index, (box, share) in enumerate(zip(datasets, shares, strict=True)):
        y = top + index * (_HEIGHT + _GAP)
        cards.append(_card(box, place, WIDTH - _BROAD, y, _BROAD))
        broad = max(_THINNEST, _STREAM * share / 1_000_000)
        start = ((len(stem) - 1) * step + _NARROW, leaving + _STREAM * share / 2_000_000)
        streams.append(_stream(start, (WIDTH - _BROAD, y + _HEIGHT / 2), broad, broad))
        leaving += _STREAM * share / 1_000_000
        place += 1 + len(box.below)
    return Fan(height, tuple(cards), tuple(streams))


def _card(box: Box, place: int, x: float, y: float, width: float) -> Card:
    room = width - 2 * _INDENT
    title = fitting(box.name, (room - _SIGN) / (_TITLE * _LETTER))
    letters = room / (_TEXT * _LETTER)
    if box.kind == "dataset":  # who holds it is on its page; what its license is, in the box below it
        said = [*box.lines[:1], *box.lines[2:3], *(below.name for below in box.below)]
        texts = tuple(fitting(line, letters) for line in said[:_LINES])
    else:
        texts = _broken(box.lines, letters)
    return Card(box, place, x, y, width, _HEIGHT, title[:1].upper() + title[1:], texts)


def _broken(lines: Sequence[str], letters: float) -> tuple[str, ...]:
    """Lines broken between words where they take more room, and the last one that there is room for cut."""
    words = " ".join(fitting(word, letters) for line in lines for word in line.split()).split()
    broken = [""]
    for word in words:
        longer = f"{broken[-1]} {word}".strip()
        if fitting(longer, letters) == longer:
            broken[-1] = longer
        else:
            broken.append(word)
    return tuple(broken[:_LINES])


def _stream(start: tuple[float, float], end: tuple[float, float], broad: float, then: float) -> str:
    """The outline of a band from one point to another, level at both ends."""
    (x, y), (to_x, to_y) = start, end
    bend = (x + to_x) / 2
    a, b = broad / 2, then / 2
    return (
        f"M{x:.1f} {y - a:.1f}C{bend:.1f} {y - a:.1f} {bend:.1f} {to_y - b:.1f} {to_x:.1f} {to_y - b:.1f}"
        f"V{to_y + b:.1f}C{bend:.1f} {to_y + b:.1f} {bend:.1f} {y + a:.1f} {x:.1f} {y + a:.1f}Z"
    )
