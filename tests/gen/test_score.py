"""Written music is read as the ABC standard 2.1 says, and refused where it says more than we read."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen import score
from gen.errors import ScoreError

HEADER = "X:1\nT:A tune\nC:Nobody\nM:{metre}\nL:{unit}\nQ:1/4={tempo}\nK:{key}\n"


@pytest.fixture
def tune(tmp_path: Path):
    """Read a body under a header; gives (start, length, pitch) of every note."""

    def read(body: str, metre: str = "4/4", unit: str = "1/4", tempo: int = 60, key: str = "C") -> score.Score:
        path = tmp_path / "tune.abc"
        path.write_text(HEADER.format(metre=metre, unit=unit, tempo=tempo, key=key) + body, encoding="utf-8")
        return score.read(path)

    return read


def notes(piece: score.Score) -> list[tuple[float, float, int]]:
    return [(note.start, note.length, note.pitch) for note in piece.notes]


def test_octaves(tune):
    # Section 4.1: C is middle C, c the octave above, commas and apostrophes move by octaves.
    assert [pitch for _, _, pitch in notes(tune("C,, C, C c | c' c'' B A |]"))] == [36, 48, 60, 72, 84, 96, 71, 69]


@pytest.mark.parametrize(
    ("written", "beats"),
    [("C", 0.5), ("C2", 1.0), ("C/2", 0.25), ("C/", 0.25), ("C//", 0.125), ("C3/2", 0.75), ("C3/", 0.75)],
)
def test_lengths(tune, written, beats):
    # Section 4.3, with L:1/8.
    rest = 2 * (4 - beats)
    assert notes(tune(f"{written} z{int(rest * 8)}/8 |]", unit="1/8"))[0][1] == beats


def test_accidentals_hold_to_the_end_of_their_bar_in_every_octave(tune):
    # Section 11.3, default of %%propagate-accidentals.
    assert [p for *_, p in notes(tune("^F F f =F | F _B B ^^C |]"))] == [66, 66, 78, 65, 65, 70, 70, 62]


@pytest.mark.parametrize(
    ("key", "pitches"),
    [
        ("C", [60, 62, 64, 65, 67, 69, 71]),
        ("D", [61, 62, 64, 66, 67, 69, 71]),
        ("Bm", [61, 62, 64, 66, 67, 69, 71]),
        ("Eb", [60, 62, 63, 65, 67, 68, 70]),
        ("F#m", [61, 62, 64, 66, 68, 69, 71]),
        ("Cb", [59, 61, 63, 64, 66, 68, 70]),
    ],
)
def test_key_signatures(tune, key, pitches):
    # Section 3.1.14.
    piece = tune("C D E F G A B z |]", metre="8/4", key=key)
    assert sorted(pitch for *_, pitch in notes(piece)) == sorted(pitches)


def test_a_natural_cancels_the_key(tune):
    assert [p for *_, p in notes(tune("F =F F z |]", key="G"))] == [66, 65, 65]


def test_chords_and_rests(tune):
    assert notes(tune("z [CEG]2 z |]")) == [(1.0, 2.0, 60), (1.0, 2.0, 64), (1.0, 2.0, 67)]


def test_ties_join_over_bar_lines_and_in_chords(tune):
    assert notes(tune("z2 C2- | C4- | C z [EG]2- | [EG]4 |]")) == [
        (2.0, 7.0, 60),
        (10.0, 6.0, 64),
        (10.0, 6.0, 67),
    ]


def test_voices_run_side_by_side(tune):
    piece = tune("[V:right] c4 | d4 |\n[V:left] C4 | D4 |\n[V:right] e4 |]\n[V:left] E4 |]\n")
    assert notes(piece) == [
        (4.0 * bar, 4.0, pitch) for bar in range(3) for pitch in ((60, 62, 64)[bar], (72, 74, 76)[bar])
    ]
    assert {note.voice for note in piece.notes} == {"left", "right"}
    assert (piece.bars, piece.beats) == (3, 12.0)


@pytest.mark.parametrize(
    ("body", "played"),
    [
        ("|: C4 | D4 :|", "CDCD"),
        ("C4 |: D4 :| E4 |]", "CDDE"),
        ("C4 | D4 :| E4 |]", "CDCDE"),
        ("|: C4 |\n[1 D4 :|\n[2 E4 |]", "CDCE"),
        ("|: C4 |\n[1 D4 :|\n[2 E4 || F4 |]", "CDCEF"),
        ("|: C4 :|\n|: D4 | E4 :|", "CCDEDE"),
    ],
)
def test_repeats(tune, body, played):
    names = {60: "C", 62: "D", 64: "E", 65: "F"}
    assert "".join(names[pitch] for *_, pitch in notes(tune(body))) == played


def test_dynamics_and_hairpins(tune):
    piece = tune("!pp! C D E F | !p! !<(! C D E F !<)! | C4 |]")
    velocities = [note.velocity for note in piece.notes]
    assert velocities[:4] == [33] * 4
    assert velocities[4:8] == sorted(velocities[4:8])
    assert 49 < velocities[4] < velocities[7] == velocities[8] == 73


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("C4 | D3 |]", r"tune\.abc:8: voice 1: bar 2 holds 3/4 .* metre asks for 1"),
        ("C4 |\nD5 |]", r"tune\.abc:9: voice 1: bar 2 holds 5/4"),
        ("C4 | | D4 |]", "bar 2 is empty"),
        ("C4 | D4", "voice 1 ends inside a bar"),
        ("C4- | D4 |]", "bar 2: a tie leads to no note"),
        ("C3- z | C4 |]", "bar 2: a tie leads to no note"),
        ("C4- |]", "tied to nothing"),
        ("C3>D |]", r"column 3: '>D \|\]' is not read"),
        ("(3CDE C2 |]", "column 1"),
        ("{c}C4 |]", "column 1"),
        ("!trill!C4 |]", "!trill! is not read"),
        ("!<(!C4 |]", "inside a bar or a hairpin"),
        ("[V:1] C4 |]\n[V:2] C4 | C4 |]", "voices 1 and 2 differ"),
        ("", "no notes"),
        ("|: |]", "bar 1 is empty"),
        ("z4- |]", "rest cannot be tied"),
        ("[,']4 |]", "column 1"),
        ("c''''''4 |]", "outside the range"),
        ("C/0 |]", "'/0' is not a length"),
        ("%%MIDI program 40\nC4 |]", "no instrument for program 40"),
        ("%%scale 0.7\nC4 |]", "directive"),
    ],
)
def test_what_is_not_read_is_refused_with_its_place(tune, body, said):
    with pytest.raises(ScoreError, match=said):
        tune(body)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"key": "H"}, r"tune\.abc:7: key 'H'"),
        ({"key": "Ddor"}, "major or minor"),
        ({"metre": "C"}, "field M: must read like"),
        ({"unit": "0/4"}, "field L: must read like"),
        ({"tempo": -1}, "field Q: must read like"),
    ],
)
def test_fields_that_make_no_sense(tune, broken, said):
    with pytest.raises(ScoreError, match=said):
        tune("C4 |]", **broken)


def test_files_that_are_no_score(tmp_path):
    with pytest.raises(ScoreError, match=r"missing\.abc: cannot be read"):
        score.read(tmp_path / "missing.abc")
    (tmp_path / "latin.abc").write_bytes(b"T:Gymnop\xe9die")
    with pytest.raises(ScoreError, match="UTF-8"):
        score.read(tmp_path / "latin.abc")
    (tmp_path / "words.abc").write_text("Once upon a time")
    with pytest.raises(ScoreError, match=r"words\.abc:1: expected a field"):
        score.read(tmp_path / "words.abc")
    (tmp_path / "empty.abc").write_text("")
    with pytest.raises(ScoreError, match="field T: is missing"):
        score.read(tmp_path / "empty.abc")
    with pytest.raises(ScoreError, match=r"bach/prelude-bwv846"):
        score.load("bach/goldberg")


@given(st.text(alphabet="CDEcde,'^_=z234/-|:[]12 !pf<()V\n%", max_size=60))
def test_any_text_is_music_or_refused(tmp_path_factory, body):
    path = tmp_path_factory.getbasetemp() / "any.abc"
    path.write_text(HEADER.format(metre="2/4", unit="1/4", tempo=60, key="C") + body)
    try:
        piece = score.read(path)
    except ScoreError:
        return
    assert all(note.start >= 0 and note.start + note.length <= piece.beats for note in piece.notes)


def test_scores_are_frozen(tune):
    piece = tune("C4 |]")
    with pytest.raises(FrozenInstanceError):
        piece.tempo = 120
