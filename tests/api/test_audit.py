"""Audits of a generated track in every state in which it may come back."""

from __future__ import annotations

import contextlib
import io
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
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
from gen.waveform import Waveform
from ledger.archive import fetch, publish
from ledger.cid import Cid
from ledger.digest import Digest
from ledger.findings import Status, Verdict
from ledger.hashing import keep
from ledger.records import TrackRecord


def test_the_minted_file_itself_is_verified(story: Story) -> None:
    told: list[str] = []
    outcome = audit(story.home, story.track, tell=lambda layer, findings, evidence: told.append(layer))
    assert outcome.verdict is Verdict.VERIFIED
    assert story.status(outcome, "audio") == {Status.OK}
    assert told == ["decoded", "manifest", "watermark", "digest", "chain"]  # what it sounds like was not asked
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


@pytest.mark.slow
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
    nowhere = Home(Settings(home=tmp_path / "nowhere"))
    assert audit(nowhere, story.track).verdict is Verdict.UNVERIFIABLE
    save(tmp_path / "other.wav", chords(6.0, 96))
    assert audit(nowhere, tmp_path / "other.wav").verdict is Verdict.UNKNOWN
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("seconds", [4.0, 8.0])
def test_a_mark_copied_onto_a_little_other_music_does_not_verify_it(
    story: Story, tmp_path: Path, seconds: float
) -> None:
    marked = Watermark(PUBLIC_KEY).detect(load(story.track))[0].id
    thief = tmp_path / "thief.wav"
    save(thief, Watermark(PUBLIC_KEY).embed(chords(seconds, 96), marked))
    outcome = story.audit(thief)
    assert outcome.verdict is Verdict.UNVERIFIABLE
    assert story.status(outcome, "watermark") == {Status.OK}


def test_a_piece_inside_other_music_is_known_by_its_marked_stretch(story: Story, tmp_path: Path) -> None:
    other, piece = chords(40.0, 95, channels=1).samples, load(story.track).excerpt(2, 14).samples
    mixed = tmp_path / "mixed.wav"
    save(mixed, Waveform(np.concatenate([other, piece, other], axis=1), RATE))
    assert story.audit(mixed).verdict is Verdict.VERIFIED


def copy_of(story: Story, folder: Path) -> Home:
    """The story's home again, to be damaged."""
    shutil.copytree(story.home.path, folder)
    return replace(story.home, settings=replace(story.home.settings, home=folder))


def record_of(home: Home, track: Path) -> TrackRecord:
    with home.ledger() as ledger:
        entry = ledger.contracts.track_by_audio(Digest.of_file(track))
        assert entry is not None
        return fetch(ledger.store, TrackRecord, entry.cid, entry.record, entry.creator)


def test_an_altered_fingerprint_is_invalid_and_a_missing_one_unverifiable(story: Story, tmp_path: Path) -> None:
    home, piece = copy_of(story, tmp_path / "home"), tmp_path / "piece.wav"
    save(piece, load(story.track).excerpt(2, 18))
    name = record_of(home, story.track).fingerprint.cid.digest.hex()
    block = home.path / "content" / name[:2] / name[2:4] / name
    block.chmod(0o600)
    block.write_bytes(block.read_bytes()[:-1] + b"?")
    assert audit(home, piece).verdict is Verdict.INVALID
    block.unlink()
    assert audit(home, piece).verdict is Verdict.UNVERIFIABLE
    assert audit(home, story.track).verdict is Verdict.VERIFIED


@pytest.mark.parametrize(
    "change", [{"iscc": "ISCC:AAAAAAAAAA"}, {"fingerprint": b"no codes"}, {"fingerprint": b"stemfp\1\1" + bytes(2**21)}]
)
def test_a_record_with_an_impossible_likeness_is_invalid(
    story: Story, tmp_path: Path, change: dict[str, str | bytes]
) -> None:
    home, audio = copy_of(story, tmp_path / "home"), tmp_path / "marked.wav"
    record = record_of(home, story.track)
    claim = replace(record.claim, seed=99)
    save(audio, Watermark(PUBLIC_KEY).embed(chords(12.0, 94), claim.watermark))
    with home.ledger() as ledger:
        fields = {
            name: keep(ledger.store, io.BytesIO(value)) if isinstance(value, bytes) else value
            for name, value in change.items()
        }
        content = keep(ledger.store, io.BytesIO(b"forged"))
        forged = replace(
            record, claim=claim, audio=content.sha256, content=content, watermark=claim.watermark.hex(), **fields
        )
        cid = publish(ledger.store, forged, story.creator)
        ledger.contracts.mint_track(
            story.creator, claim.digest, forged.audio, forged.digest, str(cid), record.claim.model
        )
    assert audit(home, audio).verdict is Verdict.INVALID


def test_a_damaged_home_is_unverifiable(story: Story, tmp_path: Path) -> None:
    home = copy_of(story, tmp_path / "home")
    deployment = home.path / "deployment.json"
    whole = deployment.read_bytes()
    deployment.write_bytes(whole[:20])
    assert audit(home, story.track).verdict is Verdict.UNVERIFIABLE
    deployment.write_bytes(whole)
    (home.path / "chain" / "chain.sqlite").write_bytes(b"not a database" * 1000)
    assert audit(home, story.track).verdict is Verdict.UNVERIFIABLE


def test_what_was_wrong_before_the_chain_fell_silent_stays_wrong(story: Story, tmp_path: Path) -> None:
    home = copy_of(story, tmp_path / "home")
    record = record_of(home, story.track)
    with home.ledger() as ledger:
        cid = Cid.parse(ledger.contracts.track(record.claim.token).cid)
        datasets = ledger.contracts.deployment.datasets
    name = cid.digest.hex()
    block = home.path / "content" / name[:2] / name[2:4] / name
    block.chmod(0o600)
    block.write_bytes(b"altered")
    with contextlib.closing(sqlite3.connect(home.path / "chain" / "chain.sqlite")) as file:
        file.execute("delete from logs where address = ?", (datasets.raw,))
        file.commit()
    outcome = audit(home, story.track)
    assert outcome.verdict is Verdict.INVALID
    assert story.status(outcome, "chain") == {Status.UNVERIFIABLE}
