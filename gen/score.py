"""Written music: a subset of the ABC notation standard 2.1, read into notes.

The standard is at https://abcnotation.com/wiki/abc:standard:v2.1. Read here are the fields X T C O Z N M L Q K, voices
as ``[V:name]``, ``%%MIDI program`` (the convention of abc2midi) and comments; notes with accidentals, octave marks and
lengths; rests; chords; ties; bar lines, repeats with a first and second ending; the dynamics ``!pppp!`` to ``!ff!`` and
the hairpins ``!<(! !<)! !>(! !>)!``. Anything else is refused, so that nothing is played other than it is written. An
accidental holds to the end of its bar, in every octave (section 11.3 of the standard, its default).
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

from gen.errors import ScoreError
from gen.voice import Note, Voice

SCORES = Path(__file__).with_name("scores")
"""Where the pieces lie that come with the package."""
PROGRAMS = {0: "piano", 6: "harpsichord"}
"""The General MIDI programs that can be played, counted from 0 as ``%%MIDI program`` does."""

_MAJOR = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
_MINOR = ("Abm", "Ebm", "Bbm", "Fm", "Cm", "Gm", "Dm", "Am", "Em", "Bm", "F#m", "C#m", "G#m", "D#m", "A#m")
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
_NOTE = re.compile(r"(?P<sign>\^\^?|__?|=)?(?P<letter>[A-Ga-g])(?P<octave>[,']*)")
_TOKEN = re.compile(
    r"(?P<space>\s+)|\[V:(?P<voice>[^\]]*)\]|\[(?P<ending>[12])(?=\s)|(?P<bar>:\|\]?|\|:|\|\]|\|\||\|)"
    r"|!(?P<mark>[^!\s]+)!|(?P<sound>z|(?:\^\^?|__?|=)?[A-Ga-g][,']*|\[(?:(?:\^\^?|__?|=)?[A-Ga-g][,']*)+\])(?P<length>\d*(?:/\d*)*)(?P<tie>-?)"
)


@dataclass(frozen=True, slots=True)
class Score:
    """A piece as it is played, repeats written out.

    ``tempo`` is in quarter notes per minute, ``beats_per_bar`` in quarter notes; ``notes`` are ordered by start, then
    by pitch. ``instrument`` is one of the values of `PROGRAMS`.
    """

    title: str
    composer: str
    tempo: float
    notes: tuple[Note, ...]
    key: str
    instrument: str
    bars: int
    beats_per_bar: float

    @property
    def beats(self) -> float:
        """The length of the piece in quarter notes."""
        return self.bars * self.beats_per_bar


def names() -> tuple[str, ...]:
    """The pieces that come with the package, such as ``bach/prelude-bwv846``, in alphabetical order."""
    return tuple(sorted(path.relative_to(SCORES).with_suffix("").as_posix() for path in SCORES.rglob("*.abc")))


def load(name: str) -> Score:
    """Read a piece that comes with the package; `ScoreError` if there is none of that name."""
    if name not in names():
        raise ScoreError(f"no score named {name!r}; there are: {', '.join(names())}")
    return read(SCORES / f"{name}.abc")


def read(path: Path) -> Score:
    """Read an ABC file (UTF-8, one tune).

    Raises `ScoreError`, with file and line, for anything outside the subset, for a bar that does not fill its metre and
    for voices of unequal length.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScoreError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    tune = _Tune()
    line = 0
    try:
        for line, content in enumerate(text.splitlines(), start=1):  # noqa: B007
            tune.read(content)
        return tune.score()
    except ScoreError as error:
        raise ScoreError(f"{path.name}:{line}: {error}") from None


class _Tune:
    """Reads one file line by line; its errors do not know the line, `read` above adds it."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.program = 0
        self.voices: dict[str, Voice] = {}
        self.voice = "1"

    def read(self, line: str) -> None:
        if match := re.fullmatch(r"%%MIDI program (\d{1,3})\s*", line):
            self.program = int(match[1])
            if self.program not in PROGRAMS:
                _refuse(f"no instrument for program {self.program}; there are: {PROGRAMS}")
        elif line.startswith("%%"):
            _refuse(f"directive {line!r} is not read here")
        elif line.startswith("%") or not line.strip():
            return
        elif "K" in self.fields:
            self._music(line.partition("%")[0])
        elif match := re.fullmatch(r"([XTCOZNMLQK]):\s*(.*?)\s*", line):
            self.fields.setdefault(match[1], match[2])
            if match[1] == "K":
                self._begin()
        else:
            _refuse(f"expected a field such as 'T:title', found {line!r}")

    def _begin(self) -> None:
        """Turn the header's fields into numbers; the key ends the header (section 2.2.1 of the standard)."""
        self.metre, self.unit = (self._fraction(letter) for letter in "ML")
        match = re.fullmatch(r"(\d+)/(\d+)=(\d+)", self.fields.get("Q", ""))
        if not match or not all(map(int, match.groups())):
            _refuse("the field Q: must read like 1/4=72")
        self.tempo = 4 * int(match[1]) / int(match[2]) * int(match[3])
        key = self.fields["K"]
        if key not in _MAJOR + _MINOR:
            _refuse(f"key {key!r} is not read here; it must be a major or minor key such as G or F#m")
        fifths = (_MAJOR if key in _MAJOR else _MINOR).index(key) - 7
        self.signature = dict.fromkeys("FCGDAEB"[: max(fifths, 0)], 1) | dict.fromkeys("BEADGCF"[: max(-fifths, 0)], -1)

    def _fraction(self, letter: str) -> Fraction:
        match = re.fullmatch(r"(\d+)/(\d+)", self.fields.get(letter, ""))
        if not match or not all(map(int, match.groups())):
            _refuse(f"the field {letter}: must read like 1/8")
        return Fraction(int(match[1]), int(match[2]))

    def _music(self, line: str) -> None:
        position = 0
        while position < len(line):
            match = _TOKEN.match(line, position)
            if not match:
                _refuse(f"column {position + 1}: {line[position : position + 12]!r} is not read here")
            position = match.end()
            if match["voice"] is not None:
                self.voice = match["voice"]
                continue
            voice = self.voices.setdefault(self.voice, Voice(self.voice, self.metre))
            if match["bar"]:
                voice.bar_line(match["bar"])
            elif match["ending"]:
                voice.ending = int(match["ending"])
            elif match["mark"]:
                voice.mark(match["mark"])
            elif match["sound"]:
                pitches = tuple(self._pitch(voice, note) for note in _NOTE.finditer(match["sound"]))
                if match["tie"] and not pitches:
                    _refuse("a rest cannot be tied")
                voice.sound(pitches, self._length(match["length"]), tied=bool(match["tie"]))

    def _pitch(self, voice: Voice, note: re.Match[str]) -> int:
        letter = note["letter"].upper()
        if note["sign"]:
            voice.signs[letter] = _ACCIDENTALS[note["sign"]]
        octave = (5 if note["letter"].islower() else 4) + note["octave"].count("'") - note["octave"].count(",")
        pitch = 12 * (octave + 1) + _SEMITONES[letter] + voice.signs.get(letter, self.signature.get(letter, 0))
        if not 0 <= pitch <= 127:
            _refuse(f"{note[0]!r} is outside the range of MIDI pitches")
        return pitch

    def _length(self, written: str) -> Fraction:
        """In whole notes; a slash without a number halves (section 4.3 of the standard)."""
        head, *divisors = written.split("/")
        numbers = [int(head or 1), *(int(divisor or 2) for divisor in divisors)]
        if not all(numbers):
            _refuse(f"the length {written!r} is not a length")
        length = self.unit * numbers[0]
        for number in numbers[1:]:
            length /= number
        return length

    def score(self) -> Score:
        """The piece as it is played."""
        for letter in "TMLQK":
            if letter not in self.fields:
                _refuse(f"the field {letter}: is missing")
        orders = {name: voice.order() for name, voice in self.voices.items()}
        if not any(orders.values()):
            _refuse("there are no notes")
        first, order = next(iter(orders.items()))
        for name, other in orders.items():
            if other != order:
                _refuse(f"voices {first} and {name} differ in bars or repeats: they play {len(order)} and {len(other)}")
        notes = [note for voice in self.voices.values() for note in voice.notes(order)]
        return Score(
            title=self.fields["T"],
            composer=self.fields.get("C", ""),
            tempo=self.tempo,
            notes=tuple(sorted(notes, key=lambda note: (note.start, note.pitch, note.voice))),
            key=self.fields["K"],
            instrument=PROGRAMS[self.program],
            bars=len(order),
            beats_per_bar=float(4 * self.metre),
        )


def _refuse(problem: str) -> NoReturn:
    raise ScoreError(problem)
