"""Which notes sound, told from sines whose notes are known."""

import numpy as np
import pytest
from chords import chords
from hypothesis import given, settings
from hypothesis import strategies as st

from gen.errors import FingerprintError
from gen.fingerprint import Fingerprint
from gen.harmony import STEP, Harmony, Listener, harmony
from gen.waveform import Waveform


def sounding(*notes, tuning=440.0, seconds=4.0, rate=44100):
    time = np.arange(int(seconds * rate)) / rate
    tones = [np.sin(2 * np.pi * tuning * 2 ** ((note - 69) / 12) * time) for note in notes]
    return Waveform(0.1 * np.sum(tones, axis=0)[None].astype(np.float32), rate)


@pytest.mark.parametrize("root", range(12))
def test_the_notes_of_a_chord_stand_out(root):
    triad = (60 + root, 64 + root, 67 + root)
    steps = harmony(sounding(*triad)).steps
    assert len(steps) == 7
    for step in steps:
        assert set(np.argsort(step)[-3:]) == {note % 12 for note in triad}


@pytest.mark.parametrize("tuning", [415.3, 431.7, 448.5])
def test_music_in_another_tuning_is_heard_as_in_ours(tuning):
    """A third of a semitone away, and a whole one, by which everything is turned."""
    turned = round(12 * np.log2(tuning / 440))
    ours, theirs = (harmony(sounding(57, 60, 64, 69, tuning=hertz)).steps for hertz in (440.0, tuning))
    assert np.abs(np.roll(ours, turned, axis=1).astype(int) - theirs).max() < 20


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 60000), min_size=1, max_size=6))
def test_pieces_sound_as_the_whole(sizes):
    samples = chords(3.0, 4).mono().samples[0]
    listener, start = Listener(44100), 0
    for size in [*sizes, len(samples)]:
        listener.add(samples[start : start + size])
        start += size
    whole = harmony(Waveform(samples[None], 44100)).steps
    assert np.abs(listener.harmony().steps.astype(int) - whole).max() <= 1  # where a sum ended in .5


def test_rate_and_level_do_not_matter():
    one = harmony(chords(5.0, 6)).steps.astype(int)
    other = harmony(Waveform(chords(5.0, 6, rate=48000).samples * np.float32(0.1), 48000)).steps
    assert len(one) == len(other) == 9
    assert np.abs(one - other).mean() < 2


def test_silence_has_no_notes_and_less_than_a_step_no_steps():
    assert not harmony(Waveform(np.zeros((2, 44100 * 2), np.float32), 44100)).steps.any()
    assert harmony(chords(0.4)).steps.shape == (0, 12)
    assert len(harmony(chords(60.0)).steps) == pytest.approx(60 / STEP, abs=1)


@given(st.integers(1, 9), st.integers(0, 9), st.integers(0, 99))
def test_a_fingerprint_keeps_it(codes, steps, seed):
    random = np.random.default_rng(seed)
    heard = Harmony(random.integers(-127, 128, (steps, 12), dtype=np.int8))
    original = Fingerprint(random.integers(0, 2**32, codes, dtype=np.uint32), heard)
    data = original.to_bytes()
    assert Fingerprint.from_bytes(data) == original != Fingerprint(original.codes)
    for cut in range(len(data)):
        if cut < 12 + 4 * codes or (cut - 12 - 4 * codes) % 12:
            with pytest.raises(FingerprintError):
                Fingerprint.from_bytes(data[:cut])


@pytest.mark.parametrize("steps", [np.zeros((3, 12)), np.zeros((3, 11), np.int8), np.zeros(12, np.int8)])
def test_other_steps_are_refused(steps):
    with pytest.raises(FingerprintError, match="int8"):
        Harmony(steps)
