"""Music is known again in another key, at another tempo and by other players. Figures are in docs/generation.md."""

import dataclasses

import numpy as np
import pytest
from chords import chords
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gen.harmony import STEP, Harmony, harmony
from gen.instruments import render
from gen.paraphrase import ALIKE, nearest
from gen.score import load

PIECES = ("bach/prelude-bwv846", "bach/prelude-bwv1007", "satie/gymnopedie-1")


def moved(steps, turn=0, tempo=1.0):
    """Steps that are read faster by so much, and so many semitones higher."""
    places = np.arange(0, len(steps) - 1, tempo)
    read = np.stack([np.interp(places, np.arange(len(steps)), line) for line in steps.T], axis=1)
    return Harmony(np.rint(np.roll(read, turn, axis=1)).astype(np.int8))


def wandering(count, seed):
    random = np.random.default_rng(seed)
    notes = np.repeat(random.normal(size=(-(-count // 2), 12)), 2, axis=0)[:count]
    notes -= notes.mean(axis=1, keepdims=True)
    return np.rint(100 * notes / np.linalg.norm(notes, axis=1, keepdims=True))


def other(seed, count=300):
    return moved(np.vstack([wandering(count, seed), np.zeros(12)]))


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(st.integers(-5, 6), st.sampled_from([0.93, 0.97, 1.0, 1.04, 1.07]), st.integers(0, 1100))
@example(0, 1.07, 0)  # seems longer at the tempo 1
def test_a_passage_is_found_in_any_key_and_tempo(turn, tempo, begin):
    """Also where what is compared at a time ends."""
    recording = wandering(1200, 5)
    part = recording[begin : begin + 100]
    made = moved(np.vstack([wandering(30, 6), part, wandering(30, 7)]), turn, tempo)
    found = nearest(made, [other(1), Harmony(recording.astype(np.int8)), other(2)])
    assert found.recording == 1
    assert found.semitones == turn
    assert found.tempo == pytest.approx(tempo, abs=0.041)  # between two of those that are tried
    assert found.seconds == pytest.approx(len(part) * STEP / tempo, abs=6)
    # It may begin in the music before, as long as that does not spoil its first window.
    assert found.at == pytest.approx(30 * STEP / tempo, abs=3)
    assert found.there - begin * STEP == pytest.approx((found.at - 30 * STEP / tempo) * tempo, abs=3)


def test_the_likeness_is_a_cosine():
    """Against all windows and turns, one by one; more of both than are compared at a time."""
    made, known = (np.vstack([wandering(count, seed), np.zeros(12)]) for count, seed in ((390, 1), (700, 2)))
    found = nearest(moved(made), [moved(known)])

    def windows(steps, every):
        for begin in range(0, len(steps) - 20, every):
            window = steps[begin : begin + 20] - steps[begin : begin + 20].mean(axis=0)
            yield window / np.linalg.norm(window)

    best = 0.0
    ours = np.stack([window.ravel() for window in windows(made, 5)])
    for turn in range(12):
        theirs = np.stack([window.ravel() for window in windows(np.roll(known, turn, axis=1), 1)])
        best = max(best, float((ours @ theirs.T).max()))
    assert found.likeness >= best - 1e-3
    if found.tempo == 1.0:
        assert found.likeness == pytest.approx(best, abs=1e-3)


def test_fresh_music_paraphrases_nothing():
    found = nearest(harmony(chords(20.0, 90)), [harmony(chords(30.0, 1))])
    assert found.seconds == 0
    assert 0 < found.likeness < ALIKE


def test_a_held_chord_and_silence_and_little_say_nothing():
    held = Harmony(np.tile(wandering(1, 3), (80, 1)).astype(np.int8))
    silent = Harmony(np.zeros((80, 12), np.int8))
    assert nearest(held, [held]) is None
    assert nearest(silent, [silent]) is None
    short = Harmony(wandering(18, 4).astype(np.int8))
    assert nearest(short, [other(1)]) is None
    assert nearest(other(1), [short]) is None
    assert nearest(other(1), []) is None
    assert nearest(Harmony(np.zeros((0, 12), np.int8)), [other(1)]) is None


@pytest.mark.slow
def test_a_performance_is_known_by_another_one():
    """Half a minute of one of three pieces, on another instrument, higher and faster."""
    known = [harmony(render(begun(load(name), 40))) for name in PIECES]
    score = begun(load(PIECES[0]), 30)
    notes = tuple(dataclasses.replace(note, pitch=note.pitch + 3) for note in score.notes)
    again = dataclasses.replace(score, notes=notes, tempo=score.tempo * 1.05)
    found = nearest(harmony(render(again, instrument="harpsichord")), known)
    assert found.recording == 0
    assert found.seconds >= 10
    assert found.semitones == 3


def begun(score, seconds):
    notes = tuple(note for note in score.notes if note.start < seconds * score.tempo / 60)
    return dataclasses.replace(score, notes=notes)
