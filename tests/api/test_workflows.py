"""Recordings in, a minted track out, and audits of what became of it: real chain, store, model, mark and signatures.

The model is as small as one can be and its music is bad; that does not matter here.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from chords import chords

from api.errors import BadRecordings, NotCreator, NotGenerated, OutputExists, UsageError
from api.home import Home
from api.settings import Settings
from api.workflows import datasets, generation, licenses, minting, training
from api.workflows.audit import Audit, audit
from gen import instruments, score
from gen.audio import encode, load, save
from gen.config import RATE, CorpusConfig, GeneratorConfig, Preset, VocoderConfig
from gen.errors import NoRecordings
from gen.generate import GenerationRequest, Generator
from gen.watermark.mark import Watermark
from gen.watermark.payload import PUBLIC_KEY
from ledger.cid import Cid
from ledger.digest import Digest
from ledger.errors import LicenseMissing, WrongPassphrase
from ledger.findings import Status, Verdict
from ledger.keys import Signer
from ledger.records import Terms
from ledger.vault import Vault

PASSPHRASE = "open sesame"
TERMS = Terms(price_wei=10**16, royalty_ppm=50_000, uses=("train",))
MICRO = Preset(
    name="micro",
    corpus=CorpusConfig(window=4.0, most=12.0),
    generator=GeneratorConfig(codes=16, latent=16, hidden=32, steps=6, batch=2, length=8, free=4, free_from=2),
    vocoder=VocoderConfig(channels=16, steps=2, batch=1, phase_refinement=4),
)


def now() -> datetime:
    return datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)


def new_home(path: Path) -> Home:
    """A home whose vault opens quickly."""
    home = Home(Settings(home=path, passphrase=PASSPHRASE))
    Vault.open(home.folder("vault"), PASSPHRASE, scrypt_n=2**12)
    return home


def new_key(home: Home, name: str) -> Signer:
    home.keystore().new(name, PASSPHRASE, scrypt_n=2**12)
    return home.signer(name)


STUDY = """%abc-2.1
X:1
T:Study
C:Nobody
%%MIDI program 6
M:4/4
L:1/8
Q:1/4=120
K:{key}
[V:1] CEGceGce | DFAdfAdf | G,B,DGBDGB | CEGceGce | A,CEAcEAc | D,^FAd^fAd^f |]
"""


def record_folder(folder: Path, *keys: str) -> Path:
    """A folder of recordings: fifteen seconds of harpsichord in each key."""
    folder.mkdir()
    sheet = folder.parent / "study.abc"
    for key in keys:
        sheet.write_text(STUDY.format(key=key))
        save(folder / f"take in {key}.wav", instruments.render(score.read(sheet)))
    return folder


@dataclass(frozen=True)
class Story:
    """What one whole way left behind."""

    home: Home
    folder: Path
    creator: Signer
    model: int
    track: Path

    def audit(self, path: Path) -> Audit:
        return audit(self.home, path)

    def status(self, outcome: Audit, check: str) -> set[Status]:
        return {finding.status for finding in outcome.findings if finding.check == check}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("story")
    home = new_home(folder / "home")
    anna, ben, carl = (new_key(home, name) for name in ("anna", "ben", "carl"))
    ids = []
    for holder, keys in ((anna, ("C", "D")), (ben, ("F", "G"))):
        source = record_folder(folder / f"recordings in {keys[0]}", *keys)
        done = datasets.add(home, source, title="studies", license_="CC0-1.0", terms=TERMS, signer=holder, now=now)
        ids.append(done.entry.id)
    for dataset_id in ids:
        licenses.buy(home, dataset_id, use="train", signer=carl, now=now)
    trained = training.train(home, ids, preset=MICRO, seed=1, signer=carl, now=now)
    track = folder / "track.wav"
    generation.generate(home, trained.entry.id, seconds=20, seed=5, creator=carl.address, out=track, now=now)
    minting.mint(home, track, signer=carl)
    return Story(home, folder, carl, trained.entry.id, track)


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


def test_everything_again_changes_nothing(story: Story) -> None:
    home, carl = story.home, story.creator
    source = next(story.folder.glob("recordings in C"))
    added = datasets.add(home, source, title="again", license_="MIT", terms=TERMS, signer=home.signer("anna"), now=now)
    assert (added.already, added.entry.id) == (True, 1)
    bought = licenses.buy(home, 1, use="train", signer=carl, now=now)
    assert bought.already
    trained = training.train(home, [2, 1], preset=MICRO, seed=1, signer=carl, now=now)
    assert (trained.already, trained.entry.id) == (True, story.model)
    before = Digest.of_file(story.track)
    generation.generate(home, story.model, seconds=20, seed=5, creator=carl.address, out=story.track, now=now)
    assert Digest.of_file(story.track) == before
    assert minting.mint(home, story.track, signer=carl).already


def test_a_killed_training_goes_on_with_the_weights_it_made(story: Story) -> None:
    outcome = next(story.home.path.glob("runs/*/outcome.json"))
    whole = outcome.read_text()
    outcome.write_text(whole.replace(f', "model": {story.model}', ""))
    assert outcome.read_text() != whole
    trained = training.train(story.home, [1, 2], preset=MICRO, seed=1, signer=story.creator, now=now)
    assert trained.entry.id == story.model
    assert outcome.read_text() == whole


def test_nobody_trains_without_a_license(story: Story) -> None:
    dora = new_key(story.home, "dora")
    with pytest.raises(LicenseMissing, match="dataset 1, use train"):
        training.train(story.home, [1], preset=MICRO, seed=1, signer=dora, now=now)


def test_nobody_generates_without_a_license(story: Story, tmp_path: Path) -> None:
    stranger = story.home.keystore().address("ben")
    with pytest.raises(LicenseMissing, match="use generate"):
        generation.generate(
            story.home, story.model, seconds=5, seed=1, creator=stranger, out=tmp_path / "x.wav", now=now
        )
    assert list(tmp_path.iterdir()) == []


def test_only_what_was_generated_here_is_minted_and_only_by_its_creator(story: Story, tmp_path: Path) -> None:
    edited = tmp_path / "edited.wav"
    save(edited, load(story.track).excerpt(0, 10))
    with pytest.raises(NotGenerated, match=r"edited\.wav"):
        minting.mint(story.home, edited, signer=story.creator)
    fresh = tmp_path / "fresh.wav"
    creator = story.creator.address
    generation.generate(story.home, story.model, seconds=5, seed=6, creator=creator, out=fresh, now=now)
    with pytest.raises(NotCreator, match=r"fresh\.wav"):
        minting.mint(story.home, fresh, signer=story.home.signer("ben"))


def test_another_file_is_not_overwritten(story: Story, tmp_path: Path) -> None:
    precious = tmp_path / "precious.wav"
    precious.write_bytes(b"my only copy")
    with pytest.raises(OutputExists, match=r"precious\.wav"):
        generation.generate(
            story.home, story.model, seconds=5, seed=6, creator=story.creator.address, out=precious, now=now
        )
    assert precious.read_bytes() == b"my only copy"
    assert list(tmp_path.iterdir()) == [precious]


@pytest.mark.parametrize("seconds", [0, 2.9, 3601, float("nan")])
def test_lengths_out_of_range_are_refused(story: Story, tmp_path: Path, seconds: float) -> None:
    with pytest.raises(UsageError, match="--seconds"):
        generation.generate(
            story.home,
            story.model,
            seconds=seconds,
            seed=1,
            creator=story.creator.address,
            out=tmp_path / "x.wav",
            now=now,
        )


def test_bad_files_are_named_and_left_out_only_on_request(story: Story, tmp_path: Path) -> None:
    folder = record_folder(tmp_path / "mixed", "A")
    (folder / "notes.mp3").write_text("these are my notes")
    save(folder / "phone.wav", chords(2.0, 12, rate=8000))
    anna = story.home.signer("anna")
    with pytest.raises(BadRecordings, match=r"notes\.mp3(.|\n)*phone\.wav(.|\n)*--skip-bad"):
        datasets.add(story.home, folder, title="mixed", license_="MIT", terms=TERMS, signer=anna, now=now)
    done = datasets.add(
        story.home, folder, title="mixed", license_="MIT", terms=TERMS, signer=anna, now=now, skip_bad=True
    )
    assert done.omitted == (("notes.mp3", "NotAudio"), ("phone.wav", "RateTooLow"))
    with story.home.ledger() as ledger:
        _, record = datasets.show(ledger, done.entry.id)
    assert [omission.reason for omission in record.omitted] == ["NotAudio", "RateTooLow"]
    assert "take in A.wav" in datasets.names(story.home, done.entry.root).values()


def test_a_folder_without_recordings_is_refused(story: Story, tmp_path: Path) -> None:
    with pytest.raises(NoRecordings):
        datasets.add(story.home, tmp_path, title="", license_="MIT", terms=TERMS, signer=story.creator, now=now)


def test_names_and_recordings_lie_nowhere_in_clear(story: Story) -> None:
    recording = next(story.folder.glob("recordings in C/*.wav"))
    samples = recording.read_bytes()[10_000:10_064]
    for path in story.home.path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert samples not in content, path
            assert b"take in C" not in content, path


def test_the_wrong_passphrase_opens_nothing(story: Story) -> None:
    wrong = Home(replace(story.home.settings, passphrase="close sesame"))
    with pytest.raises(WrongPassphrase):
        wrong.vault()
