"""The watermark as the other rooms see it: a key, and audio in and out."""

from dataclasses import dataclass, replace

import numpy as np

from gen.errors import WrongLength
from gen.watermark import payload
from gen.watermark.closer import look_closer
from gen.watermark.detect import WINDOW_SECONDS, Detection, Mark, Search, exhausted, false_positive
from gen.watermark.embed import Embedder
from gen.watermark.glance import LEAST_PROMISE_OF_SIDES, SECONDS_OF_SIDES, SKIP, SKIP_OF_SIDES, plain, promising
from gen.watermark.patterns import BANDS, PERIOD, RATE, Pattern
from gen.watermark.section import SHARED_SECONDS, Section, sections
from gen.watermark.speed import Change, likely
from gen.waveform import Waveform

STRENGTH = 1.0
# Above it, bringing the audio down first is cheaper than long frames.
HIGHEST_RATE = 50000


@dataclass(frozen=True)
class Reading:
    """What was found in audio under one key.

    whole: False where the search ended before the audio did, as more candidates than `detect.MOST_DECODED` would let a
    mark be seen by accident; then marks may be left.
    """

    marks: tuple[Detection, ...]
    whole: bool


class Watermark:
    """Writes and finds the marks of one key.

    `key` has at least 16 bytes (WrongLength otherwise); `payload.PUBLIC_KEY` is the one that everybody knows. Marks of
    different keys do not disturb each other much: audio may carry more than one. `strength` is a factor for what is
    written: STRENGTH is meant to be inaudible, more is easier to read. `balance` above 0 (0.2, say) writes less where a
    band is loud: a better signal-to-noise ratio for as good a mark. `id_bytes`: 8, or 16 for long ids, which are
    another kind of mark: one is not read as the other. `compiled` writes stereo at 44.1 kHz in half to two thirds of
    the time once numba runs, which takes it half a second: for who marks a quarter of an hour of sound and more. The
    samples differ by rounding.
    """

    def __init__(
        self,
        key: bytes,
        *,
        strength: float = STRENGTH,
        balance: float = 0.0,
        id_bytes: int = payload.ID_BYTES,
        compiled: bool = False,
    ) -> None:
        self._key = bytes(key)
        self._strength = strength
        self._balance = balance
        self._id_bytes = id_bytes
        self._compiled = compiled
        self._pattern = Pattern.of(self._key, id_bytes)

    def embedder(self, rate: int, channels: int, id: bytes) -> Embedder:  # noqa: A002 (the field's own word)
        """Marks a stream as it comes, with the same result as `embed`, in memory that does not grow with its length.

        Raises WrongLength for an id of another size, ConfigError if it is to be compiled and numba is not there.
        """
        if len(id) != self._id_bytes:
            raise WrongLength(f"a watermark id has {self._id_bytes} bytes, not {len(id)}")
        signs = self._pattern.write(payload.encode(self._key, id))
        begin = payload.beginning(self._key, id, PERIOD)
        return Embedder(rate, channels, signs, begin, self._strength, self._balance, self._compiled)

    def embed(self, waveform: Waveform, id: bytes) -> Waveform:  # noqa: A002
        """The same audio, carrying an id of 8 bytes: same rate, channels and length, and the same samples every time.

        No sample leaves full scale that was not beyond it before: there the mark gives way. Nothing is scaled.
        Raises TooShort for less than 3 s, and what `embedder` does.
        """
        embedder = self.embedder(waveform.rate, waveform.channels, id)
        samples = np.empty_like(waveform.samples)
        given = 0
        for first in range(0, waveform.frames, waveform.rate):
            piece = embedder.push(waveform.samples[:, first : first + waveform.rate])
            samples[:, given : given + piece.shape[1]] = piece
            given += piece.shape[1]
        samples[:, given:] = embedder.finish()
        samples.setflags(write=False)
        return Waveform(samples, waveform.rate)

    def detect(self, waveform: Waveform, *, search_speed: bool = False) -> list[Detection]:
        """The marks that `read` finds."""
        return list(self.read(waveform, search_speed=search_speed).marks)

    def read(self, waveform: Waveform, *, search_speed: bool = False) -> Reading:
        """The marks found, by their beginning; none when the audio has none, or is silent or very short.

        Speeds up to half a per cent off are followed. With `search_speed`, audio in which nothing is found is searched
        again at other speeds, tempos and pitches, up to 12 % off, and so is each stretch of more than 15 s that no mark
        covers, all by the 20 s in its middle; this takes several times longer.
        """
        if waveform.rate > HIGHEST_RATE:
            waveform = waveform.resampled(RATE)
        found, decoded = self._search(waveform, Change(), 0)
        waiting = unmarked(found, 0.0, waveform.duration) if search_speed else []
        while waiting and not exhausted(decoded):
            start, end = waiting.pop(0)
            part = waveform.excerpt(start, end)
            for change in likely(part, self._key, self._id_bytes):
                some, decoded = self._search(part, change, decoded)
                if some:
                    some = [replace(each, start=start + each.start, end=start + each.end) for each in some]
                    found += some
                    waiting += unmarked(some, start, end)
                    break
        bound = false_positive(decoded)
        marks = sorted((replace(each, false_positive=bound) for each in found), key=lambda each: each.start)
        return Reading(tuple(marks), whole=not exhausted(decoded))

    def _search(self, waveform: Waveform, change: Change, decoded: int) -> tuple[list[Detection], int]:
        """What is found after one change, its bound left out, and how many candidates were decoded by then."""
        found: list[Detection] = []
        in_sides = False
        for section in sections(waveform, change.tempo, change.pitch):
            # What has a mark once is searched whole.
            marks, last = self._read_section(section, decoded, search_all=bool(found))
            if not marks:
                marks, last = self._read_sides(section, last, search_all=in_sides)
                in_sides = bool(marks)
            for search, mark in marks:
                begin, end = (section.start + second / change.tempo for second in search.seconds(mark))
                tempo = change.tempo * mark.tempo
                pitch = change.pitch * mark.tempo if change.pitch == change.tempo else change.pitch
                _join(found, Detection(mark.id, mark.score, begin, end, 0.0, tempo, pitch))
            decoded = last.decoded
        return found, decoded

    def _read_section(
        self, section: Section, decoded: int, *, search_all: bool
    ) -> tuple[list[tuple[Search, Mark]], Search]:
        """The marks of a section, each with the search that read it, and the last search.

        decoded: how many candidates were before. search_all: whether to search where nothing is promised.
        """
        decibels = np.empty((section.rows, BANDS), np.float32)
        decibels[::SKIP] = section.look(SKIP)
        search = Search(decibels[::SKIP], self._key, self._id_bytes, decoded, SKIP)
        more = promising(search)
        if not search_all and not more:
            return [], search
        some = search.marks()
        if some:
            more = promising(search, some)
        if plain(some) and not more:
            return [(search, mark) for mark in some], search
        for first in range(1, SKIP):
            decibels[first::SKIP] = section.look(SKIP, first)
        whole = Search(decibels, self._key, self._id_bytes, search.decoded)
        marks = [(whole, mark) for mark in whole.marks()]
        # What can just be read may be read in half of the rows alone.
        marks += [(search, mark) for mark in some if not any(_same(mark, other) for _, other in marks)]
        if more:
            known = [mark for _, mark in marks]
            marks += [(whole, mark) for mark in look_closer(whole, known, section.parts, section.dry)]
        return marks, whole

    def _read_sides(
        self, section: Section, last: Search, *, search_all: bool
    ) -> tuple[list[tuple[Search, Mark]], Search]:
        """As `_read_section`, of the sides of stereo after all channels together, of which they seldom say more."""
        if not section.wide:
            return [], last
        if not search_all:
            rows = section.middle(SECONDS_OF_SIDES).sides().look(SKIP_OF_SIDES)
            few = Search(rows, self._key, self._id_bytes, last.decoded, SKIP_OF_SIDES)
            if not promising(few, least=LEAST_PROMISE_OF_SIDES):
                return [], last
        search = Search(section.sides().look(), self._key, self._id_bytes, last.decoded)
        return [(search, mark) for mark in search.marks()], search


def unmarked(found: list[Detection], start: float, end: float) -> list[tuple[float, float]]:
    """The stretches from start to end that no mark covers: all of it without marks, else those that fill a window."""
    if not found:
        return [(start, end)]
    gaps = []
    for mark in sorted(found, key=lambda each: each.start):
        if mark.start - start > WINDOW_SECONDS:
            gaps.append((start, mark.start))
        start = max(start, mark.end)
    return [*gaps, (start, end)] if end - start > WINDOW_SECONDS else gaps


def _same(one: Mark, other: Mark) -> bool:
    """Whether two marks of one section say the same in the same place."""
    return one.id == other.id and one.first < other.last and other.first < one.last


def _join(found: list[Detection], new: Detection) -> None:
    """Add a detection, or lengthen the one that it goes on from in the section before."""
    for place, old in enumerate(found):
        if old.id == new.id and old.start <= new.start < old.end - SHARED_SECONDS / 4 and old.end < new.end:
            found[place] = replace(old, score=max(old.score, new.score), end=new.end)
            return
        if old.id == new.id and old.start <= new.start and new.end <= old.end:
            return
    found.append(new)
