"""The chain of provenance drawn: where its boxes, words and lines lie, for the page and the document alike."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from api.reports.provenance import Box

WIDTH: Final = 420.0
TITLE: Final = 15.0
TEXT: Final = 13.0
_INDENT: Final = 20.0
_GAP: Final = 12.0
_HEAD: Final = 36.0
_LEADING: Final = 18.0
_FOOT: Final = 9.0
_LEFT: Final = 40.0
_STATUS: Final = 104.0
# Mean width of a letter, in parts of the size of the type: sans-serif ones, with some room left.
_LETTER: Final = 0.55
_ADDRESS = re.compile(r"\b(0x[0-9a-fA-F]{6})[0-9a-fA-F]{30}([0-9a-fA-F]{4})\b")


@dataclass(frozen=True, slots=True)
class Placed:
    """A box in its place, in units of the drawing, from its top left corner; ``texts`` are cut to fit.

    ``stem`` is where the line from the box above begins: x and y; None for the first.
    """

    box: Box
    x: float
    y: float
    width: float
    height: float
    title: str
    texts: tuple[tuple[float, str], ...]  # baseline's y, and the words
    stem: tuple[float, float] | None

    @property
    def left(self) -> float:
        """Where words begin."""
        return self.x + _LEFT

    @property
    def baseline(self) -> float:
        """Where the title stands."""
        return self.y + 23.5


@dataclass(frozen=True, slots=True)
class Stemma:
    """The drawing."""

    height: float
    boxes: tuple[Placed, ...]


def draw(root: Box) -> Stemma:
    """Lay the boxes out below each other, each further in than the one it belongs to."""
    placed = tuple(_place(root, 0, [1.0], None))
    return Stemma(placed[-1].y + placed[-1].height + 1, placed)


def _place(box: Box, depth: int, top: list[float], stem: tuple[float, float] | None) -> Iterator[Placed]:
    x, y = 1 + depth * _INDENT, top[0]
    width = WIDTH - x - 1
    room = width - _LEFT - 12
    title = fitting(box.name, (room - _STATUS) / (TITLE * _LETTER))
    texts = tuple(
        (y + _HEAD + 6 + index * _LEADING, fitting(line, room / (TEXT * _LETTER)))
        for index, line in enumerate(box.lines)
    )
    height = _HEAD + (_LEADING * len(texts) + _FOOT - 6 if texts else 0)
    yield Placed(box, x, y, width, height, title, texts, stem)
    top[0] = y + height + _GAP
    for child in box.below:
        yield from _place(child, depth + 1, top, (x + _INDENT / 2, y + height))


def fitting(text: str, room: float) -> str:
    """Text with addresses cut short, and cut itself where it takes more room, in letters."""
    text = _ADDRESS.sub(r"\1…\2", text)
    if _breadth(text) <= room:
        return text
    while text and _breadth(text) > room - 1:
        text = text[:-1]
    return text.rstrip() + "…"


def _breadth(text: str) -> float:
    """Room that a text takes, in letters: those of East Asia are as broad as two."""
    return sum(1.9 if unicodedata.east_asian_width(sign) in "WF" else 1.0 for sign in text)
