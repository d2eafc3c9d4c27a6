"""Folders as people keep them."""

import os
import tracemalloc
import unicodedata
from pathlib import Path

import pytest
from chords import chords

from gen.audio import encode, save
from gen.corpus import examine_all, scan
from gen.errors import FolderNotReadable, NoRecordings, NotAudio, SilentAudio, UnreadableFile
from gen.waveform import Waveform

MUSIC = chords(0.5)


def touch(path: Path, data: bytes = b"not really") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def names(paths) -> list[str]:
    return [path.name for path in paths]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "album"


class TestScan:
    def test_recordings_by_suffix_and_the_rest_ignored(self, folder):
        for name in ("a.wav", "b.FLAC", "c.mp3", "CD2/d.ogg", "CD2/e.m4a", "CD2/f.opus", "g.aiff"):
            touch(folder / name)
        for name in ("cover.jpg", "notes.txt", "album.nfo", "Thumbs.db", "video.mp4", "list.m3u8", "CD2/no suffix"):
            touch(folder / name)
        for name in (".hidden.wav", "._a.wav", ".git/x.wav"):
            touch(folder / name)
        found = scan(folder)
        assert names(found.recordings) == ["d.ogg", "e.m4a", "f.opus", "a.wav", "b.FLAC", "c.mp3", "g.aiff"]
        assert names(found.ignored) == [
            "no suffix",
            "Thumbs.db",
            "album.nfo",
            "cover.jpg",
            "list.m3u8",
            "notes.txt",
            "video.mp4",
        ]
        assert all(path.is_relative_to(folder) for path in found.recordings)

    @pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg", "opus"])
    def test_recordings_by_their_first_bytes(self, folder, suffix):
        folder.mkdir()
        encode(folder / f"x.{suffix}", MUSIC)
        (folder / f"x.{suffix}").rename(folder / "track one")
        assert names(scan(folder).recordings) == ["track one"]

    def test_a_film_is_no_recording_whatever_its_name(self, folder):
        folder.mkdir()
        encode(folder / "x.m4a", MUSIC)
        (folder / "x.m4a").rename(folder / "clip.mp4")
        touch(folder / "photo", (folder / "clip.mp4").read_bytes())
        touch(folder / "a.wav")
        assert names(scan(folder).ignored) == ["clip.mp4", "photo"]

    def test_the_order_does_not_depend_on_the_form_of_a_name(self, folder):
        for form in ("NFC", "NFD"):
            for name in ("Über.wav", "zwei.wav", "Éa.wav", "eins.wav", "かが.wav", "ёж.wav"):
                touch(folder / form / unicodedata.normalize(form, name))
        listed = {
            form: [unicodedata.normalize("NFC", name) for name in names(scan(folder / form).recordings)]
            for form in ("NFC", "NFD")
        }
        assert listed["NFC"] == listed["NFD"] == sorted(listed["NFC"])

    def test_names_that_are_no_text(self, folder):
        folder.mkdir()
        raw = os.fsencode(folder) + b"/\xff\xfe caf\xe9.wav"
        Path(os.fsdecode(raw)).write_bytes(b"")
        found = scan(folder)
        assert os.fsencode(found.recordings[0]) == raw
        (outcome,) = examine_all(found.recordings)
        str(outcome.error).encode()

    def test_linked_folders_are_entered_once(self, folder, tmp_path):
        touch(folder / "CD1/a.wav")
        touch(tmp_path / "elsewhere/b.wav")
        (folder / "CD1/up").symlink_to(folder)
        (folder / "CD1/self").symlink_to(".")
        (folder / "0 early").symlink_to(folder / "CD1")
        (folder / "one").symlink_to(tmp_path / "elsewhere")
        (folder / "two").symlink_to(tmp_path / "elsewhere")
        found = scan(folder).recordings
        assert [str(path.relative_to(folder)) for path in found] == ["CD1/a.wav", "one/b.wav"]

    def test_a_folder_may_itself_be_a_link(self, folder, tmp_path):
        touch(tmp_path / "elsewhere/b.wav")
        folder.symlink_to(tmp_path / "elsewhere")
        assert scan(folder).recordings == (folder / "b.wav",)

    def test_linked_and_broken_files_are_reported_by_examination(self, folder, tmp_path):
        save(tmp_path / "master.wav", MUSIC)
        folder.mkdir()
        (folder / "good.wav").symlink_to(tmp_path / "master.wav")
        (folder / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
        os.mkfifo(folder / "pipe.wav")
        os.mkfifo(folder / "pipe")
        found = scan(folder)
        assert names(found.ignored) == ["pipe"]
        outcomes = {outcome.path.name: type(outcome.error) for outcome in examine_all(found.recordings)}
        assert outcomes == {"good.wav": type(None), "gone.wav": UnreadableFile, "pipe.wav": UnreadableFile}

    def test_two_hundred_deep_is_no_problem(self, folder):
        deep = folder
        for _ in range(200):
            deep = deep / "d"
        touch(deep / "a.wav")
        assert len(scan(folder).recordings) == 1

    def test_missing_folder_and_file_for_folder(self, folder, tmp_path):
        with pytest.raises(FolderNotReadable, match=r"^album: .*No such file"):
            scan(folder)
        with pytest.raises(FolderNotReadable, match=r"^a\.wav: .*Not a directory"):
            scan(touch(tmp_path / "a.wav"))

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
    def test_forbidden_folder_inside(self, folder):
        touch(folder / "a.wav")
        (folder / "locked").mkdir(mode=0)
        with pytest.raises(FolderNotReadable, match=r"^locked: "):
            scan(folder)

    def test_nothing_to_use(self, folder):
        folder.mkdir()
        with pytest.raises(NoRecordings, match=r"^album: .*empty"):
            scan(folder)
        touch(folder / "cover.jpg")
        with pytest.raises(NoRecordings, match=r"^album: .*among its 1 file"):
            scan(folder)


class TestExamineAll:
    def test_a_bad_file_stops_nothing(self, folder):
        folder.mkdir()
        save(folder / "a.wav", MUSIC)
        touch(folder / "b.mp3", b"no sound at all")
        save(folder / "c.wav", Waveform(MUSIC.samples * 0, 44100))
        encode(folder / "d.flac", MUSIC)
        outcomes = list(examine_all(scan(folder).recordings))
        assert [type(outcome.error) for outcome in outcomes] == [type(None), NotAudio, SilentAudio, type(None)]
        assert [outcome.waveform is None for outcome in outcomes] == [False, True, True, False]
        assert outcomes[0].waveform == outcomes[3].waveform

    def test_memory_is_that_of_one_recording(self, folder):
        folder.mkdir()
        save(folder / "0.wav", chords(5.0))
        for number in range(1, 12):
            os.link(folder / "0.wav", folder / f"{number}.wav")
        one = 5 * 44100 * 2 * 4
        tracemalloc.start()
        for outcome in examine_all(scan(folder).recordings):
            assert outcome.waveform is not None
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 5 * one
