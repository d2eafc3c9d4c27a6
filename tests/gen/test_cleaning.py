"""What is taken away, and what must stay."""

import math

import numpy as np
import pytest
from chords import chords

from gen.cleaning import band_pass, clean
from gen.config import CleaningConfig
from gen.errors import ConfigError
from gen.loudness import loudness
from gen.waveform import Waveform

CONFIG = CleaningConfig()


def tone(hertz: float, rate: int = 44100, seconds: float = 3.0) -> Waveform:
    return Waveform(0.1 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)[None], rate)


def level(waveform: Waveform) -> float:
    """RMS in dB of the middle, where the tone is steady."""
    return float(10 * np.log10(np.square(waveform.excerpt(1.0, 2.0).samples, dtype=float).mean()))


class TestBand:
    @pytest.mark.parametrize("rate", [44100, 48000, 96000])
    @pytest.mark.parametrize(
        ("hertz", "most", "least"),
        [(5, -55, None), (10, -55, None), (20, -5.5, -6.5), (31, 0.1, -0.1), (1000, 0.1, -0.1), (19400, 0.1, -0.1)],
    )
    def test_gains(self, rate, hertz, most, least):
        cleaned = clean(tone(hertz, rate), CONFIG)
        gain = level(cleaned.waveform) - cleaned.gain - level(tone(hertz, rate))
        assert gain < most
        assert least is None or gain > least

    def test_above_the_upper_edge(self):
        cleaned = clean(tone(20800), CONFIG)
        assert level(cleaned.waveform) - cleaned.gain - level(tone(20800)) < -55

    def test_edges_left_out(self):
        assert len(band_pass(44100, 0.0, 22050.0)) == 1
        music = chords(2.0)
        cleaned = clean(music, CleaningConfig(lowest=0, highest=22050))
        back = cleaned.waveform.samples * 10 ** (-cleaned.gain / 20)
        assert np.abs(back - (music.samples - music.samples.mean(axis=1, keepdims=True))).max() < 1e-5

    def test_nothing_moves_in_time(self):
        music = chords(4.0)
        cleaned = clean(music, CONFIG).waveform
        shifts = [
            float((music.samples[0, 1000:-1000] * np.roll(cleaned.samples[0], shift)[1000:-1000]).sum())
            for shift in range(-3, 4)
        ]
        assert int(np.argmax(shifts)) == 3
        assert np.array_equal(band_pass(44100, 20.0, 20000.0), band_pass(44100, 20.0, 20000.0)[::-1])

    def test_long_recordings_are_filtered_as_short_ones(self):
        """Seams of the blocks: an impulse far inside gives the taps, whatever lies around."""
        samples = np.zeros((1, 300_000))
        samples[0, 200_000] = 1.0
        cleaned = clean(Waveform(samples, 44100), CONFIG)
        taps = band_pass(44100, 20.0, 20000.0)
        half = len(taps) // 2
        around = cleaned.waveform.samples[0, 200_000 - half : 200_001 + half] * 10 ** (-cleaned.gain / 20)
        assert np.abs(around - taps).max() < 1e-5

    def test_offsets_are_taken_away_and_told(self):
        music = chords(2.0)
        moved = Waveform(music.samples + np.array([[0.1], [-0.05]], np.float32), 44100)
        cleaned = clean(moved, CleaningConfig(lowest=0))
        assert cleaned.offsets == pytest.approx((0.1, -0.05), abs=0.01)
        assert np.abs(cleaned.waveform.samples.mean(axis=1)).max() < 1e-4


class TestLevel:
    @pytest.mark.parametrize("gain", [0.03, 0.3, 1.0])
    @pytest.mark.parametrize("target", [-30.0, -20.0])
    def test_the_target_is_met(self, gain, target):
        music = chords(3.0)
        cleaned = clean(Waveform(music.samples * np.float32(gain), 44100), CleaningConfig(loudness=target))
        assert loudness(cleaned.waveform).integrated == pytest.approx(target, abs=0.01)
        assert not cleaned.held

    def test_the_ceiling_holds(self):
        samples = chords(3.0).samples.copy()
        samples[:, 50_000] = 1.0
        cleaned = clean(Waveform(samples, 44100), CleaningConfig(loudness=-10))
        found = loudness(cleaned.waveform)
        assert cleaned.held
        assert found.true_peak == pytest.approx(-1.0, abs=0.01)
        assert found.integrated is not None
        assert found.integrated < -10.5

    def test_mono_comes_out_as_each_of_two_equal_channels(self):
        music = chords(3.0, channels=1)
        twice = Waveform(np.vstack([music.samples, music.samples]), 44100)
        one, two = clean(music, CONFIG), clean(twice, CONFIG)
        assert one.gain == pytest.approx(two.gain, abs=1e-6)
        assert np.abs(one.waveform.samples[0] - two.waveform.samples[1]).max() < 1e-6

    def test_what_is_too_quiet_or_short_is_not_raised(self):
        for waveform in (chords(0.2), Waveform(np.full((1, 44100), 1e-6), 44100), Waveform(np.zeros((2, 100)), 44100)):
            cleaned = clean(waveform, CONFIG)
            assert cleaned.quiet
            assert cleaned.gain <= 0
            assert cleaned.waveform.samples.shape == waveform.samples.shape
        loud = clean(Waveform(chords(0.2).samples * 20, 44100), CONFIG)
        assert loudness(loud.waveform).true_peak == pytest.approx(-1.0, abs=0.01)

    def test_twice_gives_the_same_samples(self):
        assert clean(chords(3.0), CONFIG).waveform == clean(chords(3.0), CONFIG).waveform


class TestConfig:
    @pytest.mark.parametrize(
        ("name", "value"),
        [("lowest", 0.5), ("lowest", -1), ("highest", 100), ("highest", 30000), ("loudness", 0), ("ceiling", 1)],
    )
    def test_senseless_settings_are_named(self, name, value):
        with pytest.raises(ConfigError, match=rf"^cleaning\.{name}: "):
            CleaningConfig(**{name: value})

    def test_not_a_number_is_refused(self):
        with pytest.raises(ConfigError):
            CleaningConfig(loudness=math.nan)
