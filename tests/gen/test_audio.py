"""Reading and writing sound files, the well-made ones. The broken ones are in test_hostile_audio."""

import hashlib
import io
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from chords import chords
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gen.audio import Waveform, encode, examine, load, save
from gen.encode import rounded, write_wav
from gen.errors import EmptyAudio, NotFinite, RateTooLow, SilentAudio, TooLong, TooManyChannels, UnknownFormat


@pytest.fixture(scope="module")
def music() -> Waveform:
    return chords(4.0)


def snr(wanted: Waveform, got: Waveform) -> float:
    """Signal to noise in dB; high only if both begin at the same sample."""
    frames = min(wanted.frames, got.frames)
    one, two = wanted.samples[:, :frames].astype(float), got.samples[:, :frames].astype(float)
    return float(10 * np.log10(np.square(one).sum() / np.square(one - two).sum()))


class TestWaveform:
    def test_samples_cannot_be_changed_from_inside_or_outside(self):
        array = np.zeros((1, 4), np.float32)
        waveform = Waveform(array, 44100)
        array[0, 0] = 1.0
        assert waveform.samples[0, 0] == 0.0
        with pytest.raises(ValueError, match="read-only"):
            waveform.samples[0, 0] = 1.0

    @pytest.mark.parametrize(
        ("samples", "rate", "error"),
        [
            (np.zeros(8, np.float32), 44100, ValueError),
            (np.zeros((0, 8), np.float32), 44100, ValueError),
            (np.zeros((1, 8), np.int16), 44100, TypeError),
            ([[0.0]], 44100, TypeError),
            (np.zeros((1, 8), np.float32), 0, ValueError),
            (np.zeros((1, 8), np.float32), 44100.0, ValueError),
            (np.zeros((2, 0), np.float32), 44100, EmptyAudio),
            (np.full((1, 2), np.nan), 44100, NotFinite),
            (np.full((1, 2), np.inf), 44100, NotFinite),
        ],
    )
    def test_refuses_what_is_no_sound(self, samples, rate, error):
        with pytest.raises(error):
            Waveform(samples, rate)

    def test_pcm_digest_is_of_interleaved_little_endian_float32(self):
        samples = np.random.default_rng(0).standard_normal((2, 70000)).astype(np.float32)
        expected = hashlib.sha256(samples.T.astype("<f4").tobytes()).digest()
        assert Waveform(samples, 44100).pcm_sha256() == expected

    def test_equality_sees_a_single_sample_and_the_rate(self):
        one = Waveform(np.zeros((1, 9)), 44100)
        other = np.zeros((1, 9))
        other[0, 8] = 1e-7
        assert one == Waveform(np.zeros((1, 9)), 44100)
        assert hash(one) == hash(Waveform(np.zeros((1, 9)), 44100))
        assert one != Waveform(other, 44100)
        assert one != Waveform(np.zeros((1, 9)), 48000)

    def test_excerpt_is_clipped_and_never_empty(self, music):
        piece = music.excerpt(3.5, 99.0)
        assert (piece.frames, piece.rate) == (22050, 44100)
        assert np.array_equal(piece.samples, music.samples[:, -22050:])
        with pytest.raises(EmptyAudio, match="nothing lies"):
            music.excerpt(4.0, 5.0)

    def test_mono_is_the_mean(self, music):
        assert np.allclose(music.mono().samples[0], music.samples.mean(axis=0), atol=1e-7)

    @pytest.mark.parametrize("rate", [8000, 22050, 48000, 96000])
    def test_resampling_keeps_length_and_pitch(self, rate):
        time = np.arange(44100) / 44100
        tone = Waveform(np.sin(2 * np.pi * 1000 * time)[None], 44100).resampled(rate)
        expected = Waveform(np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)[None], rate)
        assert tone.frames == rate
        assert snr(expected.excerpt(0.1, 0.9), tone.excerpt(0.1, 0.9)) > 60


class TestSave:
    def test_equal_samples_give_equal_bytes_and_no_metadata(self, tmp_path, music):
        save(tmp_path / "a.wav", music)
        save(tmp_path / "b.wav", Waveform(music.samples.copy(), music.rate))
        data = (tmp_path / "a.wav").read_bytes()
        assert data == (tmp_path / "b.wav").read_bytes()
        assert len(data) == 44 + music.frames * 4

    @settings(deadline=None, max_examples=40)
    @given(arrays.arrays(np.float32, (2, 50), elements=st.floats(-3, 3, width=32)))
    def test_the_second_round_trip_changes_nothing(self, samples):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "law.wav"
            save(path, Waveform(samples, 44100))
            first = path.read_bytes()
            once = load(path)
            save(path, once)
            assert path.read_bytes() == first
            assert load(path) == once
        assert np.abs(once.samples - np.clip(samples, -1, 32767 / 32768)).max() <= 0.5 / 32768 + 1e-9

    def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(self, tmp_path, music):
        save(tmp_path / "a.wav", music)
        before = (tmp_path / "a.wav").read_bytes()
        with pytest.raises(UnknownFormat, match=r"a\.mp3"):
            encode(tmp_path / "a.mp3", Waveform(np.zeros((5, 100)), 44100))
        with pytest.raises(UnknownFormat):
            encode(tmp_path / "a.flac", Waveform(np.zeros((9, 100)), 44100))
        assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
        assert (tmp_path / "a.wav").read_bytes() == before

    def test_unknown_suffix_and_bit_rate_are_named(self, tmp_path, music):
        with pytest.raises(UnknownFormat, match=r"song\.doc.*\.flac"):
            encode(tmp_path / "song.doc", music)
        with pytest.raises(UnknownFormat, match=r"song\.mp3: 5 kbit/s"):
            encode(tmp_path / "song.mp3", music, 5)


class TestWriteWav:
    @given(st.lists(st.integers(0, 3000), min_size=1, max_size=6), st.integers(1, 2))
    def test_pieces_make_the_file_that_the_whole_makes(self, sizes, channels):
        random = np.random.default_rng(sum(sizes))
        pieces = [random.normal(0, 0.5, (channels, size)).astype(np.float32) for size in sizes]
        whole = np.concatenate(pieces, axis=1)
        if whole.shape[1] == 0:
            return
        made = io.BytesIO()
        digest = write_wav(made, iter(pieces), channels, 44100)
        with tempfile.TemporaryDirectory() as folder:
            save(Path(folder) / "whole.wav", Waveform(whole, 44100))
            assert made.getvalue() == (Path(folder) / "whole.wav").read_bytes()
            loaded = load(Path(folder) / "whole.wav")
        assert digest == loaded.pcm_sha256()
        assert np.array_equal(rounded(whole), loaded.samples)


class TestEncode:
    # Least signal to noise that proves content and alignment; a shift by one sample of this music costs more.
    @pytest.mark.parametrize(
        ("suffix", "least"), [(".wav", 70), (".flac", 70), (".mp3", 20), (".ogg", 15), (".m4a", 20), (".opus", 15)]
    )
    @pytest.mark.parametrize("channels", [1, 2])
    def test_every_format_comes_back_in_place(self, tmp_path, suffix, least, channels):
        music = chords(3.0, channels=channels)
        path = tmp_path / f"song{suffix}"
        encode(path, music, 128)
        back = load(path)
        assert back.channels == channels
        assert back.rate == (48000 if suffix == ".opus" else 44100)
        assert abs(back.duration - music.duration) < 0.001
        assert snr(music, back.resampled(44100)) > least

    @pytest.mark.parametrize("kbps", [64, 128, 256])
    def test_mp3_bit_rate_is_constant(self, tmp_path, music, kbps):
        encode(tmp_path / "song.mp3", music, kbps)
        assert (tmp_path / "song.mp3").stat().st_size * 8 / music.duration == pytest.approx(kbps * 1000, rel=0.03)

    @pytest.mark.parametrize("suffix", [".mp3", ".ogg", ".m4a", ".opus"])
    def test_bit_rate_changes_the_size(self, tmp_path, music, suffix):
        sizes = []
        for kbps in (64, 192):
            encode(tmp_path / f"song{suffix}", music, kbps)
            sizes.append((tmp_path / f"song{suffix}").stat().st_size)
        assert sizes[1] > 1.4 * sizes[0]

    def test_flac_and_wav_hold_the_same_samples(self, tmp_path, music):
        save(tmp_path / "song.wav", music)
        encode(tmp_path / "song.flac", music)
        assert load(tmp_path / "song.wav").pcm_sha256() == load(tmp_path / "song.flac").pcm_sha256()

    @pytest.mark.parametrize("suffix", [".mp3", ".m4a", ".opus"])
    def test_uncommon_rates_are_converted(self, tmp_path, suffix):
        music = chords(1.0, rate=96000)
        encode(tmp_path / f"song{suffix}", music)
        back = load(tmp_path / f"song{suffix}")
        assert back.rate == (96000 if suffix == ".m4a" else 48000)
        assert abs(back.duration - 1.0) < 0.001


class TestLoad:
    @pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg", ".m4a", ".opus"])
    def test_the_name_says_nothing(self, tmp_path, music, suffix):
        encode(tmp_path / f"song{suffix}", music, 128)
        (tmp_path / f"song{suffix}").rename(tmp_path / "song.txt")
        assert abs(load(tmp_path / "song.txt").duration - 4.0) < 0.001

    @pytest.mark.parametrize("rate", [8000, 11025, 16000, 32000, 88200, 192000])
    def test_any_rate_is_taken_for_an_audit(self, tmp_path, rate):
        save(tmp_path / "song.wav", chords(0.5, rate=rate))
        assert load(tmp_path / "song.wav").rate == rate

    @pytest.mark.parametrize(
        ("form", "subtype", "step"),
        [
            ("WAV", "PCM_U8", 2**-7),
            ("WAV", "PCM_24", 2**-23),
            ("WAV", "PCM_32", 2**-31),
            ("WAV", "FLOAT", 0),
            ("WAV", "DOUBLE", 0),
            ("RF64", "PCM_16", 2**-15),
            ("W64", "PCM_16", 2**-15),
            ("AIFF", "PCM_16", 2**-15),
            ("AIFF", "FLOAT", 0),
            ("CAF", "PCM_24", 2**-23),
            ("AU", "PCM_16", 2**-15),
            ("FLAC", "PCM_24", 2**-23),
        ],
    )
    def test_lossless_formats_are_exact(self, form, subtype, step):
        music = chords(0.3)
        file = io.BytesIO()
        soundfile.write(file, music.samples.T, music.rate, format=form, subtype=subtype)
        assert np.abs(load(file).samples - music.samples).max() <= step + 1e-7

    def test_tags_before_and_behind_the_sound_do_no_harm(self, tmp_path, music):
        encode(tmp_path / "song.mp3", music, 128)
        plain = load(tmp_path / "song.mp3")
        # ID3v2.3 with a title in Latin-1 and a megabyte of picture padding; ID3v1 at the end (id3.org).
        title = b"TIT2" + (6).to_bytes(4, "big") + b"\0\0\0" + "Fühl!".encode("latin-1")
        body = title + bytes(1 << 20)
        size = bytes(len(body) >> shift & 127 for shift in (21, 14, 7, 0))
        tagged = b"ID3\3\0\0" + size + body + (tmp_path / "song.mp3").read_bytes() + b"TAG" + bytes(125)
        assert load(io.BytesIO(tagged)) == plain

    def test_a_piece_cut_out_of_an_mp3_is_heard(self, tmp_path, music):
        encode(tmp_path / "song.mp3", music, 128)
        data = (tmp_path / "song.mp3").read_bytes()
        piece = load(io.BytesIO(data[len(data) // 3 : -len(data) // 3]))
        assert piece.duration == pytest.approx(4 / 3, abs=0.1)

    def test_a_binary_file_is_left_open_and_named(self, tmp_path, music):
        save(tmp_path / "song.wav", music)
        with (tmp_path / "song.wav").open("rb") as file:
            assert load(file).frames == music.frames
            assert not file.closed

    def test_a_limit_holds_against_a_bomb(self):
        # Ten minutes of digital silence: 100 MB of samples in 40 kB.
        file = io.BytesIO()
        soundfile.write(file, np.zeros((44100 * 600, 1), np.float32), 44100, format="FLAC", subtype="PCM_16")
        assert file.tell() < 200_000
        with pytest.raises(TooLong, match=r"bomb\.flac"):
            load(file, name="bomb.flac", most_samples=1 << 20)


class TestExamine:
    def test_a_good_recording_passes(self, tmp_path, music):
        encode(tmp_path / "song.flac", music)
        assert examine(tmp_path / "song.flac") == load(tmp_path / "song.flac")

    @pytest.mark.parametrize(
        ("waveform", "error"),
        [
            (chords(1.0, rate=8000), RateTooLow),
            (chords(1.0, rate=44099), RateTooLow),
            (Waveform(np.tile(chords(1.0, channels=1).samples, (3, 1)), 44100), TooManyChannels),
            (Waveform(np.zeros((2, 44100)), 44100), SilentAudio),
            (Waveform(np.full((1, 44100), 0.25), 44100), SilentAudio),
            (Waveform(np.full((2, 44100), [[0.25], [-0.25]]), 44100), SilentAudio),
        ],
    )
    def test_the_unfit_is_named_and_still_loads(self, tmp_path, waveform, error):
        save(tmp_path / "song.wav", waveform)
        with pytest.raises(error, match=r"^song\.wav: .*; "):
            examine(tmp_path / "song.wav")
        assert load(tmp_path / "song.wav").frames == waveform.frames


def test_importing_reads_no_decoder():
    code = (
        "import sys, gen.audio; print([name for name in ('av', 'soundfile', 'soxr', 'scipy') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
