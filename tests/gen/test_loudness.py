"""Loudness and true peak, against the tables of EBU Tech 3341 and 3342, and two other implementations."""

import math
from fractions import Fraction

import numpy as np
import pytest
import soxr
from chords import chords

from gen.loudness import Loudness, Meter, k_weighting, loudness
from gen.waveform import Waveform

RATES = (44100, 48000, 96000)


def sine(hertz: float, parts: list[tuple[float, float]], rate: int, *, phase: float = 0.0) -> Waveform:
    """Stereo; each part is seconds and dBFS, the phase runs through."""
    levels = np.concatenate([np.full(round(seconds * rate), 10 ** (level / 20)) for seconds, level in parts])
    wave = levels * np.sin(2 * np.pi * hertz * np.arange(len(levels)) / rate + math.radians(phase))
    return Waveform(np.stack([wave, wave]), rate)


class TestFilter:
    def test_the_coefficients_at_48_khz_are_those_of_bs_1770(self):
        listed = [
            [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
            [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
        ]
        assert np.abs(k_weighting(48000) - listed).max() < 1e-9


# EBU Tech 3341, table 1, signals 1 to 5: stereo sines of 1 kHz in parts of seconds and dBFS; LUFS, +-0.1.
TECH_3341 = {
    "1": ([(20, -23)], -23.0),
    "2": ([(20, -33)], -33.0),
    "3": ([(10, -36), (60, -23), (10, -36)], -23.0),
    "4": ([(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)], -23.0),
    "5": ([(20, -26), (20.1, -20), (20, -26)], -23.0),
}
# EBU Tech 3342, table 1, signals 1 to 4: loudness range, +-1 LU.
TECH_3342 = {
    "1": ([(20, -20), (20, -30)], 10.0),
    "2": ([(20, -20), (20, -15)], 5.0),
    "3": ([(20, -40), (20, -20)], 20.0),
    "4": ([(20, -50), (20, -35), (20, -20), (20, -35), (20, -50)], 15.0),
}
# EBU Tech 3341, table 1, signals 15 to 19: sines whose peaks lie between the samples; dBTP, +0.2 -0.4 dB.
TRUE_PEAKS = [
    (4, 0.0, 0.5, -6.0),
    (4, 45.0, 0.5, -6.0),
    (6, 60.0, 0.5, -6.0),
    (8, 67.5, 0.5, -6.0),
    (4, 45.0, 1.41, 3.0),
]


class TestTables:
    @pytest.mark.parametrize(
        ("signal", "rate"), [*((signal, 48000) for signal in TECH_3341), ("1", 44100), ("5", 44100)]
    )
    def test_integrated(self, signal, rate):
        parts, expected = TECH_3341[signal]
        assert loudness(sine(1000, parts, rate)).integrated == pytest.approx(expected, abs=0.1)

    @pytest.mark.parametrize("signal", TECH_3342)
    def test_range(self, signal):
        parts, expected = TECH_3342[signal]
        assert loudness(sine(1000, parts, 48000)).range == pytest.approx(expected, abs=1)

    @pytest.mark.parametrize("rate", RATES)
    @pytest.mark.parametrize(("part", "phase", "amplitude", "expected"), TRUE_PEAKS)
    def test_true_peak(self, part, phase, amplitude, expected, rate):
        fade = np.minimum(1, np.minimum(np.arange(rate), np.arange(rate)[::-1]) / (rate / 10))
        wave = fade * amplitude * np.sin(2 * np.pi * np.arange(rate) / part + math.radians(phase))
        assert -0.4 < loudness(Waveform(wave[None], rate)).true_peak - expected < 0.2


class TestAgainstOthers:
    @pytest.mark.parametrize("rate", RATES)
    def test_pyloudnorm_with_the_filter_of_the_recommendation(self, rate):
        pyloudnorm = pytest.importorskip("pyloudnorm")
        music = chords(12.0, rate=rate, noise=0.01)
        other = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(music.samples.T.astype(float))
        assert loudness(music).integrated == pytest.approx(other, abs=1e-6)

    @pytest.mark.parametrize("rate", (44100, 48000))
    def test_ffmpegs_ebur128(self, rate):
        quiet, loud = chords(8.0, 2, rate=rate), chords(8.0, 3, rate=rate, noise=0.1)
        music = Waveform(np.concatenate([0.2 * quiet.samples, loud.samples, 0.5 * quiet.samples], axis=1), rate)
        found, other = loudness(music), ebur128(music)
        assert found.integrated == pytest.approx(other["I"], abs=0.02)
        assert found.range == pytest.approx(other["LRA"], abs=0.2)
        assert found.true_peak == pytest.approx(20 * math.log10(other["true_peak"]), abs=0.15)

    def test_true_peak_is_that_of_a_good_resampler(self):
        # Up to 19 kHz: what lies within a few percent of half the rate belongs to the eye of the resampler.
        music = Waveform(chords(5.0, rate=38000, noise=0.1).samples, 38000).resampled(44100)
        other = max(np.abs(soxr.resample(channel, 44100, 4 * 44100, quality="VHQ")).max() for channel in music.samples)
        assert loudness(music).true_peak == pytest.approx(20 * math.log10(other), abs=0.1)
        assert loudness(music).true_peak > loudness(music).sample_peak + 0.05


def ebur128(waveform: Waveform) -> dict[str, float]:
    import av

    graph = av.filter.Graph()
    base = Fraction(1, waveform.rate)
    source = graph.add_abuffer(format="flt", sample_rate=waveform.rate, layout="stereo", time_base=base)
    meter, sink = graph.add("ebur128", "peak=true:metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(waveform.samples.T).reshape(1, -1), "flt", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = waveform.rate, 0, base
    graph.push(frame)
    graph.push(None)
    last = {}
    while True:
        try:
            last = graph.pull().metadata or last
        except (av.error.BlockingIOError, av.error.EOFError):
            return {name.removeprefix("lavfi.r128."): float(value) for name, value in last.items()}


class TestMeter:
    def test_pieces_of_any_length_give_the_same(self):
        music = chords(5.0, noise=0.05)
        whole = loudness(music)
        pick = np.random.default_rng(4)
        meter, start = Meter(2, 44100), 0
        while start < music.frames:
            length = int(pick.choice([1, 7, 100, 4410, 30000]))
            meter.add(music.samples[:, start : start + length])
            start += length
        again = meter.read()
        assert again.integrated == pytest.approx(whole.integrated, abs=1e-9)
        assert again.range == pytest.approx(whole.range, abs=1e-9)
        assert again.true_peak == pytest.approx(whole.true_peak, abs=1e-5)
        assert again.sample_peak == whole.sample_peak

    @pytest.mark.parametrize("place", [0, 100, 4095, 65535, 65536, 65537, 88199])
    def test_a_peak_between_two_samples_is_found_wherever_it_is(self, place):
        samples = np.zeros((1, 88200))
        samples[0, max(0, place - 1) : place + 1] = 0.5  # with a twin beside it: higher in between
        found = loudness(Waveform(samples, 44100))
        assert found.sample_peak == pytest.approx(-6.02, abs=0.01)
        if place:
            assert found.true_peak > found.sample_peak + 1.5

    def test_silence_and_shortness_have_no_loudness(self):
        assert loudness(Waveform(np.zeros((2, 44100)), 44100)) == Loudness(None, None, -math.inf, -math.inf)
        short = loudness(chords(0.3))
        assert short.integrated is None
        assert short.true_peak > -20
        assert loudness(chords(2.0)).range is None

    def test_mono_is_one_channel_of_the_sum(self):
        music = chords(3.0, channels=1)
        twice = Waveform(np.vstack([music.samples, music.samples]), 44100)
        assert loudness(twice).integrated - loudness(music).integrated == pytest.approx(10 * math.log10(2), abs=1e-9)
