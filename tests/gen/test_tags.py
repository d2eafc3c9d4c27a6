"""Tags: players find them, and the samples do not notice."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from gen.audio import encode, load, save
from gen.errors import UnknownFormat
from gen.tags import Tags, write_into_wav
from gen.waveform import Waveform

TAGS = Tags(title="Étude", artist="Nobody", comment="odd", software="Stemmata 1")
WAVE = Waveform(np.random.default_rng(3).uniform(-0.5, 0.5, (2, 4410)).astype(np.float32), 44100)


@pytest.mark.parametrize("size", [1, 11, 12, 500])
def test_a_wav_file_is_tagged_and_sounds_the_same(tmp_path: Path, size: int) -> None:
    plain, tagged = tmp_path / "plain.wav", tmp_path / "tagged.wav"
    save(plain, WAVE)
    content = plain.read_bytes()
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    with tagged.open("wb") as out:
        write_into_wav(pieces, len(content), out, TAGS)
    assert load(tagged).pcm_sha256() == load(plain).pcm_sha256()
    with soundfile.SoundFile(tagged) as file:
        assert (file.title, file.artist, file.comment, file.software) == ("Étude", "Nobody", "odd", "Stemmata 1")
    assert tagged.read_bytes()[8 : len(content)] == content[8:]
    assert int.from_bytes(tagged.read_bytes()[4:8], "little") == tagged.stat().st_size - 8


def test_without_tags_a_file_stays_as_it_is() -> None:
    buffer, out = io.BytesIO(), io.BytesIO()
    soundfile.write(buffer, WAVE.samples.T, 44100, format="WAV", subtype="PCM_16")
    write_into_wav([buffer.getvalue()], len(buffer.getvalue()), out, Tags())
    assert out.getvalue() == buffer.getvalue()


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFX" + bytes(40), b"RIFF" + bytes(40), b"RIFF" + bytes(41)])
def test_what_is_no_wav_file_is_refused(content: bytes) -> None:
    with pytest.raises(UnknownFormat):
        write_into_wav([content], len(content), io.BytesIO(), TAGS)


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".m4a", ".ogg", ".opus"])
def test_other_formats_carry_them_too(tmp_path: Path, suffix: str) -> None:
    path, bare = tmp_path / f"tagged{suffix}", tmp_path / f"bare{suffix}"
    encode(path, WAVE, 128, TAGS)
    encode(bare, WAVE, 128)
    with av.open(str(path)) as file:
        found = {**file.metadata, **file.streams.audio[0].metadata}
    lower = {name.lower(): value for name, value in found.items()}
    assert (lower["title"], lower["artist"], lower["comment"]) == ("Étude", "Nobody", "odd")
    assert load(path).pcm_sha256() == load(bare).pcm_sha256()
