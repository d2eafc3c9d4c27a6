"""How alike a piece must be to its track, and at which pitch it is asked."""

from __future__ import annotations

import numpy as np
import pytest
from chords import chords

from api.workflows.evidence.piece import MOST_WORK, Fit, Piece, Tuner
from gen.fingerprint import Alignment, Fingerprint, fingerprint
from gen.watermark.attacks import stretched
from gen.waveform import Waveform

CODES = Fingerprint(np.ones(1, np.uint32))


@pytest.fixture(scope="module")
def track() -> Waveform:
    return chords(40, 3, channels=1)


@pytest.fixture(scope="module")
def reference(track: Waveform) -> Fingerprint:
    return fingerprint(track)


def joined(*parts: Waveform) -> Waveform:
    return Waveform(np.concatenate([part.samples for part in parts], axis=1), parts[0].rate)


def as_marked(wave: Waveform) -> Piece:
    """All of it, as a mark says that can be read as it is."""
    return Piece.cut(wave, 0.0, wave.duration, 1.0, 1.0)


def fitted(wave: Waveform, reference: Fingerprint, work: int = MOST_WORK) -> Fit:
    return Tuner(wave, work).fit(as_marked(wave), reference)


@pytest.mark.parametrize(
    ("pitch", "tuned", "likeness", "seconds", "agrees"),
    [
        (1.0, False, 0.66, 5.1, True),
        (1.0, False, 0.66, 4.9, False),
        (1.0, False, 0.77, 3.1, True),
        (1.0, False, 0.77, 2.9, False),
        (1.0, False, 0.6, 60.0, False),
        (1.06, False, 0.51, 15.1, True),
        (1.06, False, 0.51, 14.9, False),
        (1.06, False, 0.49, 60.0, False),
        (1.06, False, 0.87, 9.9, True),
        (1.06, False, 0.77, 3.1, True),
        (1.015, False, 0.6, 60.0, False),
        (0.985, True, 0.6, 60.0, False),
        (0.97, True, 0.51, 15.1, True),
        (1.06, True, 0.66, 10.1, True),
        (1.06, True, 0.66, 9.9, False),
        (1.06, True, 0.77, 5.1, True),
        (1.06, True, 0.77, 4.9, False),
    ],
)
def test_a_piece_agrees_with_its_track(
    pitch: float, tuned: bool, likeness: float, seconds: float, agrees: bool
) -> None:
    piece = Piece(0.0, seconds, CODES, 1.0, pitch, tuned)
    assert piece.agrees(Alignment(likeness, 0.0, seconds)) is agrees


@pytest.mark.parametrize(
    "pitch", [0.9, *(pytest.param(each, marks=pytest.mark.slow) for each in (1.011, 1.0537, 1.12))]
)
def test_the_pitch_is_found_that_a_mark_does_not_say(track: Waveform, reference: Fingerprint, pitch: float) -> None:
    copy = stretched(track.excerpt(8, 30), pitch=pitch)
    untuned = fitted(copy, reference, work=0)
    assert not untuned.agrees and not untuned.contradicts, "nobody looked for its pitch"
    fit = fitted(copy, reference)
    assert fit.agrees and fit.piece.tuned
    assert fit.piece.pitch == pytest.approx(pitch, abs=0.002)
    assert fit.alignment.offset_seconds == pytest.approx(8, abs=0.2)


def test_what_is_alike_as_its_mark_says_is_left_at_that(track: Waveform, reference: Fingerprint) -> None:
    fit = fitted(track.excerpt(8, 30), reference, work=0)
    assert fit.agrees and fit.searched and not fit.piece.tuned and fit.piece.pitch == 1.0


@pytest.mark.slow
def test_a_long_silence_in_its_middle_hides_no_pitch(track: Waveform, reference: Fingerprint) -> None:
    copy = stretched(track.excerpt(5, 25), pitch=1.05)
    silence = Waveform(np.zeros((1, 21 * copy.rate), np.float32), copy.rate)
    assert fitted(joined(copy, silence, copy), reference).agrees


@pytest.mark.parametrize("seconds", [12, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.parametrize("seed", [5, pytest.param(6, marks=pytest.mark.slow)])
def test_other_music_is_contradicted_at_every_pitch(reference: Fingerprint, seconds: float, seed: int) -> None:
    fit = fitted(chords(seconds, seed, channels=1), reference)
    assert fit.contradicts and not fit.piece.tuned


@pytest.mark.slow
def test_other_music_over_it_does_not_agree_because_it_is_transposed(track: Waveform, reference: Fingerprint) -> None:
    over = chords(25, 8, channels=1).samples
    mixed = Waveform(np.float32(0.6) * (track.excerpt(5, 30).samples + np.float32(0.8) * over), track.rate)
    assert not fitted(mixed, reference).agrees
    assert not fitted(stretched(mixed, pitch=1.01), reference).agrees


@pytest.mark.slow
def test_pieces_of_one_copy_are_asked_at_the_pitch_of_the_first_for_next_to_nothing(
    track: Waveform, reference: Fingerprint
) -> None:
    copy = stretched(track.excerpt(5, 25), pitch=1.05)
    tuner = Tuner(copy, work=70 * (15_000 + len(reference.codes)))
    first = tuner.fit(as_marked(copy), reference)
    assert first.agrees
    assert tuner.fit(as_marked(copy), reference, [1.02, first.piece.pitch]).agrees
    assert not tuner.fit(as_marked(copy), reference).searched, "what it may spend is spent"
    assert not Tuner(copy, work=70 * 15_000).fit(as_marked(copy), reference).searched, "a longer track costs more"
