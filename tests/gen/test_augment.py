import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from studio import melody

from gen.augment import augment
from gen.config import RATE, AugmentConfig

ALL = AugmentConfig(share=1.0, shift=3.0, stretch=0.2, gain=6.0, invert=True, noise=-60.0)
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(4 * RATE) / RATE)).astype(np.float32)


def strongest(samples):
    middle = samples[RATE : 3 * RATE]
    return float(np.abs(np.fft.rfft(middle * np.hanning(len(middle)))).argmax() / 2)


def period(samples):
    """Seconds between beats, 0.25 to 0.75, by the autocorrelation of the energy, 200 times a second."""
    energy = np.square(samples[: len(samples) // 220 * 220]).reshape(-1, 220).sum(axis=1)
    likeness = np.correlate(energy - energy.mean(), energy - energy.mean(), "full")[len(energy) - 1 :]
    return float(50 + likeness[50:150].argmax()) * 220 / RATE


def test_a_restart_gives_the_same_and_another_epoch_window_or_seed_another():
    samples = melody(3).samples[0]
    first = augment(samples, ALL, 7, 2, 5)
    augment(samples, ALL, 1, 1, 1)
    assert np.array_equal(augment(samples, ALL, 7, 2, 5), first)
    assert first.shape == samples.shape and first.dtype == np.float32
    for other in ((8, 2, 5), (7, 3, 5), (7, 2, 6)):
        assert not np.array_equal(augment(samples, ALL, *other), first)


def test_another_process_gives_the_same():
    program = (
        "import hashlib, numpy as np; from gen.augment import augment; from gen.config import AugmentConfig\n"
        "samples = np.random.default_rng(1).normal(0, 0.1, 44100).astype(np.float32)\n"
        "config = AugmentConfig(share=1.0, shift=5.0, stretch=0.5, gain=6.0, invert=True, noise=-60.0)\n"
        "print(hashlib.sha256(b''.join(augment(samples, config, 1, 0, n).tobytes() for n in range(6))).hexdigest())"
    )
    runs = [subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout for _ in range(2)]
    assert runs[0] == runs[1]


def test_nothing_is_changed_where_nothing_is_asked():
    samples = melody(1).samples[0]
    kept = samples.copy()
    found = augment(samples, AugmentConfig(), 1, 2, 3)
    assert np.array_equal(found, kept) and found is not samples
    augment(samples, ALL, 1, 2, 3)
    assert np.array_equal(samples, kept)


def test_pitch_is_shifted_within_bounds_and_as_far_as_drawn():
    config = AugmentConfig(share=1.0, shift=4.0)
    shifts = [12 * np.log2(strongest(augment(TONE, config, 1, 0, window)) / 440) for window in range(12)]
    assert max(map(abs, shifts)) <= 4.05
    assert max(shifts) > 1.5 and min(shifts) < -1.5


def test_stretching_keeps_the_pitch_and_moves_the_beats():
    clicks = np.zeros(6 * RATE, np.float32)
    for beat in range(12):
        time = np.arange(2000) / RATE
        clicks[beat * RATE // 2 :][:2000] += np.sin(2 * np.pi * 800 * time) * np.exp(-60 * time)
    config = AugmentConfig(share=1.0, stretch=0.3)
    gaps, pitches = [], []
    for window in range(8):
        found = augment(clicks, config, 1, 0, window)
        gaps.append(period(found))
        pitches.append(strongest(augment(TONE, config, 1, 0, window)))
    assert 0.5 * 0.69 <= min(gaps) < 0.46 and 0.54 < max(gaps) <= 0.5 * 1.31
    assert np.allclose(pitches, 440, atol=2)


def test_gain_sign_and_noise_do_what_they_say():
    changed = [augment(TONE, AugmentConfig(gain=6.0), 3, 0, window) for window in range(30)]
    decibels = [20 * np.log10(np.abs(samples).max() / 0.5) for samples in changed]
    assert -6.01 < min(decibels) < -3 and 3 < max(decibels) < 6.01
    signs = [float(np.sign(augment(TONE, AugmentConfig(invert=True), 3, 0, w)[10] / TONE[10])) for w in range(30)]
    assert set(signs) == {1.0, -1.0} and 5 < signs.count(1.0) < 25
    hiss = augment(TONE, AugmentConfig(noise=-40.0), 3, 0, 0) - TONE
    assert 20 * np.log10(hiss.std()) == pytest.approx(-40, abs=0.1)


def test_one_setting_does_not_change_what_another_does():
    alone = augment(TONE, AugmentConfig(gain=6.0), 3, 0, 4)
    both = augment(TONE, AugmentConfig(gain=6.0, invert=True), 3, 0, 4)
    assert np.array_equal(np.abs(alone), np.abs(both))


def test_the_share_decides_how_many_are_shifted():
    config = AugmentConfig(share=0.5, shift=3.0)
    samples = TONE[:22050]
    same = sum(np.array_equal(augment(samples, config, 5, 0, window), samples) for window in range(60))
    assert 18 < same < 42
    assert dataclasses.replace(config).active and not AugmentConfig().active


@pytest.mark.parametrize("frames", [1, 100, 3000])
def test_windows_of_any_length_are_survived(frames):
    for window in range(4):
        found = augment(TONE[:frames], ALL, 1, 0, window)
        assert found.shape == (frames,) and np.isfinite(found).all()
