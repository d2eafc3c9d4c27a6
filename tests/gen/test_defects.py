"""Each defect, made on purpose and found with its figures; and good recordings, in which none may be found."""

from dataclasses import fields

import numpy as np
import pytest
from chords import chords

from gen import instruments, score
from gen.cutoff import find_cutoff
from gen.defects import (
    Clipping,
    EncoderPadding,
    EqualChannels,
    LossyOrigin,
    Offset,
    Silence,
    Upsampled,
    find_defects,
    from_dict,
    to_dict,
)
from gen.watermark import attacks
from gen.waveform import Waveform

MUSIC = chords(12.0, noise=0.003)


def only(waveform: Waveform, kind: type):
    """The one defect of this kind; there must be no others."""
    found = find_defects(waveform)
    assert [type(defect) for defect in found] == [kind]
    return found[0]


def padded(waveform: Waveform, head: float, tail: float) -> Waveform:
    widths = ((0, 0), (round(head * waveform.rate), round(tail * waveform.rate)))
    return Waveform(np.pad(waveform.samples, widths), waveform.rate)


class TestGood:
    @pytest.mark.parametrize("rate", [44100, 48000, 96000])
    @pytest.mark.parametrize("channels", [1, 2])
    def test_music_with_a_noise_floor(self, rate, channels):
        assert find_defects(attacks.round16(chords(6.0, rate=rate, channels=channels, noise=0.003))) == ()

    @pytest.mark.parametrize("partials", [1, 4, 20])
    def test_bare_tones_end_at_no_encoder(self, partials):
        time = np.arange(44100 * 4) / 44100
        wave = sum(np.sin(2 * np.pi * 311.1 * k * time) / k for k in range(1, partials + 1)) * 0.2
        assert find_defects(attacks.round16(Waveform(np.stack([wave, 0.5 * wave]), 44100))) == ()

    @pytest.mark.slow
    def test_rendered_music(self):
        piece = instruments.render(score.load(score.names()[0])).excerpt(5, 15)
        assert find_defects(attacks.round16(piece)) == ()

    def test_deep_loud_tones_are_not_clipped(self):
        time = np.arange(44100 * 3) / 44100
        for hertz in (20, 41.2, 110):
            wave = Waveform(np.sin(2 * np.pi * hertz * time)[None], 44100)
            assert not any(isinstance(defect, Clipping) for defect in find_defects(attacks.round16(wave)))


class TestSilence:
    @pytest.mark.parametrize(("head", "tail"), [(1.5, 0.0), (0.0, 3.5), (2.0, 5.0)])
    def test_at_either_end(self, head, tail):
        found = only(padded(MUSIC, head, tail), Silence)
        assert found.head == pytest.approx(head, abs=0.03)
        assert found.tail == pytest.approx(tail, abs=0.03)
        assert found.share == pytest.approx((head + tail) / (MUSIC.duration + head + tail), abs=0.01)

    def test_in_the_middle_over_an_offset(self):
        gap = Waveform(np.zeros((2, 44100 * 8)), 44100)
        samples = np.concatenate([MUSIC.samples, gap.samples, MUSIC.samples], axis=1)
        assert only(Waveform(samples + np.float32(0.0005), 44100), Silence).share == pytest.approx(0.25, abs=0.01)


def clipping(waveform: Waveform) -> Clipping:
    """Cut off on one side more than on the other, waves have an offset too."""
    (found,) = (defect for defect in find_defects(waveform) if not isinstance(defect, Offset))
    assert isinstance(found, Clipping)
    return found


class TestClipping:
    @pytest.mark.parametrize("over", [3, 12])
    def test_at_full_scale_and_below(self, over):
        clipped = attacks.clip(Waveform(MUSIC.samples / np.abs(MUSIC.samples).max(), 44100), over)
        for gain in (1.0, 0.4):
            found = clipping(Waveform(clipped.samples * np.float32(gain), 44100))
            assert found.level == pytest.approx(20 * np.log10(gain), abs=0.01)
            assert found.samples >= 3 * found.runs
            assert found.runs > 10

    def test_one_side_of_one_channel(self):
        samples = MUSIC.samples.copy()
        samples[1] = np.minimum(samples[1], 0.4 * samples[1].max())
        assert clipping(Waveform(samples, 44100)).runs > 10


class TestEqualChannels:
    @pytest.mark.parametrize("sign", [1, -1])
    def test_exactly_or_nearly(self, sign):
        one = MUSIC.samples[0]
        noise = 1e-5 * np.random.default_rng(1).standard_normal(len(one))
        for other in (one, one + noise):
            assert only(Waveform(np.stack([one, sign * other]), 44100), EqualChannels).inverted == (sign < 0)

    def test_not_if_one_piece_differs(self):
        samples = np.vstack([MUSIC.samples[:1], MUSIC.samples[:1]])
        samples[1, -30_000:-20_000] *= 0.9
        assert find_defects(Waveform(samples, 44100)) == ()

    def test_not_if_one_is_silent(self):
        samples = np.vstack([MUSIC.samples[:1], np.zeros((1, MUSIC.frames))])
        assert EqualChannels not in [type(defect) for defect in find_defects(Waveform(samples, 44100))]


class TestCutoff:
    @pytest.mark.parametrize(
        ("codec", "kilobits", "low", "high"),
        [("mp3", 96, 14500, 16000), ("mp3", 128, 15900, 17000), ("mp3", 320, 19500, 20400), ("aac", 128, 16000, 18000)],
    )
    def test_a_lossy_file_turned_into_wav(self, codec, kilobits, low, high):
        found = only(attacks.round16(attacks.encode(MUSIC, codec, kilobits)), LossyOrigin)
        assert low < found.cutoff < high
        assert found.drop > 13

    @pytest.mark.parametrize("origin", [11025, 16000, 22050, 24000])
    def test_a_lower_rate(self, origin):
        found = only(attacks.round16(MUSIC.resampled(origin).resampled(44100)), Upsampled)
        assert found.origin == origin
        assert found.cutoff == pytest.approx(origin / 2, rel=0.06)

    @pytest.mark.parametrize("origin", [44100, 48000])
    def test_a_cds_rate_in_a_studios_file(self, origin):
        found = only(chords(8.0, rate=origin, noise=0.003).resampled(96000), Upsampled)
        assert found.origin == origin

    def test_a_slow_fall_is_none(self):
        pick = np.random.default_rng(2)
        spectrum = np.fft.rfft(pick.standard_normal((2, 44100 * 6)))
        octaves = np.log2(np.maximum(np.fft.rfftfreq(44100 * 6, 1 / 44100), 50) / 50)
        for slope in (-3, -6, -9, -12):
            samples = np.fft.irfft(spectrum * 10 ** (slope * octaves / 20))
            assert find_cutoff(attacks.round16(Waveform(0.3 * samples / np.abs(samples).max(), 44100))) is None

    @pytest.mark.parametrize("hertz", [8000, 12000, 17000])
    def test_a_cliff_into_the_noise_of_a_room_is_none(self, hertz):
        pick = np.random.default_rng(3)
        spectrum = np.fft.rfft(0.003 * pick.standard_normal((2, 44100 * 6)))
        spectrum[:, np.fft.rfftfreq(44100 * 6, 1 / 44100) > hertz] *= 0.02
        assert find_cutoff(Waveform(np.fft.irfft(spectrum), 44100)) is None

    def test_opposite_channels_are_heard(self):
        one = attacks.encode(MUSIC, "mp3", 128).samples[0]
        assert find_cutoff(attacks.round16(Waveform(np.stack([one, -one]), 44100))) is not None

    def test_too_short_to_tell(self):
        assert find_cutoff(MUSIC.excerpt(0, 0.04)) is None


class TestEncoderPadding:
    @pytest.mark.parametrize(("delay", "frame"), [(1105, 1152), (2112, 1024), (312, 960)])
    def test_delay_and_whole_frames(self, delay, frame):
        sound = np.pad(MUSIC.samples[:, 5000:], ((0, 0), (delay, 0)))
        sound = sound[:, : sound.shape[1] // frame * frame]
        found = [defect for defect in find_defects(Waveform(sound, 44100)) if isinstance(defect, EncoderPadding)]
        assert found[0].head == pytest.approx(delay, abs=5)
        assert sound.shape[1] % found[0].frame == 0

    def test_any_other_length_is_music(self):
        sound = np.pad(MUSIC.samples[:, 5000:], ((0, 0), (1105, 0)))
        assert find_defects(Waveform(sound[:, : sound.shape[1] // 1152 * 1152 - 7], 44100)) == ()


def test_offset():
    samples = MUSIC.samples + np.array([[0.0], [-0.02]], np.float32)
    assert only(Waveform(samples, 44100), Offset).level == pytest.approx(-0.02, abs=0.002)


def test_each_is_told_in_words_and_in_figures():
    for defect in (
        Silence(0.5, 1.0, 2.0),
        Clipping(3, 9, -0.1),
        EqualChannels(inverted=True),
        LossyOrigin(16000.0, 30.0),
        Upsampled(10600.0, 30.0, 22050),
        EncoderPadding(1105, 1152),
        Offset(0.01),
    ):
        assert to_dict(defect) == {"defect": defect.name} | {
            field.name: getattr(defect, field.name) for field in fields(defect)
        }
        assert from_dict(to_dict(defect)) == defect
        assert any(letter.isdigit() for letter in str(defect)) or "upside down" in str(defect)


def test_silence_itself_has_no_defects_and_no_warnings():
    assert find_defects(Waveform(np.zeros((2, 44100)), 44100)) == ()
    assert find_defects(Waveform(np.zeros((1, 1)), 44100)) == ()
