"""One voice of a written piece: its bars, its repeats, and the notes that come of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from gen.errors import ScoreError

DYNAMICS = {name: 1 + 16 * step for step, name in enumerate(("pppp", "ppp", "pp", "p", "mp", "mf", "f", "ff"))}
"""MIDI velocities of the dynamic marks."""
HAIRPIN = 24
"""How far a hairpin leads, in MIDI velocity: one and a half dynamic steps."""


@dataclass(frozen=True, slots=True)
class Note:
    """One sounding note: start and length in beats (quarter notes), MIDI pitch (60 is C4) and velocity (1..127)."""

    start: float
    length: float
    pitch: int
    velocity: int
    voice: str


@dataclass(frozen=True, slots=True)
class Event:
    """A note or chord inside a written bar; times in whole notes from the bar line."""

    start: Fraction
    length: Fraction
    pitches: tuple[int, ...]
    velocity: float
    tied: bool


@dataclass(slots=True)
class Bar:
    """A written bar and the repeat signs around it; `ending` is 1 or 2 in a numbered ending, else 0."""

    opens: bool
    ending: int
    closes: bool = False
    events: list[Event] = field(default_factory=list)
    filled: Fraction = Fraction(0)


@dataclass(slots=True)
class Voice:
    """What has been read of one voice, and what holds for its next note.

    Every method raises `ScoreError`, which names voice and bar but not the file, for music that does not add up.
    `metre` is the length of a bar in whole notes; `signs` are the accidentals of the bar being read, by letter.
    """

    name: str
    metre: Fraction
    bars: list[Bar] = field(default_factory=list)
    signs: dict[str, int] = field(default_factory=dict)
    ending: int = 0
    _bar: Bar | None = None
    _opens: bool = False
    _velocity: float = DYNAMICS["mf"]
    _hairpin: str = ""
    _swelling: list[tuple[Bar, int]] = field(default_factory=list)

    def sound(self, pitches: tuple[int, ...], length: Fraction, *, tied: bool) -> None:
        """Add a note, a chord, or (no pitches) a rest, lasting `length` whole notes."""
        if self._bar is None:
            self._bar = Bar(self._opens, self.ending)
            self._opens = False
        if pitches:
            if self._hairpin:
                self._swelling.append((self._bar, len(self._bar.events)))
            self._bar.events.append(Event(self._bar.filled, length, pitches, self._velocity, tied))
        self._bar.filled += length

    def bar_line(self, sign: str) -> None:
        """End the bar with one of ``| || |] |: :| :|]``."""
        if self._bar is not None:
            if self._bar.filled != self.metre:
                raise ScoreError(
                    f"voice {self.name}: bar {len(self.bars) + 1} holds {self._bar.filled} of a whole note, "
                    f"the metre asks for {self.metre}"
                )
            self._bar.closes = sign.startswith(":")
            self.bars.append(self._bar)
        elif sign != "|:":
            raise ScoreError(f"voice {self.name}: bar {len(self.bars) + 1} is empty")
        self._opens = sign == "|:"
        self.ending = self.ending if sign == "|" else 0
        self._bar = None
        self.signs.clear()

    def mark(self, mark: str) -> None:
        """Heed a dynamic mark such as ``pp``, or the begin ``<(`` or end ``<)`` of a hairpin."""
        if mark in DYNAMICS:
            self._velocity = DYNAMICS[mark]
        elif mark in ("<(", ">(") and not self._hairpin:
            self._hairpin = mark[0]
        elif self._hairpin and mark == self._hairpin + ")":
            step = HAIRPIN if mark[0] == "<" else -HAIRPIN
            target = min(max(self._velocity + step, DYNAMICS["ppp"]), DYNAMICS["ff"])
            for index, (bar, place) in enumerate(self._swelling, start=1):
                velocity = self._velocity + (target - self._velocity) * index / len(self._swelling)
                bar.events[place] = replace(bar.events[place], velocity=velocity)
            self._velocity, self._hairpin = target, ""
            self._swelling.clear()
        else:
            raise ScoreError(f"voice {self.name}: the mark !{mark}! is not read here")

    def order(self) -> list[int]:
        """The written bars' numbers, from 0, in the order in which they are played."""
        if self._bar is not None or self._hairpin:
            raise ScoreError(f"voice {self.name} ends inside a bar or a hairpin")
        order: list[int] = []
        begin, index, turn = 0, 0, 1
        while index < len(self.bars):
            bar = self.bars[index]
            after_second = bar.ending == 0 and index > 0 and self.bars[index - 1].ending == 2
            if (bar.opens and index != begin) or (after_second and turn == 2):
                begin, turn = index, 1
            if bar.ending not in (0, turn):
                index += 1
                continue
            order.append(index)
            if bar.closes and turn == 1:
                index, turn = begin, 2
            else:
                index += 1
                begin, turn = (index, 1) if bar.closes else (begin, turn)
        return order

    def notes(self, order: Iterable[int]) -> list[Note]:
        """The notes that sound when the bars are played in an order, tied ones joined."""
        done: list[Note] = []
        held: dict[int, Note] = {}
        for turn, index in enumerate(order):
            for event in self.bars[index].events:
                start, length = float(4 * (turn * self.metre + event.start)), float(4 * event.length)
                joined = {pitch: held.pop(pitch, None) for pitch in event.pitches}
                late = [note for note in joined.values() if note and note.start + note.length != start]
                if held or late:
                    raise ScoreError(f"voice {self.name}: bar {index + 1}: a tie leads to no note of its pitch")
                for pitch, earlier in joined.items():
                    note = Note(start, length, pitch, round(event.velocity), self.name)
                    if earlier:
                        note = replace(earlier, length=earlier.length + length)
                    if event.tied:
                        held[pitch] = note
                    else:
                        done.append(note)
        if held:
            raise ScoreError(f"voice {self.name}: the last note is tied to nothing")
        return done
