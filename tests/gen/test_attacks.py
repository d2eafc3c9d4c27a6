"""The attacks do what their names say, so that surviving them means something."""

import numpy as np
import pytest
from chords import chords

from gen.watermark import attacks
from gen.waveform import Waveform

MUSIC = chords(3.0)


def distance(first, second):
    """Signal to difference in decibels, where both are there."""
    frames = min(first.frames, second.frames)
    a, b = first.samples[:, :frames], second.samples[:, :frames]
    return 10 * np.log10(np.square(a).sum() / np.square(a - b).sum())


def test_gain():
    assert np.allclose(attacks.gain(MUSIC, -6.0206).samples, MUSIC.samples / 2, rtol=1e-4)


def test_clipping_cuts_off():
    clipped = attacks.clip(MUSIC, 20)
    assert np.abs(clipped.samples).max() == 1
    assert (np.abs(clipped.samples) == 1).mean() > 0.01


def test_noise_has_the_level_asked_for_and_comes_from_its_seed():
    assert distance(MUSIC, attacks.noise(MUSIC, 20)) == pytest.approx(20, abs=0.1)
    assert attacks.noise(MUSIC, 20, 1) == attacks.noise(MUSIC, 20, 1)
    assert attacks.noise(MUSIC, 20, 1) != attacks.noise(MUSIC, 20, 2)


def test_faster_is_shorter_and_higher():
    tone = np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100)[None]
    result = attacks.faster(Waveform(tone, 44100), 1.05)
    assert result.frames == pytest.approx(44100 / 1.05, abs=1)
    assert np.argmax(np.abs(np.fft.rfft(result.samples[0], 44100))) == 1050


def test_rounding_leaves_65536_levels():
    steps = attacks.round16(MUSIC).samples * 32768
    assert (steps == np.round(steps)).all()


@pytest.mark.parametrize(("codec", "rate"), [("mp3", 44100), ("aac", 44100), ("opus", 48000)])
@pytest.mark.parametrize("channels", [1, 2])
def test_codecs_lose_something_but_not_the_music(codec, rate, channels):
    music = chords(3.0, channels=channels)
    result = attacks.encode(music, codec, 96)
    assert (result.rate, result.channels) == (rate, channels)
    assert result.duration == pytest.approx(3.0, abs=0.15)
    powers = [np.abs(np.fft.rfft(w.resampled(16000).samples[0][:40000])) for w in (music, result)]
    assert np.corrcoef(powers)[0, 1] > 0.9


def test_fewer_kilobits_lose_more():
    assert attacks.encode(MUSIC, "mp3", 32) != attacks.encode(MUSIC, "mp3", 320)


@pytest.mark.parametrize("channels", [1, 2])
def test_vorbis_loses_something_but_not_the_music(channels):
    music = chords(3.0, channels=channels)
    result = attacks.vorbis(music, 0.2)
    assert (result.rate, result.channels, result.frames) == (44100, channels, music.frames)
    assert 3 < distance(music, result) < 60
