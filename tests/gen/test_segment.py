import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen.config import SegmentConfig
from gen.errors import ConfigError
from gen.segment import segment, starts, windows
from gen.waveform import Waveform


@given(st.integers(1, 500), st.integers(1, 60), st.integers(1, 60))
def test_every_sample_is_in_a_window_and_every_window_is_full(frames, length, step):
    step = min(step, length)
    found = list(starts(frames, length, step))
    assert found == sorted(set(found)) and found[0] == 0
    assert found[-1] == max(0, frames - length)
    assert {sample for first in found for sample in range(first, first + length)} >= set(range(frames))
    assert found[:-1] == list(range(0, (len(found) - 1) * step, step))


@given(st.data(), st.integers(1, 40), st.integers(1, 40))
def test_blocks_of_any_size_give_the_same_windows(data, length, step):
    step = min(step, length)
    sizes = data.draw(st.lists(st.integers(0, 70), min_size=1, max_size=8))
    whole = np.arange(2 * sum(sizes), dtype=np.float32).reshape(2, -1)
    found = list(windows(np.split(whole, np.cumsum(sizes)[:-1], axis=1), length, step))
    if whole.shape[1] == 0:
        assert found == []
        return
    assert [window.start for window in found] == list(starts(whole.shape[1], length, step))
    for window in found:
        wanted = whole[:, window.start : window.start + length]
        assert window.sounding == wanted.shape[1]
        assert np.array_equal(window.samples, np.pad(wanted, ((0, 0), (0, length - wanted.shape[1]))))


def test_a_long_recording_is_never_held_whole():
    alive = 0
    most = 0

    def blocks():
        for number in range(2000):
            yield np.full((1, 1000), number, np.float32)

    for window in windows(blocks(), 5000, 5000):
        base = window.samples if window.samples.base is None else window.samples.base
        alive = base.nbytes
        most = max(most, alive)
    assert most <= 4 * (2 * 5000 + 1000)


def test_seconds_and_overlap_are_settings():
    waveform = Waveform(np.zeros((2, 31 * 8000), np.float32), 8000)
    assert [window.start / 8000 for window in segment(waveform, SegmentConfig(10, 0.0))] == [0, 10, 20, 21]
    assert [window.start / 8000 for window in segment(waveform, SegmentConfig(10, 0.5))] == [0, 5, 10, 15, 20, 21]
    assert all(window.samples.shape == (2, 80000) for window in segment(waveform, SegmentConfig(10, 0.5)))
    short = Waveform(np.ones((1, 8000), np.float32), 8000)
    (only,) = segment(short, SegmentConfig(5))
    assert only.samples.shape == (1, 40000) and only.sounding == 8000 and only.samples.sum() == 8000


@pytest.mark.parametrize("values", [{"seconds": 4.9}, {"seconds": 10.1}, {"overlap": 1.0}, {"overlap": -0.1}])
def test_nonsense_is_refused(values):
    with pytest.raises(ConfigError, match=r"segment\."):
        SegmentConfig(**values)
