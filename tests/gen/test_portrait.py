"""What is known of a recording is worked out once, and again as soon as anything differs."""

import hashlib
import os
import time

import numpy as np
import pytest
import soundfile
import torch
from studio import melody
from test_cache import Aes

from gen.audio import load, save
from gen.cache import Cache
from gen.config import MelConfig
from gen.corpus import examine
from gen.describe import describe
from gen.errors import ChangedFile, CorruptAudio, UnreadableFile
from gen.features import log_mel
from gen.fingerprint import fingerprint
from gen.portrait import portray
from gen.stamps import Stamps

MEL = MelConfig()


def untouched(*arguments):
    pytest.fail("decoded again")


@pytest.fixture(params=[False, True], ids=["plain", "sealed"])
def kept(tmp_path, request):
    cipher = Aes(bytes(32)) if request.param else None
    return Cache(tmp_path / "cache", 1 << 40, free=0, cipher=cipher), Stamps(tmp_path / "cache" / "stamps", cipher)


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "a.wav"
    save(path, melody(4, channels=2))
    return path


def settle(path, seconds=10):
    """As if it had been written a while ago. Its time of change cannot be set: `later` puts the clock ahead instead."""
    then = time.time_ns() - seconds * 10**9
    os.utime(path, ns=(then, then))


@pytest.fixture
def later(monkeypatch):
    now = time.time_ns
    monkeypatch.setattr("gen.stamps.time.time_ns", lambda: now() + 10 * 10**9)


def test_a_portrait_holds_what_each_part_says(kept, recording):
    found = portray(recording, *kept, MEL)
    waveform = load(recording)
    assert found.digest == hashlib.sha256(recording.read_bytes()).digest()
    assert found.findings == examine(recording).findings.to_dict()
    assert found.fingerprint == fingerprint(waveform)
    assert found.description == describe(waveform, MEL).description
    wanted = log_mel(torch.tensor(waveform.mono().samples[0]), MEL)
    np.testing.assert_allclose(found.mel(), wanted.numpy(), atol=1e-4)
    assert found.rows[-1].shape == (128, 512)


def test_the_same_file_costs_nothing_the_second_time_even_elsewhere(kept, recording, tmp_path):
    first = portray(recording, *kept, MEL)
    moved = tmp_path / "b.flac"
    recording.rename(moved)
    again = portray(moved, *kept, MEL, decoder=untouched)
    assert (again.description, again.fingerprint, again.findings) == (
        first.description,
        first.fingerprint,
        first.findings,
    )
    assert np.array_equal(again.mel(), first.mel())


def test_any_change_is_worked_out_again(kept, recording):
    first = portray(recording, *kept, MEL)
    for changed in ({"mel": MelConfig(bands=64)}, {"allow_resampled": True}):
        with pytest.raises(pytest.fail.Exception):
            portray(recording, *kept, **{"mel": MEL, **changed}, decoder=untouched)
    save(recording, melody(4, channels=2, seed=1))
    assert portray(recording, *kept, MEL).fingerprint != first.fingerprint


def test_a_damaged_entry_is_worked_out_again(kept, recording):
    cache, stamps = kept
    first = portray(recording, cache, stamps, MEL)
    for path in cache.folder.glob("??/*"):
        path.write_bytes(path.read_bytes()[:-9])
    again = portray(recording, cache, stamps, MEL)
    assert again.description == first.description and np.array_equal(again.mel(), first.mel())


def test_what_is_not_fit_raises_and_leaves_nothing(kept, tmp_path):
    path = tmp_path / "bad.wav"
    path.write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00")
    with pytest.raises(CorruptAudio, match=r"bad\.wav"):
        portray(path, *kept, MEL)
    with pytest.raises(UnreadableFile):
        portray(tmp_path / "none.wav", *kept, MEL)
    assert list(kept[0].folder.glob("??/*")) == []


def test_a_file_that_changes_before_it_is_decoded_is_not_believed(kept, recording):
    cache, stamps = kept

    class Meddled(Stamps):
        def sha256(self, path):
            digest = super().sha256(path)
            with recording.open("r+b") as other:
                other.seek(1000)
                other.write(digest)
            return digest

    with pytest.raises(ChangedFile, match=r"a\.wav"):
        portray(recording, cache, Meddled(stamps.path, stamps.cipher), MEL)
    assert list(cache.folder.glob("??/*")) == []


@pytest.mark.usefixtures("later")
def test_an_unchanged_file_is_not_read_again(kept, recording, monkeypatch):
    _, stamps = kept
    settle(recording)
    first = stamps.sha256(recording)
    monkeypatch.setattr("gen.stamps.hashlib.file_digest", untouched)
    assert stamps.sha256(recording) == first == hashlib.sha256(recording.read_bytes()).digest()


@pytest.mark.usefixtures("later")
def test_a_change_that_keeps_size_and_mtime_is_noticed(kept, recording):
    _, stamps = kept
    settle(recording)
    before, status = stamps.sha256(recording), recording.stat()
    with recording.open("r+b") as file:
        file.seek(500)
        file.write(b"\x55")
    os.utime(recording, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert stamps.sha256(recording) != before


def test_a_file_that_was_just_written_is_read_again(kept, recording, monkeypatch):
    _, stamps = kept
    stamps.sha256(recording)
    monkeypatch.setattr("gen.stamps.hashlib.file_digest", untouched)
    with pytest.raises(pytest.fail.Exception):
        stamps.sha256(recording)


@pytest.mark.usefixtures("later")
def test_a_broken_database_is_begun_anew_and_a_sealed_one_tells_nothing(tmp_path, recording):
    path = tmp_path / "stamps"
    settle(recording)
    path.write_bytes(b"no database at all" * 100)
    digest = Stamps(path, Aes(bytes(32))).sha256(recording)
    assert digest not in path.read_bytes()
    assert Stamps(path, Aes(b"1" * 32)).sha256(recording) == digest
    plain = Stamps(tmp_path / "other")
    assert plain.sha256(recording) == digest and digest in (tmp_path / "other").read_bytes()


def test_portraits_of_all_formats_agree(kept, tmp_path):
    samples = np.round(melody(6, channels=2).samples.T * 32000).astype(np.int16)
    found = []
    for name in ("a.wav", "a.flac", "a.ogg"):
        soundfile.write(tmp_path / name, samples, 44100)
        found.append(portray(tmp_path / name, *kept, MEL).description)
    assert found[0] == found[1]
    assert found[2].key == found[0].key
    assert found[2].tempo == found[0].tempo
