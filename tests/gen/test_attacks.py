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


def tone(hertz, seconds=1.0):
    return Waveform(np.sin(2 * np.pi * hertz * np.arange(int(44100 * seconds)) / 44100)[None], 44100)


def power(waveform):
    return float(np.square(waveform.samples).mean())


@pytest.mark.parametrize(("attack", "stays", "goes"), [(attacks.low_pass, 500, 4000), (attacks.high_pass, 4000, 500)])
def test_filters_pass_one_side_and_stop_the_other(attack, stays, goes):
    assert power(attack(tone(stays), 2000)) == pytest.approx(0.5, rel=0.05)
    assert power(attack(tone(goes), 2000)) < 1e-3


def test_equaliser_lifts_one_octave_and_lowers_the_next():
    assert 10 * np.log10(power(attacks.equalise(tone(1000))) / 0.5) == pytest.approx(9, abs=1)
    assert 10 * np.log10(power(attacks.equalise(tone(500))) / 0.5) < -6


def test_echo_comes_late_and_softer():
    click = Waveform(np.eye(1, 44100, dtype=np.float32), 44100)
    places = np.flatnonzero(attacks.echo(click, 0.1, -6).samples[0])
    assert places.tolist() == [0, 4410]


def test_compressor_narrows_the_range():
    loud, soft = (attacks.gain(tone(440), level) for level in (-3, -40))
    squeezed = [10 * np.log10(power(attacks.compress(each))) for each in (loud, soft)]
    assert squeezed[1] == pytest.approx(10 * np.log10(power(soft)), abs=0.1)
    assert squeezed[0] - squeezed[1] == pytest.approx(37 - 0.75 * 21, abs=1)


def test_mix_has_the_level_asked_for():
    other = tone(440, 3.0)
    music = MUSIC.mono()
    added = attacks.mix(music, other, 6).samples - music.samples
    assert 10 * np.log10(np.square(added).sum() / np.square(music.samples).sum()) == pytest.approx(6, abs=0.01)


def test_splices_lose_time_and_jitter_keeps_it():
    assert attacks.splice(MUSIC, 0.5, 0.1).frames < MUSIC.frames
    assert attacks.jitter(MUSIC).frames == MUSIC.frames
    assert np.allclose(attacks.jitter(MUSIC, 0.0).samples, MUSIC.samples)
    assert distance(MUSIC, attacks.jitter(MUSIC, 2.0)) < 20


def test_rounding_to_8_bits_leaves_256_levels():
    steps = attacks.round8(MUSIC).samples * 128
    assert (steps == np.round(steps)).all()


def test_stretching_changes_length_or_pitch_alone():
    longer = attacks.stretched(tone(1000), tempo=0.8)
    assert longer.duration == pytest.approx(1.25, abs=0.15)
    higher = attacks.stretched(tone(1000, 2.0), pitch=1.1)
    assert higher.duration == pytest.approx(2, abs=0.15)
    middle = higher.samples[0][22050:66150]
    assert np.argmax(np.abs(np.fft.rfft(middle, 44100))) == pytest.approx(1100, abs=5)


def test_room_rings_on_and_the_air_is_narrow():
    click = Waveform(np.eye(1, 44100, dtype=np.float32), 44100)
    assert np.abs(attacks.reverberate(click).samples[0][20000:]).max() > 0
    assert attacks.over_the_air(MUSIC).channels == 1


@pytest.mark.parametrize("decibels", [0.0, -6.0, -12.0])
def test_room_over_the_air_is_as_loud_beside_the_loudspeaker_as_was_asked(decibels):
    hiss = attacks.noise(Waveform(np.full((1, 88200), 1e-6, np.float32), 44100), -60)
    direct, heard = (attacks.over_the_air(hiss, decibels=each) for each in (-300.0, decibels))
    # The telephone's own noise is nearly the same in both.
    assert distance(direct, heard) == pytest.approx(-decibels, abs=0.6)


def test_denoiser_takes_noise_and_leaves_tones_that_come_and_go():
    pulses = np.sin(2 * np.pi * 2 * np.arange(88200) / 44100) > 0
    music = Waveform(tone(1000, 2.0).samples * pulses, 44100)
    hiss = attacks.noise(music, 10)
    cleaned = attacks.denoise(hiss, 24)
    assert distance(music, cleaned) > distance(music, hiss) + 0.5
