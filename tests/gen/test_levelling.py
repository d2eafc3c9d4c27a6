import math
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from studio import melody

from gen.config import RATE
from gen.levelling import CEILING, LOUDNESS, record
from gen.loudness import loudness
from gen.waveform import Waveform


def levelled(samples, frames=None, size=5000):
    pieces = (samples[:, start : start + size] for start in range(0, samples.shape[1], size))
    with closing(record(pieces, samples.shape[1] if frames is None else frames)) as take:
        return np.concatenate(list(take.blocks()), axis=1), take


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("gain", [0.02, 3.0])
def test_music_comes_to_its_loudness(channels, gain):
    music = melody(8.0, channels=channels).samples * np.float32(gain)
    made, _ = levelled(music)
    # Mono is heard from two loudspeakers.
    heard = loudness(Waveform(np.tile(made, (3 - channels, 1)), RATE))
    assert heard.integrated == pytest.approx(LOUDNESS, abs=0.1)
    assert heard.true_peak <= CEILING


def test_peaks_hold_it_back():
    music = 0.05 * melody(8.0).samples.copy()
    music[0, 100000] = 0.9
    made, take = levelled(music)
    assert loudness(Waveform(made, RATE)).true_peak == pytest.approx(CEILING, abs=0.05)
    assert take.gain == pytest.approx(CEILING - 20 * math.log10(0.9), abs=0.1)


def test_an_offset_goes_and_the_ends_are_faded():
    music = melody(2.0).samples + np.float32(0.2)
    made, take = levelled(music)
    assert abs(made.mean()) < 1e-3
    assert made[0, 0] == made[0, -1] == 0
    middle = slice(RATE // 2, RATE)
    expected = (music[:, middle] - take.offset[:, None].astype(np.float32)) * np.float32(10 ** (take.gain / 20))
    assert np.allclose(made[:, middle], expected, atol=1e-6)


def test_silence_stays_silent():
    made, take = levelled(np.zeros((1, RATE), np.float32))
    assert not made.any()
    assert take.gain == 0


@settings(max_examples=20, deadline=None)
@given(frames=st.integers(1, 9000), size=st.integers(1, 4000), more=st.integers(0, 5000))
def test_the_size_of_the_pieces_changes_nothing(frames, size, more):
    music = np.random.default_rng(3).standard_normal((2, frames + more)).astype(np.float32)
    once, _ = levelled(music, frames, size=frames + more)
    often, _ = levelled(music, frames, size=size)
    assert once.shape == (2, frames)
    assert np.allclose(once, often, atol=1e-6)


def test_it_can_be_read_twice():
    with closing(record(iter([melody(3.0).samples]), 3 * RATE)) as take:
        one, other = (np.concatenate(list(take.blocks()), axis=1) for _ in range(2))
    assert np.array_equal(one, other)


def test_too_little_is_told_and_nothing_is_left_behind(tmp_path):
    def broken():
        yield np.zeros((1, 50), np.float32)
        raise ZeroDivisionError

    with pytest.raises(ValueError, match="100 were expected, 50 came"):
        record(iter([np.zeros((1, 50), np.float32)]), 100, tmp_path)
    with pytest.raises(ZeroDivisionError):
        record(broken(), 100, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_file_has_no_name(tmp_path):
    with closing(record(iter([melody(1.0).samples]), RATE, tmp_path)):
        assert list(tmp_path.iterdir()) == []
