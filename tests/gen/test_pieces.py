"""The pieces that come with the package hold what every edition of them holds."""

import hashlib

import pytest

from gen import score

BACH, CELLO = "bach/prelude-bwv846", "bach/prelude-bwv1007"
FIRST, THIRD = "satie/gymnopedie-1", "satie/gymnopedie-3"


def bar(piece: score.Score, number: int, voice: str | None = None) -> list[int]:
    """The pitches that begin in a bar, numbered from 1, in order of time and height."""
    begin = (number - 1) * piece.beats_per_bar
    within = (note for note in piece.notes if begin <= note.start < begin + piece.beats_per_bar)
    return [note.pitch for note in within if voice in (None, note.voice)]


def test_names():
    assert score.names() == (CELLO, BACH, FIRST, THIRD)


@pytest.mark.parametrize(
    ("name", "bars", "beats_per_bar", "key", "lowest", "highest", "instrument"),
    [
        (BACH, 35, 4, "C", 36, 81, "harpsichord"),  # C2 to A5
        (CELLO, 42, 4, "G", 36, 67, "harpsichord"),  # the cello's open C to G4
        (FIRST, 78, 3, "D", 33, 81, "piano"),
        (THIRD, 60, 3, "Am", 31, 81, "piano"),
    ],
)
def test_size_and_range(name, bars, beats_per_bar, key, lowest, highest, instrument):
    piece = score.load(name)
    pitches = [note.pitch for note in piece.notes]
    assert (piece.bars, piece.beats_per_bar, piece.key) == (bars, beats_per_bar, key)
    assert (min(pitches), max(pitches)) == (lowest, highest)
    assert piece.instrument == instrument
    assert piece.composer in {"J. S. Bach", "Erik Satie"}
    assert piece.beats * 60 / piece.tempo >= 120


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        (BACH, "7027045695f10fa8"),
        (CELLO, "4245875f35b0fd82"),
        (FIRST, "245a1235f1810e62"),
        (THIRD, "06295964064785b9"),
    ],
)
def test_every_note_is_the_one_that_was_proofread(name, digest):
    # Proofread once against the public-domain engravings of the Mutopia Project (BWV 846, BWV 1007, Gymnopédies 1, 3).
    notes = sorted((note.start, note.length, note.pitch) for note in score.load(name).notes)
    assert hashlib.sha256(repr(notes).encode()).hexdigest()[:16] == digest


@pytest.mark.parametrize("name", score.names())
def test_no_voice_strikes_a_string_that_it_still_holds(name):
    piece = score.load(name)
    for voice in {note.voice for note in piece.notes}:
        sounding: dict[int, float] = {}
        for note in (note for note in piece.notes if note.voice == voice):
            assert sounding.get(note.pitch, 0.0) <= note.start, f"beat {note.start}, pitch {note.pitch}"
            sounding[note.pitch] = note.start + note.length


def test_bwv_846_begins_in_c_and_ends_in_c():
    piece = score.load(BACH)
    assert bar(piece, 1) == [60, 64, 67, 72, 76, 67, 72, 76] * 2
    assert sorted(bar(piece, 35)) == [36, 48, 64, 67, 72]
    assert len(piece.notes) == 32 * 16 + 16 * 2 + 5


def test_bwv_846_keeps_its_figure_for_32_bars():
    piece = score.load(BACH)
    for number in range(1, 33):
        played = bar(piece, number)
        assert played[:8] == played[8:], f"bar {number}"
        assert played[2:5] == played[5:8], f"bar {number}"
        assert sorted(played[:5]) == played[:5], f"bar {number}"


@pytest.mark.parametrize(
    ("number", "chord"),
    [
        (2, {0, 2, 9, 5}),  # D minor seventh over C
        (6, {0, 2, 6, 9}),  # D seventh
        (12, {7, 10, 4, 1}),  # C sharp diminished seventh
        (20, {0, 4, 7, 10}),  # C seventh
        (22, {6, 0, 9, 3}),  # F sharp diminished seventh
        (24, {7, 5, 11, 2}),  # G seventh: the pedal point begins
        (31, {7, 2, 11, 5}),
        (32, {0, 7, 10, 4}),
    ],
)
def test_bwv_846_harmonies(number, chord):
    assert {pitch % 12 for pitch in bar(score.load(BACH), number)} == chord


def test_bwv_1007_begins_and_ends_on_g():
    piece = score.load(CELLO)
    assert bar(piece, 1) == [43, 50, 59, 57, 59, 50, 59, 50] * 2
    assert bar(piece, 42) == [43, 59, 67]
    assert bar(piece, 38)[::2] == [59, 60, 61, 62, 63, 64, 65, 66]  # the climb by semitones to the close
    assert bar(piece, 38)[1::2] == [50] * 8  # over the open D string


def test_gymnopedie_1_rocks_between_two_major_sevenths():
    piece = score.load(FIRST)
    for number in range(1, 17):
        accompaniment = bar(piece, number, "3") + bar(piece, number, "2")
        assert accompaniment == ([43, 59, 62, 66], [38, 57, 61, 66])[(number - 1) % 2], f"bar {number}"
    melody = [note.pitch for note in piece.notes if note.voice == "1"][:8]
    assert melody == [78, 81, 79, 78, 73, 71, 73, 74]  # F# A G F# C# B C# D


def test_gymnopedie_1_ends_first_in_d_major_then_in_d_minor():
    piece = score.load(FIRST)
    for number in range(1, 32):
        assert bar(piece, number) == bar(piece, 39 + number)
    assert {pitch % 12 for pitch in bar(piece, 39)} == {2, 6, 9}
    assert {pitch % 12 for pitch in bar(piece, 78)} == {2, 5, 9}


def test_gymnopedie_3_ends_in_a_minor():
    piece = score.load(THIRD)
    assert {note.pitch % 12 for note in piece.notes if note.start + note.length == piece.beats} == {9, 0, 4}
    assert [note.pitch for note in piece.notes if note.voice == "1"][:7] == [81, 79, 77, 76, 74, 76, 77]
