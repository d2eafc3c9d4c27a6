import io
import wave

import numpy as np
import pytest
from studio import melody

from gen.config import RATE
from gen.encode import save, wav_header
from gen.errors import UnknownFormat
from gen.levelling import CEILING, LOUDNESS, record
from gen.loudness import Meter, loudness
from gen.preview import Preview
from gen.watermark.mark import Watermark
from gen.watermark.payload import PUBLIC_KEY
from gen.waveform import Waveform

ID = b"8 bytes."


def previewed(samples, *ends):
    preview, meter, made = Preview(len(samples), RATE, ID), Meter(len(samples), RATE), []
    for start, end in zip((0, *ends), (*ends, samples.shape[1]), strict=True):
        meter.add(samples[:, start:end])
        made.append(preview.push(samples[:, start:end], meter.read()))
    made.append(preview.finish())
    return np.concatenate(made).T.astype(np.float32) / 32768, [len(one) for one in made]


def test_it_is_marked_and_as_loud_as_the_whole_where_that_goes_on_as_it_began():
    music = 0.1 * melody(12.0, channels=2).samples
    made, sizes = previewed(music, 6 * RATE, 9 * RATE)
    assert made.shape == music.shape
    assert 0 < sizes[0] < 6 * RATE
    assert [one.id for one in Watermark(PUBLIC_KEY).detect(Waveform(made, RATE))] == [ID]
    assert loudness(Waveform(made, RATE)).integrated == pytest.approx(LOUDNESS, abs=0.5)


def test_it_is_only_turned_down():
    music = 0.02 * melody(9.0).samples.copy()
    music[0, 5 * RATE + 1000] = 0.9
    made, _ = previewed(music, 4 * RATE, 8 * RATE)
    loud = [np.abs(made[0, first * RATE : last * RATE]).max() for first, last in ((1, 3), (5, 6), (8, 9))]
    assert loud[0] > 0.1  # turned up as a whole
    assert 20 * np.log10(loud[1]) == pytest.approx(CEILING, abs=0.7)  # but for the mark
    assert loud[2] < loud[0] / 3


def test_silence_stays_silent():
    made, _ = previewed(np.zeros((1, 4 * RATE), np.float32), RATE)
    assert not made.any()


def test_whoever_hears_a_take_hears_what_is_taken_down():
    music, heard = melody(2.0).samples, []
    with record(iter((music[:, :50000], music[:, 50000:])), 80000, heard=lambda *told: heard.append(told)).file as file:
        file.seek(0)
        assert file.read() == np.concatenate([piece for piece, _ in heard], axis=1).T.tobytes()
    assert heard[-1][1] == loudness(Waveform(np.concatenate([piece for piece, _ in heard], axis=1), RATE))


@pytest.mark.parametrize("channels", [1, 2])
def test_a_header_is_that_of_the_file(tmp_path, channels):
    save(tmp_path / "whole.wav", Waveform(np.zeros((channels, 1000), np.float32), RATE))
    assert wav_header(1000, channels, RATE) == (tmp_path / "whole.wav").read_bytes()[:44]
    with wave.open(io.BytesIO(wav_header(7, channels, RATE))) as sound:
        assert sound.getnframes() == 7
    with pytest.raises(UnknownFormat):
        wav_header(2**31, 2, RATE)
