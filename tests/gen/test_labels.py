import json

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from gen.errors import LabelError, UnreadableFile
from gen.labels import FIELDS, MOST_BYTES, UNKNOWN, Labels, Vocabulary, find_table, from_tags, read_table, read_tags

NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5)
LABELS = st.builds(Labels, **{field: st.none() | NAMES for field in FIELDS})


def test_a_table_of_either_kind_gives_the_same(tmp_path):
    (tmp_path / "labels.csv").write_text(
        '\ufefffile,composer,genre,region\na.wav,"Bach, J. S.", baroque ,\nsub/b.flac,Bru\u0308ll,,Wien\n',
        encoding="utf-8",
    )
    table = {
        "a.wav": {"composer": "Bach, J. S.", "genre": "baroque", "region": None},
        "sub/b.flac": {"composer": "Brüll", "region": "Wien"},
    }
    found = read_table(tmp_path / "labels.csv")
    assert found == {
        "a.wav": Labels(composer="Bach, J. S.", genre="baroque"),
        "sub/b.flac": Labels(composer="Brüll", region="Wien"),
    }
    (tmp_path / "labels.json").write_text(json.dumps(table))
    assert read_table(tmp_path / "labels.json") == found
    with pytest.raises(LabelError, match="keep one of them"):
        find_table(tmp_path)
    (tmp_path / "labels.json").unlink()
    assert find_table(tmp_path) == found
    assert find_table(tmp_path / "none") == {}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("l.csv", b"", "line 1: no column 'file'"),
        ("l.csv", b"genre\nx\n", "line 1: no column 'file'"),
        ("l.csv", b"file,genre\na.wav\n", "line 2: another number of cells"),
        ("l.csv", b"file,genre\na.wav,x,y\n", "line 2: another number of cells"),
        ("l.csv", b"file,mood\na.wav,x\n", "line 2: 'mood' is no label; there are: genre"),
        ("l.csv", b"file,genre\na.wav,x\na.wav,y\n", "line 3: file: 'a.wav' is there twice"),
        ("l.csv", b"file,genre\n ,x\n", "line 2: file: empty"),
        ("l.csv", b"file,genre\na.wav," + b"x" * 501 + b"\n", "line 2: genre: too long"),
        ("l.csv", b"file,genre\na.wav,a\x07b\n", "line 2: genre: too long, or with control"),
        ("l.csv", b'file,genre\na.wav,"x\n', "line .: unexpected end"),
        ("l.csv", b"file\n\xff\n", "no UTF-8 at byte 5"),
        ("l.json", b"{", "no JSON"),
        ("l.json", b"[" * 100000, "no JSON"),
        ("l.json", b"[]", "must be an object"),
        ("l.json", b'{"a.wav": 3}', "'a.wav': must be an object"),
        ("l.json", b'{"a.wav": {"genre": 3}}', "'a.wav': must be an object"),
        ("l.json", b'{"a.wav": {}, "a.wav": {}}', "'a.wav' is there twice"),
        ("l.json", b'{"a.wav": {"genre": "x", "genre": "y"}}', "'genre' is there twice"),
    ],
)
def test_a_broken_table_is_refused_with_its_place(tmp_path, name, text, said):
    (tmp_path / name).write_bytes(text)
    with pytest.raises(LabelError, match=said) as caught:
        read_table(tmp_path / name)
    assert str(caught.value).startswith(name)


def test_a_table_that_is_no_file_or_endless_is_refused(tmp_path):
    with pytest.raises(UnreadableFile):
        read_table(tmp_path)
    with (tmp_path / "l.csv").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(LabelError, match="bytes"):
        read_table(tmp_path / "l.csv")


@pytest.mark.parametrize("suffix", ["flac", "ogg", "wav"])
def test_tags_of_files_are_read(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    with soundfile.SoundFile(path, "w", 44100, 1) as file:
        file.artist, file.genre = "Näme", "baroque"
        file.write(np.zeros(4410, np.float32))
    assert read_tags(path) == Labels(artist="Näme", genre="baroque")
    with path.open("rb") as opened:
        assert read_tags(opened).artist == "Näme"


def test_a_file_without_tags_or_sound_is_unknown(tmp_path):
    (tmp_path / "a.txt").write_text("nothing")
    soundfile.write(tmp_path / "b.wav", np.zeros(100), 44100)
    assert read_tags(tmp_path / "a.txt") == read_tags(tmp_path / "b.wav") == Labels()
    with pytest.raises(UnreadableFile):
        read_tags(tmp_path / "none.wav")


def test_tag_names_are_read_in_any_case_and_nonsense_is_unknown():
    tags = {"GENRE": "x" * 501, "Style": "dub", "PERFORMER": " anna ", "composer": "\x00", "WORK": "Op. 1"}
    assert from_tags(tags) == Labels(genre="dub", artist="anna", work="Op. 1")


def test_the_table_counts_more_than_the_tags():
    table, tags = Labels(genre="a", era="b"), Labels(genre="x", work="w")
    assert table.over(tags) == Labels(genre="a", era="b", work="w")


@given(st.lists(LABELS, max_size=6), LABELS)
def test_indices_name_the_same_and_unknown_stays_unknown(labels, other):
    vocabulary = Vocabulary.of(labels)
    assert vocabulary == Vocabulary.of([*labels, *reversed(labels)])
    for one in labels:
        for field, index, names in zip(FIELDS, vocabulary.indices(one), vocabulary.names, strict=True):
            value = getattr(one, field)
            assert (index == UNKNOWN) == (value is None)
            if value is not None:
                assert names[index - 1].casefold() == value.casefold()
    for index, size in zip(vocabulary.indices(other), vocabulary.sizes, strict=True):
        assert 0 <= index < size


def test_spellings_are_one_name():
    labels = [Labels(composer=name) for name in ("Erik Satie", "erik  satie", "ERIK SATIE", "J. S. Bach")]
    vocabulary = Vocabulary.of(labels)
    assert vocabulary.sizes == (1, 1, 1, 3, 1, 1)
    assert [vocabulary.indices(one)[3] for one in labels] == [1, 1, 1, 2]
    assert vocabulary.names[3] == ("Erik Satie", "J. S. Bach")  # in their order, which is not the alphabet's
    assert vocabulary.indices(Labels(composer="Brahms")) == (0,) * 6
