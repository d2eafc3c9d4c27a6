"""A room's reverberation is as long and as loud as asked for."""

import numpy as np
import pytest

from gen.room import Room, reverberate

RATE = 44100


@pytest.mark.parametrize(("t60", "level"), [(1.4, -11.0), (2.0, -9.0)])
def test_decay_and_level(t60, level):
    response = Room(t60, level, seed=1).response(RATE)
    assert response.shape == (2, int(t60 * RATE))
    assert 10 * np.log10(np.sum(response**2, axis=1)) == pytest.approx([level, level], abs=0.01)
    # Schroeder's backward integration (ISO 3382-1, 5.3.3): from -5 to -25 dB, three times over.
    left = np.cumsum(response[0, ::-1].astype(float) ** 2)[::-1]
    decay = 10 * np.log10(left / left[0])
    t20 = 3 * (np.argmax(decay < -25) - np.argmax(decay < -5)) / RATE
    assert 0.5 * t60 < t20 < t60  # high frequencies die sooner than t60 says


def test_the_sides_are_unlike_and_a_seed_is_a_room():
    first, again = Room(1.0, -10, seed=3).response(RATE), Room(1.0, -10, seed=3).response(RATE)
    assert np.array_equal(first, again)
    assert abs(np.corrcoef(first)[0, 1]) < 0.2
    assert not np.array_equal(first, Room(1.0, -10, seed=4).response(RATE))


def test_the_direct_sound_comes_first_and_unchanged():
    dry = np.zeros((2, RATE), np.float32)
    dry[:, 100] = 1.0
    room = Room(0.5, -10, seed=5)
    wet = reverberate(dry, room, RATE)
    expected = np.zeros_like(dry)
    expected[:, 100 : 100 + RATE // 2] = room.response(RATE)
    expected[:, 100] += 1.0
    assert wet.dtype == np.float32
    assert np.allclose(wet, expected, atol=1e-6)
