"""Decoding in another process: the same samples, and whatever happens to that process is a named error."""

import io
import json
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import hostile
import numpy as np
import pytest
from chords import chords

from gen.audio import encode, load
from gen.confined import ConfinedDecoder, Limits
from gen.errors import ConfigError, CorruptAudio, DecoderCrashed, NotAudio, NotFinite, TooExpensive, TooLong
from gen.labels import Labels, read_tags

MUSIC = chords(3.0)


@pytest.fixture(scope="module")
def songs(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("songs")
    made = {suffix: folder / f"song.{suffix}" for suffix in ("wav", "flac", "mp3", "m4a", "opus", "ogg")}
    for path in made.values():
        encode(path, MUSIC, 128)
    return made


@pytest.fixture(scope="module")
def decoder():
    with ConfinedDecoder() as running:
        yield running


def status(pid: int | None, field: str) -> int:
    """A line of /proc/PID/status, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":"))


class TestSame:
    @pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "m4a", "opus", "ogg"])
    def test_samples_as_decoded_here(self, songs, decoder, suffix):
        assert load(songs[suffix], decoder=decoder) == load(songs[suffix])

    def test_from_memory_and_from_a_file_in_use(self, songs, decoder):
        expected = load(songs["wav"])
        assert load(io.BytesIO(songs["wav"].read_bytes()), decoder=decoder) == expected
        with songs["wav"].open("rb") as file:
            file.read(10)
            assert load(file, decoder=decoder) == expected
            assert not file.closed

    def test_damage_and_errors_are_told(self, songs, decoder, tmp_path):
        data = songs["mp3"].read_bytes()
        half = tmp_path / "half.mp3"
        half.write_bytes(data[: len(data) // 2])
        with half.open("rb") as file:
            assert "it says that it holds" in str(decoder(file, "half.mp3", 1 << 24).damage)
        with pytest.raises(NotAudio, match=r"^text\.mp3: "):
            load(io.BytesIO(b"words " * 1000), name="text.mp3", decoder=decoder)
        with pytest.raises(CorruptAudio, match=r"^magic\.flac: "):
            load(io.BytesIO(b"fLaC" + bytes(100)), name="magic.flac", decoder=decoder)
        with pytest.raises(TooLong, match=r"^song\.wav: "):
            load(songs["wav"], most_samples=1000, decoder=decoder)

    def test_what_is_not_finite_is_found_on_this_side(self, decoder):
        import soundfile

        file = io.BytesIO()
        soundfile.write(file, np.full((9000, 2), np.nan, np.float32), 44100, format="WAV", subtype="FLOAT")
        with pytest.raises(NotFinite, match=r"^nan\.wav: "):
            load(file, name="nan.wav", decoder=decoder)

    def test_threads_take_turns(self, songs, decoder):
        expected = {suffix: load(path) for suffix, path in songs.items()}
        wrong = []

        def work(suffix: str) -> None:
            if load(songs[suffix], decoder=decoder) != expected[suffix]:
                wrong.append(suffix)

        threads = [threading.Thread(target=work, args=(suffix,)) for suffix in list(songs) * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


class TestOneProcess:
    def test_serves_many_files_and_holds_none_of_their_samples(self, songs, tmp_path):
        long = tmp_path / "long.wav"
        encode(long, chords(120.0))
        with ConfinedDecoder() as decoder:
            load(songs["wav"], decoder=decoder)
            first, before = decoder.pid, status(decoder.pid, "VmHWM")
            assert load(long, decoder=decoder).duration == 120
            assert decoder.pid == first
            assert status(first, "VmHWM") - before < 10_000  # its samples are 41 MB

    def test_ends_when_told_and_when_its_owner_is_gone(self, songs):
        with ConfinedDecoder() as decoder:
            load(songs["wav"], decoder=decoder)
            first = decoder.pid
            decoder.close()
            assert not Path(f"/proc/{first}").exists()
            load(songs["wav"], decoder=decoder)
            second = decoder.pid
        assert decoder.pid is None
        assert not Path(f"/proc/{second}").exists()

    def test_knows_nothing_of_its_owners_environment(self, songs, monkeypatch):
        monkeypatch.setenv("STEMMATA_PASSPHRASE", "not for decoders")
        with ConfinedDecoder() as decoder:
            load(songs["wav"], decoder=decoder)
            assert b"not for decoders" not in Path(f"/proc/{decoder.pid}/environ").read_bytes()

    def test_has_no_way_to_the_owners_files(self, songs):
        with ConfinedDecoder() as decoder:
            load(songs["wav"], decoder=decoder)
            links = [str(entry.readlink()) for entry in Path(f"/proc/{decoder.pid}/fd").iterdir()]
        assert [link for link in links if link != "/dev/null" and not link.startswith(("socket:", "/proc/"))] == []


class TestTrouble:
    def test_a_crash_costs_one_file(self, songs, decoder):
        load(songs["wav"], decoder=decoder)
        killed = decoder.pid
        assert killed is not None
        os.kill(killed, signal.SIGSTOP)  # so that it dies over this file, not before it
        threading.Timer(0.2, os.kill, (killed, signal.SIGSEGV)).start()
        threading.Timer(0.3, os.kill, (killed, signal.SIGCONT)).start()
        with pytest.raises(DecoderCrashed, match=r"^song\.mp3: it crashed the decoder \(SIGSEGV\)"):
            load(songs["mp3"], decoder=decoder)
        assert load(songs["mp3"], decoder=decoder) == load(songs["mp3"])
        assert decoder.pid != killed

    def test_a_dead_process_is_replaced(self, songs, decoder):
        load(songs["wav"], decoder=decoder)
        os.kill(decoder.pid, signal.SIGKILL)
        time.sleep(0.1)
        assert load(songs["wav"], decoder=decoder) == load(songs["wav"])

    def test_patience_ends(self, songs):
        with ConfinedDecoder(Limits(seconds=0.5)) as decoder:
            load(songs["wav"], decoder=decoder)
            os.kill(decoder.pid, signal.SIGSTOP)
            start = time.monotonic()
            with pytest.raises(TooExpensive, match=r"^song\.wav: not decoded after 0 s|^song\.wav: "):
                load(songs["wav"], decoder=decoder)
            assert time.monotonic() - start < 5
            assert load(songs["wav"], decoder=decoder) == load(songs["wav"])

    @pytest.mark.slow
    def test_processor_time_ends(self, songs, tmp_path):
        file = tmp_path / "slow.mp3"
        file.write_bytes(songs["mp3"].read_bytes() * 1000)
        with (
            ConfinedDecoder(Limits(processor_seconds=1)) as decoder,
            pytest.raises(TooExpensive, match=r"^slow\.mp3: not decoded after 1 s of processor time"),
        ):
            load(file, decoder=decoder)

    def test_memory_ends(self, songs):
        bomb = io.BytesIO(dict(hostile.mp3())["id3_compressed_bomb.mp3"])  # 50 MB in a tag
        grown = {}
        for memory in (32 << 20, 1 << 29):
            with ConfinedDecoder(Limits(memory=memory)) as decoder:
                load(songs["mp3"], decoder=decoder)
                process, before = decoder.pid, status(decoder.pid, "VmHWM")
                with suppress(TooExpensive, CorruptAudio):
                    load(bomb, name="bomb.mp3", decoder=decoder)
                assert decoder.pid in (process, None)
                grown[memory] = status(process, "VmHWM") - before if decoder.pid else 0
                assert load(songs["mp3"], decoder=decoder) == load(songs["mp3"])
        assert grown[32 << 20] < 32_000 < grown[1 << 29]  # KiB


class TestTags:
    def test_are_those_that_are_read_here(self, decoder, tmp_path):
        import soundfile

        path = tmp_path / "song.flac"
        with soundfile.SoundFile(path, "w", 44100, 1, format="FLAC") as target:
            target.artist, target.genre = "Brüll " + "𝄞" * 490, "song"
            target.write(np.zeros(1000))
        with path.open("rb") as file:
            assert decoder.tags(file, "song.flac") == read_tags(path)
        assert read_tags(path).artist == "Brüll " + "𝄞" * 490
        assert decoder.tags(io.BytesIO(path.read_bytes()), "song.flac") == read_tags(path)

    def test_of_what_has_none_are_unknown(self, decoder):
        assert decoder.tags(io.BytesIO(b"words " * 1000), "text.mp3") == Labels()
        assert decoder.tags(io.BytesIO(b"fLaC" + bytes(100)), "magic.flac") == Labels()

    @pytest.mark.parametrize("answer", [b"{}", b'{"tags": 1}', b'{"tags": {"artist": 1}}', b"[]"])
    def test_that_make_no_sense_are_refused(self, answer, monkeypatch):
        with ConfinedDecoder() as decoder:
            monkeypatch.setattr(decoder, "_ask", lambda *rest: answer)
            with pytest.raises(DecoderCrashed, match=r"^song\.wav: the decoder gave no sensible answer"):
                decoder.tags(io.BytesIO(b"x"), "song.wav")

    def test_keep_no_letter_that_is_none(self, monkeypatch):
        with ConfinedDecoder() as decoder:
            monkeypatch.setattr(decoder, "_ask", lambda *rest: b'{"tags": {"artist": "\\u001b[31m", "genre": "song"}}')
            assert decoder.tags(io.BytesIO(b"x"), "song.wav") == Labels(genre="song")


class TestLies:
    """What a decoder that a file has taken over might answer."""

    @pytest.mark.parametrize(
        "answer",
        [
            b"no json",
            b"[" * 10_000,
            b"[]",
            b"{}",
            b'{"error": "GenError", "message": "song.wav: x"}',
            b'{"error": "os", "message": "song.wav: x"}',
            b'{"error": "NotAudio", "message": "another.wav: x"}',
            b'{"error": "NotAudio"}',
            json.dumps(
                {"rate": 1, "channels": 1, "frames": 1 << 40, "damage": None, "promised": None, "padded": False}
            ),
            json.dumps({"rate": -1, "channels": 1, "frames": 1, "damage": None, "promised": None, "padded": False}),
            json.dumps({"rate": 1, "channels": True, "frames": 1, "damage": None, "promised": None, "padded": False}),
            b'{"rate": 1, "channels": 1, "frames": 1, "damage": null, "promised": Infinity, "padded": true}',
            b'{"rate": 1, "channels": 1, "frames": 1, "damage": null, "promised": null}',
        ],
    )
    def test_make_no_sense(self, decoder, answer):
        with pytest.raises(DecoderCrashed, match=r"^song\.wav: the decoder gave no sensible answer"):
            decoder._understood(answer if isinstance(answer, bytes) else answer.encode(), "song.wav", 1 << 20)

    def test_control_characters_stay_out_of_messages(self, decoder):
        with pytest.raises(NotAudio, match=r"^song\.wav: \?\[31m$"):
            decoder._understood(b'{"error": "NotAudio", "message": "song.wav: \\u001b[31m"}', "song.wav", 1 << 20)

    def test_fewer_samples_than_told(self):
        from gen.confined import _collect
        from gen.decode import Stream

        sink = os.memfd_create("samples")
        os.write(sink, bytes(800))
        with pytest.raises(DecoderCrashed, match=r"^song\.wav: "):
            _collect(sink, Stream(44100, 2, 101), "song.wav")
        os.close(sink)


@pytest.mark.parametrize("name", ["memory", "processor_seconds", "seconds", "most_samples"])
def test_limits_are_above_zero(name):
    with pytest.raises(ConfigError, match=rf"^limits\.{name}: "):
        Limits(**{name: 0})
