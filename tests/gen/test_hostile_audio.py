"""Files that are broken, lie about themselves, or are no sound at all: each has its named error, and none costs memory.

Every file is made here. WAV layout: Microsoft's Multimedia Programming Interface 1.0; FLAC: RFC 9639.
"""

import io
import os
import resource
import signal
import socket
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from chords import chords

from gen.audio import encode, examine, load
from gen.errors import AudioError, CorruptAudio, EmptyAudio, NotAudio, NotFinite, UnreadableFile

MUSIC = chords(4.0)
NOISE = np.random.default_rng(7).bytes(300_000)
LONG = 1 << 20  # more than any of these files has frames


def made(form: str, subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, MUSIC.samples.T, MUSIC.rate, format=form, subtype=subtype)
    return file.getvalue()


@pytest.fixture(scope="module")
def coded(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("coded")
    data = {}
    for suffix in ("mp3", "m4a", "opus", "ogg", "flac", "wav"):
        encode(folder / f"song.{suffix}", MUSIC, 128)
        data[suffix] = (folder / f"song.{suffix}").read_bytes()
    return data


def patched(data: bytes, *changes: tuple[int, str, int]) -> bytes:
    changed = bytearray(data)
    for offset, form, value in changes:
        struct.pack_into(form, changed, offset, value)
    return bytes(changed)


WAV = made("WAV", "PCM_16")
FLAC = made("FLAC", "PCM_16")
FLOATS = made("WAV", "FLOAT")
FIRST_FLOAT = FLOATS.index(b"data") + 8

HOSTILE = {
    "nothing.wav": (b"", EmptyAudio),
    "text.mp3": (b"This is no music, whatever the name says.\n" * 3000, NotAudio),
    "utf16.mp3": (("\ufeff" + "Notizen über Musik\n" * 2000).encode("utf-16-le"), NotAudio),
    "one_frame_by_chance.mp3": (b"\xff\xfb\x90\x64" + b"Notes on music, in an old encoding.\n" * 3000, NotAudio),
    "noise.mp3": (NOISE, NotAudio),
    "zeros.mp3": (bytes(200_000), NotAudio),
    "ones.mp3": (b"\xff" * 200_000, NotAudio),
    "one_byte.wav": (b"R", NotAudio),
    "picture.mp3": (b"\xff\xd8\xff\xe0\0\x10JFIF\0" + NOISE, NotAudio),
    "archive.flac": (b"PK\3\4" + NOISE, NotAudio),
    "program.ogg": (b"\x7fELF" + NOISE, NotAudio),
    "list.m3u8": (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", NotAudio),
    "concat.txt": (b"ffconcat version 1.0\nfile /etc/passwd\n", NotAudio),
    "only_tags.mp3": (b"ID3\3\0\0\0\0\x10\0" + bytes(2048), NotAudio),
    "tags_too_long.mp3": (b"ID3\3\0\0\x7f\x7f\x7f\x7f" + bytes(2048), NotAudio),
    "riff.wav": (b"RIFF\x10\0\0\0WAVE", CorruptAudio),
    "riff_noise.wav": (b"RIFF\x10\0\0\0WAVE" + NOISE, CorruptAudio),
    "header_cut.wav": (WAV[:30], CorruptAudio),
    "header_only.wav": (WAV[:44], EmptyAudio),
    "rate_zero.wav": (patched(WAV, (24, "<I", 0)), CorruptAudio),
    "channels_zero.wav": (patched(WAV, (22, "<H", 0)), CorruptAudio),
    "channels_65535.wav": (patched(WAV, (22, "<H", 65535)), CorruptAudio),
    "codec_unknown.wav": (patched(WAV, (20, "<H", 0x4242)), CorruptAudio),
    "bits_99.wav": (patched(WAV, (34, "<H", 99)), CorruptAudio),
    "not_a_number.wav": (patched(FLOATS, (FIRST_FLOAT + 400, "<f", float("nan"))), NotFinite),
    "infinity.wav": (patched(FLOATS, (FIRST_FLOAT + 400, "<f", float("-inf"))), NotFinite),
    "too_loud.wav": (patched(FLOATS, (FIRST_FLOAT + 400, "<f", 1e30)), CorruptAudio),
    "magic_only.flac": (b"fLaC", CorruptAudio),
    "magic_noise.flac": (b"fLaC" + NOISE, CorruptAudio),
    "header_only.flac": (FLAC[:60], CorruptAudio),
    "magic_noise.ogg": (b"OggS" + NOISE, CorruptAudio),
    "magic_noise.m4a": (b"\0\0\0\x20ftypM4A " + NOISE, CorruptAudio),
    "magic_only.mkv": (b"\x1a\x45\xdf\xa3" + NOISE, CorruptAudio),
    "magic_noise.aiff": (b"FORM\0\0\xff\xffAIFF" + NOISE, CorruptAudio),
    "magic_noise.w64": (b"riff\x2e\x91\xcf\x11" + NOISE, CorruptAudio),
    "magic_noise.caf": (b"caff\0\1\0\0" + NOISE, CorruptAudio),
    "magic_noise.wv": (b"wvpk" + NOISE, CorruptAudio),
    "magic_noise.wma": (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + NOISE, CorruptAudio),
    "magic_noise.ape": (b"MAC " + NOISE, CorruptAudio),
    "magic_noise.dsf": (b"DSD " + NOISE, CorruptAudio),
}


def named(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.fixture(autouse=True)
def quick_and_quiet(capfd):
    """Nothing here may hang, and no decoder may talk behind our back."""

    def too_slow(*_):
        pytest.fail("a hostile file held the decoder for 20 s")  # no TimeoutError: that is an OSError

    before = signal.signal(signal.SIGALRM, too_slow)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    assert capfd.readouterr() == ("", "")


class TestNoSound:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_is_named_with_what_to_do(self, tmp_path, name):
        data, error = HOSTILE[name]
        with pytest.raises(error) as caught:
            load(named(tmp_path, name, data))
        assert type(caught.value) is error
        assert str(caught.value).startswith(f"{name}: ")
        assert "; " in str(caught.value)
        assert "0x" not in str(caught.value)

    @pytest.mark.parametrize("name", HOSTILE)
    def test_is_the_same_from_memory(self, name):
        data, error = HOSTILE[name]
        with pytest.raises(error, match=f"^{name}: "):
            load(io.BytesIO(data), name=name)


class TestNoFile:
    def test_missing(self, tmp_path):
        with pytest.raises(UnreadableFile, match=r"^gone\.wav: .*No such file"):
            load(tmp_path / "gone.wav")

    def test_folder(self, tmp_path):
        (tmp_path / "album.wav").mkdir()
        with pytest.raises(UnreadableFile, match=r"^album\.wav: a folder"):
            load(tmp_path / "album.wav")

    def test_pipe_is_never_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.wav")
        with pytest.raises(UnreadableFile, match=r"^pipe\.wav: "):
            load(tmp_path / "pipe.wav")

    def test_socket(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)  # a socket's path may have only 108 bytes
        with socket.socket(socket.AF_UNIX) as plug:
            plug.bind("plug.wav")
            with pytest.raises(UnreadableFile, match=r"^plug\.wav: "):
                load(Path("plug.wav"))

    @pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
    def test_device(self, device):
        with pytest.raises(UnreadableFile, match=f"^{Path(device).name}: "):
            load(Path(device))

    def test_links_in_a_circle(self, tmp_path):
        (tmp_path / "one.wav").symlink_to("two.wav")
        (tmp_path / "two.wav").symlink_to("one.wav")
        with pytest.raises(UnreadableFile, match=r"^one\.wav: "):
            load(tmp_path / "one.wav")

    def test_impossible_names(self, tmp_path):
        for name in ("a\0b.wav", "x" * 300 + ".wav"):
            with pytest.raises(UnreadableFile):
                load(tmp_path / name)

    def test_stream_that_cannot_be_read_twice(self):
        read, write = os.pipe()
        os.close(write)
        with os.fdopen(read, "rb") as pipe, pytest.raises(UnreadableFile, match="read twice"):
            load(pipe, name="upload")

    def test_names_that_are_no_text(self, tmp_path):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n\x1b[31m.wav"))
        path.write_bytes(b"no sound")
        with pytest.raises(NotAudio) as caught:
            load(path)
        assert str(caught.value).startswith(r"caf\udce9\n\x1b[31m.wav: ")
        str(caught.value).encode()


class TestLyingHeaders:
    @pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF, len(WAV) + 100_000])
    @pytest.mark.parametrize("riff_too", [False, True])
    def test_a_wav_that_was_never_finished_is_read_to_its_end(self, tmp_path, size, riff_too):
        changes = [(40, "<I", size)] + ([(4, "<I", size)] if riff_too else [])
        assert load(named(tmp_path, "stream.wav", patched(WAV, *changes))) == load(io.BytesIO(WAV))

    def test_a_claim_of_gigabytes_costs_nothing(self, tmp_path):
        claims = {
            "wav": patched(WAV, (40, "<I", 0xFFFFFFF0), (4, "<I", 0xFFFFFFFF)),
            "flac": FLAC[:21] + bytes([FLAC[21] | 0x0F]) + b"\xff" * 4 + FLAC[26:],
            "au": b".snd" + struct.pack(">5I", 24, 0xFFFFFFFF, 3, 44100, 2) + bytes(40_000),
        }
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for suffix, data in claims.items():
            assert load(named(tmp_path, f"claim.{suffix}", data)).frames < LONG
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


class TestDamage:
    """What can be heard is given for an audit, and refused for training."""

    @pytest.mark.parametrize("suffix", ["mp3", "flac"])
    def test_half_a_file(self, tmp_path, coded, suffix):
        path = named(tmp_path, f"half.{suffix}", coded[suffix][: len(coded[suffix]) // 2])
        assert 1.0 < load(path).duration < 2.5
        with pytest.raises(CorruptAudio, match=rf"^half\.{suffix}: "):
            examine(path)

    def test_half_a_wav_or_opus_is_a_shorter_one(self, tmp_path, coded):
        for suffix in ("wav", "opus", "ogg"):
            piece = coded[suffix][: len(coded[suffix]) // 2]
            assert 1.0 < load(named(tmp_path, f"half.{suffix}", piece)).duration < 3.0

    def test_half_an_mp4_has_lost_its_index(self, tmp_path, coded):
        with pytest.raises(CorruptAudio, match=r"^half\.m4a: "):
            load(named(tmp_path, "half.m4a", coded["m4a"][: len(coded["m4a"]) // 2]))

    @pytest.mark.parametrize("suffix", ["mp3", "flac", "m4a", "opus", "ogg"])
    def test_noise_in_the_middle(self, tmp_path, coded, suffix):
        data = coded[suffix]
        middle = len(data) // 2
        path = named(tmp_path, f"hole.{suffix}", data[:middle] + NOISE[:8000] + data[middle + 8000 :])
        assert load(path).duration > 1.0
        with pytest.raises(CorruptAudio, match=rf"^hole\.{suffix}: "):
            examine(path)

    def test_any_flipped_bytes_give_sound_or_a_named_error(self, tmp_path, coded):
        pick = np.random.default_rng(3)
        for suffix, data in coded.items():
            for _ in range(12):
                broken = bytearray(data[: int(pick.integers(1, len(data)))])
                for place in pick.integers(0, min(len(broken), 4000), 10):
                    broken[place] = int(pick.integers(0, 256))
                try:
                    assert load(io.BytesIO(bytes(broken)), name=f"x.{suffix}").frames < LONG
                except AudioError as error:
                    assert str(error).startswith(f"x.{suffix}: ")


def test_many_threads_may_load_at_once(coded):
    expected = {suffix: load(io.BytesIO(data)).pcm_sha256() for suffix, data in coded.items()}
    wrong = []

    def work(suffix: str) -> None:
        if load(io.BytesIO(coded[suffix])).pcm_sha256() != expected[suffix]:
            wrong.append(suffix)

    threads = [threading.Thread(target=work, args=(suffix,)) for suffix in list(coded) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
