"""The Code of Practice as a checklist: what a track shows, what others lack, and nothing claimed for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chords import chords
from shell import Shell
from story import Story

from api.compliance import MEASURES, Level, Status
from gen.audio import encode, load
from ledger.cid import Cid


def measures(said: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["number"]: each for each in said["measures"]}


@pytest.fixture(scope="module")
def newest(shell: Shell) -> dict[str, dict[str, Any]]:
    return measures(shell.json("compliance"))


def test_every_measure_has_an_answer_with_its_grounds(newest: dict[str, dict[str, Any]]) -> None:
    assert list(newest) == [measure.number for measure in MEASURES]
    for said in newest.values():
        if said["status"] == Status.MET:
            assert said["evidence"]
            assert not said["missing"]
        else:
            assert said["missing"], f"{said['number']} does not say why"
        assert (said["status"] == Status.PARTLY) == bool(said["evidence"] and said["missing"])


def test_the_layers_of_a_minted_track_are_seen(story: Story, newest: dict[str, dict[str, Any]]) -> None:
    assert newest["1.1"]["status"] == "met"
    assert newest["1.1"]["evidence"] == ["layer: manifest", "layer: watermark"]
    assert newest["1.1.2"]["status"] == newest["1.1.3"]["status"] == "met"
    signed = newest["1.1.1"]
    assert signed["status"] == "partly"
    assert any("trained model" in found for found in signed["evidence"])
    assert any("STEMMATA_TSA" in missing for missing in signed["missing"])
    assert any("STEMMATA_TRUST" in missing for missing in signed["missing"])
    assert any("names none" in missing for missing in newest["2.1.2"]["missing"])


def test_what_people_do_is_not_met_by_software(newest: dict[str, dict[str, Any]]) -> None:
    for number in ("1.4", "2.2", "3.1", "4.1", "4.3", "4.4"):
        assert newest[number]["status"] == "not met"
    for number in ("1.2", "3.2", "3.3", "3.4", "4.2"):
        assert newest[number]["status"] == "partly"
    assert newest["section 2"]["status"] == "not applicable"


def test_why_the_newest_track_was_not_looked_at_is_said(story: Story, shell: Shell) -> None:
    with story.home.ledger() as ledger:
        block = ledger.store.path(Cid.parse(ledger.contracts.tracks()[-1].cid).digest)
    away = block.rename(block.with_suffix(".away"))
    try:
        said = shell.json("compliance")
    finally:
        away.rename(block)
    assert "its newest track cannot be looked at" in said["about"]
    assert measures(said)["1.1"]["status"] == "not met"


@pytest.mark.slow
def test_a_copy_without_its_manifest_lacks_a_layer(story: Story, shell: Shell, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp3"
    encode(copy, load(story.track).excerpt(0.0, 12.0), 128)
    said = measures(shell.json("compliance", str(copy)))
    assert said["1.1"]["status"] == "partly"
    assert said["1.1"]["missing"] == ["no manifest that leads to the track"]
    assert said["1.1.1"]["status"] == "not met"
    assert said["1.1.2"]["status"] == "met"


@pytest.mark.slow
def test_a_manifest_that_was_made_for_other_bytes_is_no_layer(story: Story, shell: Shell, tmp_path: Path) -> None:
    edited = tmp_path / "edited.wav"
    whole = story.track.read_bytes()
    middle = len(whole) // 2
    edited.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    said = measures(shell.json("compliance", str(edited)))
    assert said["1.1"]["evidence"] == ["layer: watermark"]
    assert said["1.1.1"]["missing"] == ["its manifest is invalid: assertion.dataHash.mismatch"]


@pytest.mark.slow
def test_other_music_and_an_empty_home_show_nothing(shell: Shell, tmp_path: Path) -> None:
    other = tmp_path / "other.mp3"
    encode(other, chords(6.0, 3), 128)
    said = measures(shell.json("compliance", str(other)))
    assert {said[number]["status"] for number in ("1.1", "1.1.1", "1.1.2", "1.1.3", "1.3")} == {"not met"}
    empty = Shell(tmp_path / "empty")
    nothing = measures(empty.json("compliance"))
    assert {nothing[number]["status"] for number in ("1.1", "1.1.1", "1.1.2", "1.1.3", "1.3")} == {"not met"}
    assert not (tmp_path / "empty").exists(), "looking makes nothing"


@pytest.mark.slow
def test_for_people(shell: Shell, tmp_path: Path) -> None:
    text = shell.run("compliance").out
    assert "[not met] 4.3 Training of staff" in text
    assert "[partly] 1.2 “Non-removal of markings”" in text
    assert text.splitlines()[-1].endswith("2 not applicable")
    (tmp_path / "words.txt").write_text("no sound")
    assert "words.txt" in shell.refusal("compliance", str(tmp_path / "words.txt"), code=2)


def test_only_titles_that_somebody_quotes_are_quoted() -> None:
    assert [measure.number for measure in MEASURES if measure.quoted] == ["1.1", "1.2", "1.3"]
    optional = [measure.number for measure in MEASURES if measure.level is not Level.ASKED]
    assert optional == ["1.1.3", "1.3", "1.4", "2.2", "2.4", "3.5"]
