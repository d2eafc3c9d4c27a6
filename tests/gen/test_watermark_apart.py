"""Sound taken apart: what sounds again goes, what is played stays; the louder of two sounds goes, the fainter stays."""

import numpy as np
import pytest

from gen.watermark import attacks
from gen.watermark.apart import dry_powers, faint_powers
from gen.watermark.tiles import Analysis
from gen.waveform import Waveform

RATES = [44100, 48000, 22050]


def noise(rate, seed, seconds=8.0):
    return np.random.default_rng(seed).standard_normal((1, round(seconds * rate)), np.float32) / 10


def bursts(rate):
    """Noise that sounds for 50 ms, now and then."""
    samples = noise(rate, 1)
    pick = np.random.default_rng(2)
    heard = np.zeros(samples.shape[1], bool)
    begin = 0
    while begin < len(heard):
        heard[begin : begin + rate // 20] = True
        begin += int(pick.uniform(0.2, 0.5) * rate)
    return samples * heard


def decibels_between(analysis, powers, samples):
    """How much less there is, in decibels, where nothing is played than where something is."""
    played = np.concatenate(list(analysis.powers(samples)))[:, : analysis.edges[-1]].sum(axis=1)
    rest = powers[:, : analysis.edges[-1]].sum(axis=1)
    silent = played < 1e-6 * played.max()
    return 10 * np.log10(rest[played > played.max() / 4].mean() / rest[silent].mean())


@pytest.mark.parametrize("rate", RATES)
def test_what_sounds_again_is_taken_off_and_what_sounds_first_is_not(rate):
    """One echo, ten tiles late, as they are at every rate only to within a sample."""
    analysis, played = Analysis(rate), bursts(rate)
    wet = attacks.echo(Waveform(played, rate), 5120 / 44100, -6).samples
    before = np.concatenate(list(analysis.powers(wet)))
    after = dry_powers(analysis, wet[0])
    assert after.shape == before.shape
    assert after.dtype == np.float32
    assert decibels_between(analysis, before, played) < 13
    assert decibels_between(analysis, after, played) > 18
    loud = before > np.percentile(before, 90)
    assert after[loud].sum() > before[loud].sum() / 2


@pytest.mark.parametrize("rate", RATES)
def test_noise_has_no_room(rate):
    """But a tile and the one before it share half of a frame."""
    analysis, samples = Analysis(rate), noise(rate, 3)
    before = np.concatenate(list(analysis.powers(samples)))
    assert 0.8 * before.sum() < dry_powers(analysis, samples[0]).sum() < before.sum()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("late", [0, 3])
def test_the_louder_of_two_sounds_goes(rate, late):
    """Each comes from its own place: louder in one channel, and there earlier too."""
    analysis = Analysis(rate)
    loud, faint = 10 * noise(rate, 4)[0], noise(rate, 5)[0]
    left = 0.9 * np.roll(loud, late) + 0.3 * faint
    right = 0.4 * loud + 0.95 * np.roll(faint, late)
    powers = faint_powers(analysis, np.stack([left, right]).astype(np.float32))
    bins = slice(4, analysis.edges[-1])
    alone = [np.concatenate(list(analysis.powers(each[None])))[:, bins] for each in (loud, faint)]
    likeness = [np.corrcoef(np.log(powers[:, bins]).ravel(), np.log(each).ravel())[0, 1] for each in alone]
    assert likeness[1] > 0.85
    assert abs(likeness[0]) < 0.1


def test_of_the_same_in_both_channels_nothing_is_left():
    analysis, samples = Analysis(44100), noise(44100, 6)
    powers = faint_powers(analysis, np.concatenate([samples, samples]))
    assert powers.sum() < 1e-9 * np.square(np.abs(analysis.spectra(samples[0], np.arange(0, 9000, 128)))).sum()


@pytest.mark.parametrize("seconds", [0.03, 0.2, 3.0])
def test_silence_stays_silent(seconds):
    analysis, silent = Analysis(44100), np.zeros((2, round(seconds * 44100)), np.float32)
    for powers in (dry_powers(analysis, silent[0]), faint_powers(analysis, silent)):
        assert powers.shape == (analysis.steps_in(silent.shape[1]), analysis.bins)
        assert np.all(powers == 0)
