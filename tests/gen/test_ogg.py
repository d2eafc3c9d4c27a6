"""Ogg files that hold several streams in a row are read to their end, and refused where these do not go together."""

import io
import struct

import numpy as np
import pytest
import soundfile
from chords import chords

from gen import ogg
from gen.audio import encode, examine, load
from gen.confined import ConfinedDecoder
from gen.errors import AudioError, CorruptAudio

MUSIC = [chords(seconds, seed) for seconds, seed in ((1.0, 1), (0.7, 2), (1.3, 3))]


def vorbis(waveform, channels=2, rate=44100) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, waveform.samples[:channels].T, rate, format="OGG", subtype="VORBIS")
    return file.getvalue()


@pytest.fixture(scope="module")
def opus(tmp_path_factory) -> list[bytes]:
    path = tmp_path_factory.mktemp("ogg") / "a.opus"
    return [(encode(path, piece, 96), path.read_bytes())[1] for piece in MUSIC]


@pytest.fixture(scope="module")
def parts(opus) -> dict[str, list[bytes]]:
    return {"vorbis": [vorbis(piece) for piece in MUSIC], "opus": opus}


def joined(tmp_path, *pieces: bytes):
    path = tmp_path / "joined.ogg"
    path.write_bytes(b"".join(pieces))
    return path


@pytest.mark.parametrize("codec", ["vorbis", "opus"])
def test_all_streams_are_read_one_after_the_other(parts, codec, tmp_path):
    alone = [load(joined(tmp_path, piece)) for piece in parts[codec]]
    path = joined(tmp_path, *parts[codec])
    with ConfinedDecoder() as confined:
        for found in (examine(path), load(path, decoder=confined)):
            assert found.rate == alone[0].rate
            assert np.array_equal(found.samples, np.concatenate([piece.samples for piece in alone], axis=1))


def test_where_each_begins(parts, opus):
    pieces = [*parts["vorbis"], *opus, parts["vorbis"][0]]
    starts = [sum(map(len, pieces[:count])) for count in range(len(pieces))]
    assert ogg.links(io.BytesIO(b"".join(pieces))) == starts
    assert ogg.links(io.BytesIO(pieces[0] + b"no page" + pieces[1])) == [0]
    # Streams beside each other begin together, and are one link.
    first = pieces[0][: pieces[0].index(b"OggS", 4)]
    assert ogg.links(io.BytesIO(first + pieces[0] + pieces[1])) == [0, len(first + pieces[0])]
    for data in (b"", b"OggS", pieces[0][:40], b"RIFF" * 20):
        assert ogg.links(io.BytesIO(data)) == [0]


@pytest.mark.parametrize("second", ["mono", "32 kHz", "opus"])
def test_streams_that_differ_are_refused(parts, opus, second, tmp_path):
    other = {"mono": vorbis(MUSIC[1], channels=1), "32 kHz": vorbis(MUSIC[1], rate=32000), "opus": opus[1]}[second]
    path = joined(tmp_path, parts["vorbis"][0], other, parts["vorbis"][2])
    with pytest.raises(CorruptAudio, match=r"joined\.ogg: its rate or channels change after 1\.0 s"):
        examine(path)
    assert load(path).duration == 1.0


def test_a_stream_that_cannot_be_decoded_is_told(parts, tmp_path):
    one, other = parts["vorbis"][:2]
    broken = bytearray(other)
    broken[300:2000] = bytes(1700)
    unknown = other.replace(b"\x01vorbis", b"\x01vorbiz", 1)
    for bad in (bytes(broken), unknown[:-1]):
        path = joined(tmp_path, one, bad)
        with pytest.raises(CorruptAudio, match=r"^.*joined\.ogg: "):
            examine(path)
        assert load(path).duration >= 1.0


def test_more_streams_than_any_recording_has_are_refused(tmp_path):
    page = struct.pack("<4sBBqIIIB", b"OggS", 0, 2, 0, 1, 0, 0, 0)
    more = struct.pack("<4sBBqIIIB", b"OggS", 0, 0, 0, 1, 0, 0, 0)
    path = joined(tmp_path, (page + more) * (ogg.MOST_LINKS + 5))
    with pytest.raises(AudioError, match="streams in a row"):
        load(path)
