"""Writing the mark: rates, lengths, streams, and what is refused."""

import numpy as np
import pytest
from chords import chords

from gen import audio
from gen.errors import TooShort, WrongLength
from gen.watermark import attacks, files
from gen.watermark.embed import BASS_GAIN, BATCH, GAIN
from gen.watermark.mark import Watermark
from gen.watermark.patterns import CHIP_TILES, EDGES_HZ, FRAME, PERIOD, RATE, TILE, Pattern
from gen.watermark.payload import PUBLIC_KEY, beginning, encode
from gen.waveform import Waveform

IDENTITY = bytes.fromhex("0123456789abcdef")
PUBLIC = Watermark(PUBLIC_KEY)


def ids(waveform, watermark=PUBLIC):
    return [detection.id for detection in watermark.detect(waveform)]


def noise(seconds, rate=44100):
    samples = np.random.default_rng(3).standard_normal((1, int(seconds * rate)))
    return Waveform((0.1 * samples).astype(np.float32), rate)


@pytest.mark.parametrize(
    "rate",
    [8000, 48000, 192000, *(pytest.param(rate, marks=pytest.mark.slow) for rate in (11025, 32000, 44099, 96000))],
)
def test_every_rate_is_marked_in_place(rate):
    music = chords(5.0, seed=9, rate=rate)
    result = PUBLIC.embed(music, IDENTITY)
    assert (result.rate, result.channels, result.frames) == (rate, 2, music.frames)
    assert ids(result) == [IDENTITY]


@pytest.mark.parametrize("seconds", [0.01, 0.5, 2.99])
def test_too_short_audio_is_refused(seconds):
    with pytest.raises(TooShort, match="at least 3 s"):
        PUBLIC.embed(chords(seconds), IDENTITY)


def test_id_of_another_size_is_refused():
    with pytest.raises(WrongLength, match="8 bytes"):
        PUBLIC.embed(chords(10.0), b"short")


def test_short_key_is_refused():
    with pytest.raises(WrongLength, match="16 bytes"):
        Watermark(b"secret")


def test_long_ids_are_another_kind_of_mark():
    long = Watermark(PUBLIC_KEY, id_bytes=16)
    identity = bytes(range(16))
    result = long.embed(chords(10.0, seed=43), identity)
    assert ids(result, long) == [identity]
    assert ids(result) == []
    with pytest.raises(WrongLength, match="16 bytes"):
        long.embed(chords(10.0), IDENTITY)


def test_strength_is_a_factor():
    soft, loud = (Watermark(PUBLIC_KEY, strength=factor).embed(chords(5.0), IDENTITY).samples for factor in (0.5, 1.0))
    host_samples = chords(5.0).samples
    powers = [np.square(samples - host_samples).sum() for samples in (soft, loud)]
    assert powers[1] / powers[0] == pytest.approx(4, rel=0.05)


def test_each_tile_is_louder_or_softer_as_its_chip_says():
    """Against frames added up one by one, for longer than a period."""
    music = noise(13.0)
    chips = Pattern.of(PUBLIC_KEY, len(IDENTITY)).write(encode(PUBLIC_KEY, IDENTITY))
    begin = beginning(PUBLIC_KEY, IDENTITY, PERIOD)
    edges = np.round(np.array(EDGES_HZ) * FRAME / RATE).astype(int)
    window = np.sin(np.pi * np.arange(FRAME) / FRAME)
    samples = np.pad(music.samples[0].astype(np.float64), (TILE, FRAME))
    expected = samples.copy()
    gains = GAIN * np.where(np.arange(len(EDGES_HZ) - 1) < 2, BASS_GAIN, 1)
    for tile in range(-(-music.frames // TILE) + 1):
        chip, second = divmod(tile, CHIP_TILES)
        signs = chips[(begin + chip) % PERIOD] * (-1 if second else 1)
        grown = np.zeros(FRAME // 2 + 1)
        grown[edges[0] : edges[-1]] = np.repeat(10 ** (gains * signs / 20) - 1, np.diff(edges))
        part = slice(tile * TILE, tile * TILE + FRAME)
        expected[part] += window * np.fft.irfft(grown * np.fft.rfft(window * samples[part]))
    result = PUBLIC.embed(music, IDENTITY).samples[0]
    np.testing.assert_allclose(result, expected[TILE : TILE + music.frames], rtol=0, atol=1e-6)


def test_balance_writes_less_where_the_music_is_loud():
    music = noise(8.0)
    low = attacks.low_pass(attacks.gain(music, 20), 800).samples + music.samples
    uneven = Waveform(low, 44100)
    shares = []
    for balance in (0.0, 0.6):
        added = Watermark(PUBLIC_KEY, balance=balance).embed(uneven, IDENTITY)
        assert ids(added) == [IDENTITY]
        difference = np.abs(np.fft.rfft(added.samples[0] - uneven.samples[0])) ** 2
        shares.append(difference[: 800 * 8].sum() / difference[1600 * 8 :].sum())
    assert shares[1] < shares[0] / 4


@pytest.mark.parametrize(("rate", "balance"), [(8000, 0.0), (44100, 0.0), (44100, 0.6), (48000, 0.0)])
def test_a_stream_in_any_pieces_is_marked_as_the_whole_is(rate, balance):
    watermark = Watermark(PUBLIC_KEY, balance=balance)
    music = chords(11.0, seed=31, rate=rate)
    whole = watermark.embed(music, IDENTITY)
    pick = np.random.default_rng(1)
    embedder = watermark.embedder(rate, 2, IDENTITY)
    pieces, at = [], 0
    while at < music.frames:
        size = int(pick.integers(0, rate))
        pieces.append(embedder.push(music.samples[:, at : at + size]))
        at += size
    pieces.append(embedder.finish())
    assert Waveform(np.concatenate(pieces, axis=1), rate) == whole


def test_a_stream_is_given_back_while_it_lasts():
    embedder = PUBLIC.embedder(44100, 1, IDENTITY)
    second = chords(1.0, channels=1).samples
    held = 0
    for _ in range(30):
        held += second.shape[1] - embedder.push(second).shape[1]
        assert held < 2 * 44100


def test_a_stream_that_ends_too_soon_is_refused():
    embedder = PUBLIC.embedder(44100, 2, IDENTITY)
    embedder.push(chords(2.0).samples)
    with pytest.raises(TooShort, match="at least 3 s"):
        embedder.finish()


@pytest.mark.parametrize("rate", [44100, 48000])
def test_audio_may_end_anywhere_near_the_end_of_a_batch(rate):
    # The first batch begins half a frame before the audio; a frame takes two tiles, or a little more or less.
    end = round((3 * BATCH + 1) * TILE / RATE * rate) - TILE * rate // RATE
    for frames in (end - 1200, end - 600, *range(end - 10, end + 11), end + 600):
        music = Waveform(noise(6.5, rate).samples[:, :frames], rate)
        embedder = PUBLIC.embedder(rate, 1, IDENTITY)
        result = np.concatenate([embedder.push(music.samples), embedder.finish()], axis=1)
        assert result.shape == (1, frames)
        change = np.abs(result - music.samples)
        assert change.max() < 0.1
        assert change[0, -300:].max() > 1e-4


@pytest.mark.parametrize(("suffix", "channels"), [(".wav", 2), (".m4a", 1)])
def test_a_file_is_marked_as_what_it_holds_is(tmp_path, suffix, channels):
    source, target = tmp_path / f"music{suffix}", tmp_path / "marked.wav"
    audio.encode(source, chords(5.1, seed=3, channels=channels))
    seconds = files.embed(PUBLIC, source, target, IDENTITY)
    music = audio.load(source)
    assert seconds == music.duration
    audio.save(tmp_path / "expected.wav", PUBLIC.embed(music, IDENTITY))
    assert target.read_bytes() == (tmp_path / "expected.wav").read_bytes()


def test_what_cannot_be_marked_leaves_no_file(tmp_path):
    audio.save(tmp_path / "short.wav", chords(2.0))
    with pytest.raises(TooShort):
        files.embed(PUBLIC, tmp_path / "short.wav", tmp_path / "marked.wav", IDENTITY)
    assert [path.name for path in tmp_path.iterdir()] == ["short.wav"]


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_each_channel_is_marked_as_if_it_were_alone(channels):
    music = chords(6.0, seed=4, channels=1).samples
    together = PUBLIC.embed(Waveform(np.repeat(music, channels, axis=0), 44100), IDENTITY).samples
    alone = PUBLIC.embed(Waveform(music, 44100), IDENTITY).samples
    assert np.abs(together - alone).max() < 2e-3 * np.abs(alone - music).max()
