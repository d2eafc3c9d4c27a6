"""Audits of a generated track in every state in which it may come back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from chords import chords
from story import Story

from api.home import Home
from api.settings import Settings
from api.workflows.audit import audit
from gen.audio import encode, load, save
from gen.config import RATE
from gen.generate import GenerationRequest, Generator
from gen.watermark.mark import Watermark
from gen.watermark.payload import PUBLIC_KEY
from ledger.cid import Cid
from ledger.findings import Status, Verdict


def test_the_minted_file_itself_is_verified(story: Story) -> None:
    outcome = story.audit(story.track)
    assert outcome.verdict is Verdict.VERIFIED
    assert story.status(outcome, "audio") == {Status.OK}
    assert [node.entry.id for node in outcome.tracks[0].model.datasets] == [1, 2]


@pytest.mark.parametrize(("suffix", "bitrate"), [(".mp3", 128), (".m4a", 128), (".opus", 96), (".ogg", 128)])
def test_a_reencoded_piece_is_verified_back_to_both_datasets(
    story: Story, tmp_path: Path, suffix: str, bitrate: int
) -> None:
    copy, piece = tmp_path / f"copy{suffix}", tmp_path / f"piece{suffix}"
    encode(copy, load(story.track), bitrate)
    encode(piece, load(copy).excerpt(3.3, 18.3), bitrate)
    outcome = story.audit(piece)
    assert outcome.verdict is Verdict.VERIFIED
    assert story.status(outcome, "watermark") == {Status.OK}
    assert story.status(outcome, "fingerprint") == {Status.OK}
    titles = [node.record.title for node in outcome.tracks[0].model.datasets if node.record]
    assert titles == ["studies", "studies"]


def test_the_same_samples_in_another_file_are_recognised(story: Story, tmp_path: Path) -> None:
    copy = tmp_path / "copy.flac"
    encode(copy, load(story.track))
    outcome = story.audit(copy)
    assert outcome.verdict is Verdict.VERIFIED
    assert any("very samples" in finding.detail for finding in outcome.findings)


def test_unknown_music_is_unknown(story: Story, tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    save(other, chords(15.0, 99))
    outcome = story.audit(other)
    assert outcome.verdict is Verdict.UNKNOWN
    assert outcome.tracks == ()


def test_a_training_recording_itself_is_not_taken_for_the_track(story: Story) -> None:
    assert story.audit(next(story.folder.glob("recordings in C/*.wav"))).verdict is Verdict.UNKNOWN


def test_a_mark_copied_onto_other_music_is_called_that(story: Story, tmp_path: Path) -> None:
    marked = Watermark(PUBLIC_KEY).detect(load(story.track))[0].id
    thief = tmp_path / "thief.wav"
    save(thief, Watermark(PUBLIC_KEY).embed(chords(20.0, 98), marked))
    outcome = story.audit(thief)
    assert outcome.verdict is Verdict.INVALID
    assert story.status(outcome, "fingerprint") == {Status.INVALID}


def test_a_mark_that_nobody_minted_is_unknown(story: Story, tmp_path: Path) -> None:
    stray = tmp_path / "stray.wav"
    save(stray, Watermark(PUBLIC_KEY).embed(chords(20.0, 97), bytes(range(8))))
    outcome = story.audit(stray)
    assert outcome.verdict is Verdict.UNKNOWN
    assert any("no track on this chain" in finding.detail for finding in outcome.findings)


def test_without_a_mark_the_fingerprint_still_finds_the_track(story: Story, tmp_path: Path) -> None:
    unmarked = tmp_path / "unmarked.wav"
    weights = next(story.home.path.glob("models/*.safetensors"))
    save(unmarked, Generator.load(weights).render(GenerationRequest(20 * RATE, 5)).waveform)
    outcome = story.audit(unmarked)
    assert story.status(outcome, "watermark") == {Status.NOTE}
    assert outcome.verdict is Verdict.VERIFIED
    assert any("mark is gone" in finding.detail for finding in outcome.findings)


def test_an_altered_training_record_is_invalid_and_a_missing_one_unverifiable(story: Story, tmp_path: Path) -> None:
    copied = replace(story.home, settings=replace(story.home.settings, home=tmp_path / "home"))
    shutil.copytree(story.home.path, copied.path)
    with copied.ledger() as ledger:
        name = Cid.parse(ledger.contracts.model(story.model).cid).digest.hex()
    block = copied.path / "content" / name[:2] / name[2:4] / name
    whole = block.read_bytes()
    block.chmod(0o600)
    block.write_bytes(whole.replace(b"a", b"b", 1))
    altered = audit(copied, story.track)
    assert altered.verdict is Verdict.INVALID
    assert [f.subject for f in altered.findings if f.status is Status.INVALID] == [f"model {story.model}"]
    block.unlink()
    assert audit(copied, story.track).verdict is Verdict.UNVERIFIABLE


def test_a_chain_out_of_reach_is_unverifiable(story: Story) -> None:
    away = replace(story.home, settings=replace(story.home.settings, rpc_url="http://127.0.0.1:9"))
    outcome = audit(away, story.track)
    assert outcome.verdict is Verdict.UNVERIFIABLE
    assert story.status(outcome, "watermark") == {Status.OK}


def test_an_empty_home_knows_nothing_and_stays_empty(story: Story, tmp_path: Path) -> None:
    outcome = audit(Home(Settings(home=tmp_path / "nowhere")), story.track)
    assert outcome.verdict is Verdict.UNKNOWN
    assert not (tmp_path / "nowhere").exists()
