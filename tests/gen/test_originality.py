"""Parrots are told from fresh pieces. The music is made here; figures on performed scores are in docs/generation.md."""

import numpy as np
import pytest
from chords import chords
from hypothesis import given, settings
from hypothesis import strategies as st

from gen import chromaprint
from gen.fingerprint import STEP, Fingerprint, fingerprint
from gen.originality import longest_repeat
from gen.waveform import Waveform


@pytest.fixture(scope="module")
def recording():
    return chords(40.0, 42, beat=0.4)


@pytest.fixture(scope="module")
def known(recording):
    return [fingerprint(chords(40.0, 40)), fingerprint(chords(40.0, 41, beat=0.6)), fingerprint(recording)]


def joined(*waves):
    return Waveform(np.concatenate([wave.samples for wave in waves], axis=1), 44100)


def test_a_fresh_piece_repeats_nothing(known):
    assert longest_repeat(fingerprint(chords(60.0, 90)), known) is None


def test_a_parrot_is_found_with_its_place(known, recording):
    """Twelve seconds of a recording, softer, between fresh music."""
    softer = Waveform(recording.excerpt(20.03, 32.03).samples * np.float32(0.3), 44100)
    made = joined(chords(15.0, 90), softer, chords(8.0, 91))
    found = longest_repeat(fingerprint(made), known)
    assert found.recording == 2
    assert found.seconds == pytest.approx(12, abs=1)
    assert found.at == pytest.approx(15, abs=1)
    assert found.there - found.at == pytest.approx(20.03 - 15, abs=STEP)
    assert found.similarity > 0.7


def test_what_is_too_short_to_tell_is_left_alone(known, recording):
    made = joined(chords(10.0, 90), recording.excerpt(20.0, 22.0), chords(10.0, 91))
    assert longest_repeat(fingerprint(made), known) is None


def test_a_held_chord_and_silence_repeat_nothing():
    held = Fingerprint(np.full(200, 0x1234ABCD, np.uint32))
    assert longest_repeat(held, [held]) is None
    silent = Fingerprint(np.full(200, chromaprint.SILENCE, np.uint32))
    assert longest_repeat(silent, [silent]) is None


def test_nothing_to_compare_with():
    made = fingerprint(chords(20.0, 3))
    assert longest_repeat(made, []) is None
    assert longest_repeat(Fingerprint(made.codes[:5]), [made]) is None
    assert longest_repeat(made, [Fingerprint(made.codes[:5])]) is None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 400), st.integers(12, 300), st.integers(0, 100), st.integers(0, 60))
def test_an_equal_run_is_found_whole(seed, length, run, here, there):
    """Wherever it lies, also over the borders of what is compared at a time."""
    random = np.random.default_rng(seed)
    made, known = (random.integers(0, 2**32, length + run, dtype=np.uint32) for _ in range(2))
    here, there = min(here, length), min(there, length)
    known[there : there + run] = made[here : here + run]
    found = longest_repeat(Fingerprint(made), [Fingerprint(known)])
    assert found.there - found.at == pytest.approx((there - here) * STEP)
    assert found.seconds >= run * STEP - 1e-9
    # Chance codes beside it blur its ends: some more of them are alike enough together with what is equal.
    assert found.seconds <= (run + 2 * 6) * STEP + 2.7


@pytest.mark.parametrize("begin", [0, 4036, 4060, 4095, 8160, 9940])
def test_a_repeat_is_found_wherever_it_lies_in_a_long_recording(begin):
    """Compared is a part of a recording at a time; nothing is lost between two, however blurred."""
    random = np.random.default_rng(5)
    long = Fingerprint(random.integers(1, 1 << 32, 10_000, dtype=np.uint32))
    before, after = (random.integers(1, 1 << 32, 230, dtype=np.uint32) for _ in range(2))
    turned = (random.random((60, 32)) < 0.17) @ (1 << np.arange(32, dtype=np.uint32))
    made = Fingerprint(np.concatenate([before, long.codes[begin : begin + 60] ^ turned.astype(np.uint32), after]))
    found = longest_repeat(made, [long])
    assert found.at == pytest.approx(230 * STEP, abs=2)
    assert found.there == pytest.approx(begin * STEP, abs=2)
    assert found.seconds == pytest.approx(60 * STEP, abs=1.5)
