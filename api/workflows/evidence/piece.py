"""A marked piece of audio and how it lies in its track, at the pitch at which it sounds like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from api.workflows.evidence.watermark import LEAST_CHANGE

if TYPE_CHECKING:
    from gen.fingerprint import Alignment, Fingerprint
    from gen.waveform import Waveform

# A mark on audio that agrees with its track less than this, over this long, was copied: unrelated music of 10 s reaches
# 0.43 by chance at its best offset, a re-encoded piece stays above 0.8 (see gen.fingerprint.align).
OTHER_SOUND = 0.4
LEAST_CONTRADICTION_SECONDS = 10.0
# A marked piece too short for Alignment.same agrees with its track if it is as alike as this, over this long: other
# music of 3 s reached 0.75 (270 pairs), honest pieces 0.79 and more.
SHORT_LIKENESS = 0.76
SHORTEST_LIKENESS_SECONDS = 3.0
# A piece that was stretched or transposed by more than 2 % has smeared tones: as alike as this, over this long, it
# agrees. Pieces of 20 s with 1 to 2 % undone were 0.72 and more, chords with 3 to 12 % undone 0.50 to 0.78, performed
# scores 0.76 to 0.92; other music of 15 s was never more than 0.45 at the likest of all PITCHES (245 pairs).
STRETCHED_LIKENESS = 0.5
STRETCHED_LIKENESS_SECONDS = 15.0
SMEARING_CHANGE = 0.02
# At a pitch that was looked for, chance has many tries: other music reached 0.42 over 12 s in 27 pairs, once 0.51 over
# 10 s. A piece at such a pitch has to be longer; and from so much likeness on it is doubtful, and no longer
# contradicted: honest pieces of 12 s were 0.51 and more.
TUNED_SECONDS = 10.0
SHORTEST_TUNED_SECONDS = 5.0
DOUBTFUL = 0.47
# Chromaprint divides its bands where the notes are: a pitch undone wrong by 0.2 % costs a tenth of the likeness, by
# 0.7 % nearly half. A mark says the pitch to within 3 %, and one that can be read as it is, up to 12 % off, says none.
# So where audio is not the same at its mark's pitch, all pitches at which marks are found are tried, in steps and then
# in finer ones around the best, on so many seconds of it.
PITCHES = tuple(1.004**step for step in range(-32, 33))
FINE_STEPS = (0.998, 0.999, 1.0, 1.001, 1.002)
TUNING_SECONDS = 20.0
# What an audit may spend on that, in codes of a track that are compared; hearing those seconds again at another pitch
# takes as long as comparing HEARING codes. It takes about a minute in all, two seconds for a track of minutes.
MOST_WORK = 40_000_000
HEARING = 15_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the audio, in seconds, and its fingerprint with speed and pitch undone; ``tuned``: by ear."""

    start: float
    end: float
    codes: Fingerprint
    speed: float
    pitch: float
    tuned: bool = False

    @classmethod
    def cut(cls, wave: Waveform, start: float, end: float, speed: float, pitch: float, *, tuned: bool = False) -> Self:
        """Hear a part of some audio."""
        from gen.fingerprint import fingerprint

        return cls(start, end, fingerprint(wave.excerpt(start, end), speed, pitch), speed, pitch, tuned)

    def agrees(self, alignment: Alignment) -> bool:
        """Whether an alignment with a track says that this is a piece of it."""
        likeness, seconds = alignment.similarity, alignment.overlap_seconds
        same = alignment.same and (not self.tuned or seconds >= TUNED_SECONDS)
        shortest = SHORTEST_TUNED_SECONDS if self.tuned else SHORTEST_LIKENESS_SECONDS
        short = likeness >= SHORT_LIKENESS and seconds >= shortest
        smeared = likeness >= STRETCHED_LIKENESS and seconds >= STRETCHED_LIKENESS_SECONDS
        return same or short or (smeared and abs(self.pitch / self.speed - 1) > SMEARING_CHANGE)


@dataclass(frozen=True, slots=True)
class Fit:
    """How a piece lies in a track; ``searched`` is False where its pitch should have been looked for and was not."""

    piece: Piece
    alignment: Alignment
    searched: bool = True

    @property
    def agrees(self) -> bool:
        """Whether it is a piece of the track."""
        return self.piece.agrees(self.alignment)

    @property
    def unlike(self) -> bool:
        """Whether it sounds like something else, as far as was looked."""
        alignment = self.alignment
        return alignment.similarity < OTHER_SOUND and alignment.overlap_seconds >= LEAST_CONTRADICTION_SECONDS

    @property
    def contradicts(self) -> bool:
        """Whether it is no piece of the track."""
        return self.unlike and self.searched

    @property
    def doubtful(self) -> bool:
        """Whether it is more like the track than chance makes other music at its likest pitch."""
        alignment = self.alignment
        return alignment.similarity >= DOUBTFUL and alignment.overlap_seconds >= LEAST_CONTRADICTION_SECONDS


class Tuner:
    """Looks for the pitch at which marked pieces of one audio sound like their tracks, within what it may spend."""

    def __init__(self, wave: Waveform, work: int = MOST_WORK) -> None:
        self._wave, self._left = wave, work

    def fit(self, piece: Piece, reference: Fingerprint, known: Sequence[float] = ()) -> Fit:
        """A piece in a track, at another pitch if it fits only there. known: pitches of other pieces, tried first."""
        from gen.fingerprint import LEAST_OVERLAP, align

        plain = Fit(piece, align(piece.codes, reference))
        if plain.alignment.same or piece.end - piece.start < LEAST_OVERLAP:
            return plain
        for pitch in known:
            other = self._tuned(piece, pitch, reference)
            if other.agrees:
                return other
        cost = (len(PITCHES) + len(FINE_STEPS)) * (HEARING + len(reference.codes))
        if cost > self._left:
            return Fit(piece, plain.alignment, searched=False)
        self._left -= cost
        found = self._tuned(piece, self._likest(piece, reference), reference)
        return found if found.agrees or (plain.unlike and found.doubtful) else plain

    def _tuned(self, piece: Piece, pitch: float, reference: Fingerprint) -> Fit:
        from gen.fingerprint import align

        tuned = abs(pitch / piece.pitch - 1) > LEAST_CHANGE
        heard = Piece.cut(self._wave, piece.start, piece.end, piece.speed, pitch, tuned=tuned)
        return Fit(heard, align(heard.codes, reference))

    def _likest(self, piece: Piece, reference: Fingerprint) -> float:
        from gen.fingerprint import align, fingerprint

        sound = self._wave.excerpt(*_sounding(piece)).mono()

        def clearness(pitch: float) -> float:
            # As align ranks places: a short overlap is alike by chance.
            at = align(fingerprint(sound, piece.speed, pitch), reference)
            return float(at.similarity * at.overlap_seconds**0.5)

        pitch = max(PITCHES, key=clearness)
        return max((pitch * step for step in FINE_STEPS), key=clearness)


def _sounding(piece: Piece) -> tuple[float, float]:
    """Where TUNING_SECONDS of a piece lie in which most sounds; in the middle, if that is everywhere."""
    import numpy as np

    from gen.chromaprint import SILENCE

    length, codes = piece.end - piece.start, piece.codes.codes
    if length <= TUNING_SECONDS:
        return piece.start, piece.end
    width = max(1, round(len(codes) * TUNING_SECONDS / length))
    sums = np.cumsum(np.concatenate([[0], codes != SILENCE]))
    heard = sums[width:] - sums[:-width]
    best = np.flatnonzero(heard == heard.max())
    start = piece.start + float(best[len(best) // 2]) / len(codes) * length
    return start, min(piece.end, start + TUNING_SECONDS)
