"""Tracks made again from their records, and records that tell of a track what is not true."""

import io
import math
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chords import chords
from hypothesis import given
from hypothesis import strategies as st
from story import Story, now

from api.errors import NothingOriginal
from api.home import Home
from api.sampler import Sampler, request_of
from api.service import previews
from api.workflows import generation, minting
from api.workflows.audit import Audit, audit
from api.workflows.replay import Replay, signal_to_noise
from gen.audio import load, save
from gen.generate import Generator
from gen.levelling import Heard
from gen.levelling import record as take_down
from gen.watermark.mark import Watermark
from gen.watermark.payload import PUBLIC_KEY
from gen.waveform import Waveform
from ledger.archive import fetch, publish
from ledger.digest import Digest
from ledger.errors import MalformedRecord
from ledger.findings import Finding, Status, Verdict
from ledger.hashing import keep
from ledger.lineage import ModelNode, TrackNode
from ledger.records import Claim, RepeatableTrackRecord, TrackRecord, TrainingRunRecord

pytestmark = pytest.mark.slow

DIGESTS = st.binary(min_size=32, max_size=32).map(Digest)
NUMBERS = st.lists(st.integers(0, 10**6), min_size=1, max_size=6).map(tuple)


@given(
    st.builds(
        Sampler,
        temperature=st.sampled_from(["1.0", "0.25"]),
        nucleus=st.none() | st.just("0.9"),
        beams=st.integers(1, 64),
        labels=st.none() | NUMBERS,
        primer=st.none() | DIGESTS,
        morph_seed=st.none() | st.integers(0, 2**53 - 1),
        morph_style=st.none() | NUMBERS,
        morph_labels=st.none() | NUMBERS,
        asked=st.none() | st.integers(0, 2**53 - 1),
        variation=st.integers(0, 99),
        attempt=st.integers(0, 7),
    )
)
def test_settings_come_back_from_a_claim(sampler: Sampler) -> None:
    assert Sampler.read(sampler.table()) == sampler


@pytest.mark.parametrize(
    "table",
    [{"beams": "2"}, {"beams": -1}, {"temperature": 1}, {"labels": "1,x"}, {"labels": ""}, {"from_the_future": 1}],
)
def test_settings_that_nobody_knows_are_refused(table: dict[str, str | int]) -> None:
    with pytest.raises(MalformedRecord, match=f"sampler.*{next(iter(table))}"):
        Sampler.read(table)


def finding(outcome: Audit) -> Finding:
    (found,) = (finding for finding in outcome.findings if finding.check == "replay")
    return found


def record_of(home: Home, track: Path) -> RepeatableTrackRecord:
    with home.ledger() as ledger:
        entry = ledger.contracts.track_by_audio(Digest.of_file(track))
        assert entry is not None
        record = fetch(ledger.store, TrackRecord, entry.cid, entry.record, entry.creator)
    assert isinstance(record, RepeatableTrackRecord)
    return record


def mint_as(story: Story, record: RepeatableTrackRecord, audio: bytes, out: Path) -> None:
    """Mint a record as it stands, whatever it says."""
    out.write_bytes(audio)
    with story.home.ledger() as ledger:
        content = keep(ledger.store, io.BytesIO(audio))
        forged = replace(record, audio=content.sha256, content=content, pcm=Digest(load(out).pcm_sha256()))
        cid = publish(ledger.store, forged, story.creator)
        ledger.contracts.mint_track(
            story.creator, forged.claim.digest, forged.audio, forged.digest, str(cid), forged.claim.model
        )


def test_the_same_samples_come_again(story: Story, tmp_path: Path) -> None:
    again = Replay(story.home, now)
    outcome = audit(story.home, story.track, again)
    assert (finding(outcome).status, outcome.verdict) == (Status.OK, Verdict.VERIFIED)
    assert "bit for bit" in finding(outcome).detail
    piece = tmp_path / "piece.wav"
    save(piece, load(story.track).excerpt(2, 18))
    assert finding(audit(story.home, piece, again)).status is Status.OK
    assert list((story.home.path / "tmp").iterdir()) == []


def test_nobody_is_asked_for_a_replay_that_was_not_wanted(story: Story) -> None:
    assert not [one for one in audit(story.home, story.track).findings if one.check == "replay"]


@dataclass(frozen=True)
class Short:
    """A minted track of four seconds: its record, its model's, and its samples."""

    record: RepeatableTrackRecord
    run: TrainingRunRecord
    audio: Waveform

    def compared(self, home: Home, record: RepeatableTrackRecord, audio: Waveform) -> Finding:
        """What a replay says of sound under a record that names these very samples."""
        told = replace(record, pcm=Digest(audio.pcm_sha256()))
        replay = Replay(home, now)
        return replay._compared("track", told, replay._made(told, self.run), audio)


@pytest.fixture(scope="module")
def short(story: Story) -> Short:
    out = story.folder / "short.wav"
    record = generation.generate(
        story.home, story.model, seconds=4, seed=2, creator=story.creator.address, out=out, now=now
    )
    with story.home.ledger() as ledger:
        entry = ledger.contracts.model(story.model)
        run = fetch(ledger.store, TrainingRunRecord, entry.cid, entry.record, entry.trainer)
    return Short(record, run, load(out))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 3},
        {"style": (900_000, 100_000)},
        {"sampler": {"temperature": "0.3"}},
        {"sampler": {"temperature": "1.0", "beams": 2}},
        {"sampler": {"temperature": "1.0", "morphSeed": 5}},
        {"frames": 4 * 44100 - 1},
    ],
    ids=str,
)
def test_a_record_that_tells_of_other_settings_is_wrong(story: Story, short: Short, change: dict[str, Any]) -> None:
    claim = replace(short.record.claim, **change)
    found = short.compared(story.home, replace(short.record, claim=claim, watermark=claim.watermark.hex()), short.audio)
    assert found.status is Status.INVALID, found
    assert "other music" in found.detail


@pytest.mark.parametrize(
    "change", [{"style": (1_000_000,)}, {"channels": 2}, {"rate": 48000}, {"sampler": {"temperature": "9"}}], ids=str
)
def test_a_claim_that_its_model_cannot_keep_is_wrong(story: Story, short: Short, change: dict[str, Any]) -> None:
    claim = replace(short.record.claim, **change)
    attention = (1_000_000,) if len(claim.style) == 1 else short.record.attention
    forged = replace(short.record, claim=claim, attention=attention, watermark=claim.watermark.hex())
    with story.home.ledger() as ledger:
        entry = ledger.contracts.track_by_audio(Digest.of_file(story.track))
        model = ledger.contracts.model(story.model)
    assert entry is not None
    found = Replay(story.home, now)(TrackNode(entry, forged, ModelNode(model, short.run, ())), short.audio)
    assert (found.status, found.detail[:30]) == (Status.INVALID, "its model cannot have made it:")


@pytest.mark.slow
def test_a_forged_record_makes_the_audit_invalid(story: Story, short: Short, tmp_path: Path) -> None:
    """Sound out of nowhere, marked with the id of a claim on a real model, and minted: only a replay can tell."""
    claim, out = replace(short.record.claim, seed=77), tmp_path / "forged.wav"
    save(out, Watermark(PUBLIC_KEY).embed(chords(4.0, 60, channels=1), claim.watermark))
    mint_as(story, replace(short.record, claim=claim, watermark=claim.watermark.hex()), out.read_bytes(), out)
    assert audit(story.home, out).verdict is Verdict.VERIFIED
    outcome = audit(story.home, out, Replay(story.home, now))
    assert (finding(outcome).status, outcome.verdict) == (Status.INVALID, Verdict.INVALID)


@pytest.mark.slow
def test_other_conditions_are_no_accusation(story: Story, short: Short) -> None:
    """Where another source or machine made it, sound that differs is not called wrong; what hardly does, is right."""
    changed = short.audio.samples.copy()
    changed[:, 40000:60000] *= 0.5
    elsewhere = replace(short.record, making=replace(short.record.making, machine="another"))
    before = replace(short.record, making=replace(short.record.making, code=Digest.of(b"another")))
    for record in (elsewhere, before):
        found = short.compared(story.home, record, Waveform(changed, 44100))
        assert found.status is Status.UNVERIFIABLE, found
        found = short.compared(story.home, record, Waveform(nudged(short.audio.samples), 44100))
        assert found.status is Status.OK, found
    assert short.compared(story.home, short.record, Waveform(changed, 44100)).status is Status.INVALID


def nudged(samples: np.ndarray) -> np.ndarray:
    """One sample in 1000 moved by the last of 16 bits."""
    moved = samples.copy()
    moved[:, ::1000] += np.float32(1 / 32768)
    return moved


def copy_of(story: Story, folder: Path) -> Home:
    shutil.copytree(story.home.path, folder)
    return replace(story.home, settings=replace(story.home.settings, home=folder))


def test_without_weights_nothing_can_be_told(story: Story, tmp_path: Path) -> None:
    home = copy_of(story, tmp_path / "home")
    for path in home.path.glob("models/*"):
        path.unlink()
    with home.ledger() as ledger:
        entry = ledger.contracts.model(story.model)
        content = fetch(ledger.store, TrainingRunRecord, entry.cid, entry.record, entry.trainer).content
    home.store().path(content.cid.digest).unlink()
    outcome = audit(home, story.track, Replay(home, now))
    assert (finding(outcome).status, outcome.verdict) == (Status.UNVERIFIABLE, Verdict.UNVERIFIABLE)
    assert audit(home, story.track).verdict is Verdict.VERIFIED


def test_a_primer_is_asked_for_and_no_other_will_do(story: Story, tmp_path: Path) -> None:
    out, carl, primer = tmp_path / "primed.wav", story.creator, chords(2.0, 50, channels=1)
    wish = generation.Wish(primer=primer, nucleus="0.9")
    made = generation.generate(
        story.home, story.model, seconds=4, seed=3, creator=carl.address, out=out, now=now, wish=wish
    )
    assert made.claim.sampler["primer"] == primer.pcm_sha256().hex()
    minting.mint(story.home, out, signer=carl)
    for given_now, status in (
        (None, Status.UNVERIFIABLE),
        (chords(2.0, 51, channels=1), Status.UNVERIFIABLE),
        (primer, Status.OK),
    ):
        assert finding(audit(story.home, out, Replay(story.home, now, primer=given_now))).status is status


def test_variations_have_seeds_of_their_own_and_come_again_alone(story: Story, tmp_path: Path) -> None:
    outs, carl = [tmp_path / f"v{number}.wav" for number in range(3)], story.creator
    wish = generation.Wish(morph_seed=9)
    made = generation.variations(
        story.home, story.model, seconds=4, seed=21, creator=carl.address, outs=outs, now=now, wish=wish
    )
    assert made[0].claim.seed == 21
    assert len({record.pcm for record in made}) == len({record.claim.watermark for record in made}) == 3
    assert [record.claim.sampler.get("variation", 0) for record in made] == [0, 1, 2]
    minting.mint(story.home, outs[2], signer=carl)
    assert finding(audit(story.home, outs[2], Replay(story.home, now))).status is Status.OK


@pytest.mark.slow
def test_what_repeats_a_recording_is_refused_and_made_again(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model parrots a recording for its first two seeds."""
    parroted = load(next(story.folder.glob("recordings in C/*.wav"))).mono().excerpt(1, 13)
    own = Generator.record
    refused: list[int] = []
    heard: list[str] = []

    def record(self, request, folder, listener):  # type: ignore[no-untyped-def]
        take, attention = own(self, request, folder, None if len(refused) < parrots else listener)
        if len(refused) < parrots:
            refused.append(request.seed)
            take.close()
            take = take_down(iter([parroted.samples]), request.frames, folder, listener)
        return take, attention

    def hearing(path: Path, claim: Claim) -> AbstractContextManager[Heard]:
        return previews.growing(path, claim, lambda: heard.append(previews.find(tmp_path)[path.name].version))

    monkeypatch.setattr(Generator, "record", record)
    out, carl = tmp_path / "out.wav", story.creator

    def make() -> RepeatableTrackRecord:
        asked = {"seconds": 12, "seed": 4, "creator": carl.address, "outs": [out], "wish": generation.Wish()}
        return generation.variations(story.home, story.model, **asked, now=now, hearing=hearing)[0]  # type: ignore[arg-type]

    parrots = 2
    made = make()
    assert len(set(heard)) == 3  # what is refused was another file than what comes after it
    assert list(tmp_path.iterdir()) == [out]
    assert made.claim.seed not in refused
    assert refused[0] == 4
    assert (made.claim.sampler["asked"], made.claim.sampler["attempt"]) == (4, 2)
    assert made.making.originality["refused"] == 2
    assert float(made.making.originality["longest"]) <= 5
    assert made.making.originality["compared"] == 4
    parrots, out = 100, tmp_path / "never.wav"
    with pytest.raises(NothingOriginal, match=r"each of 8 attempts repeats more than 5 s .* --repeat-limit"):
        make()
    assert list(tmp_path.iterdir()) == [tmp_path / "out.wav"]


def test_an_old_record_says_too_little(story: Story) -> None:
    record = record_of(story.home, story.track)
    plain = {field.name: getattr(record, field.name) for field in fields(TrackRecord)}
    with story.home.ledger() as ledger:
        entry = ledger.contracts.track_by_audio(record.audio)
        model = ledger.contracts.model(story.model)
    assert entry is not None
    node = TrackNode(entry, TrackRecord(**plain), ModelNode(model, record, ()))  # type: ignore[arg-type]
    found = Replay(story.home, now)(node, load(story.track))
    assert found.status is Status.UNVERIFIABLE
    assert "does not say with what" in found.detail


def test_the_noise_is_told_in_decibels() -> None:
    music = chords(1.0, 52)
    louder = Waveform(music.samples * np.float32(1.001), 44100)
    assert signal_to_noise(music, louder) == pytest.approx(60, abs=0.1)
    assert signal_to_noise(music, music) == math.inf
    assert signal_to_noise(music, music.excerpt(0, 0.5)) == -math.inf


def test_a_claim_and_a_request_say_the_same(story: Story) -> None:
    claim = record_of(story.home, story.track).claim
    request = request_of(claim, None)
    assert (request.frames, request.seed, request.style) == (claim.frames, claim.seed, (0.5, 0.5))
