"""What the workflows promise beside the straight way: nothing twice, nothing without a right, nothing in clear."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from chords import chords
from story import MICRO, TERMS, Story, new_key, now, record_folder

from api import private_names
from api.errors import BadRecordings, NotCreator, NotGenerated, OutputExists, UsageError
from api.home import Home
from api.workflows import datasets, generation, licenses, minting, rendering, training
from gen.audio import load, save
from gen.errors import NoRecordings
from ledger.archive import fetch
from ledger.digest import Digest
from ledger.errors import AlreadyRegistered, BlockMissing, DigestMismatch, LicenseMissing, WrongPassphrase
from ledger.records import TrainingRunRecord


def test_everything_again_changes_nothing(story: Story) -> None:
    home, carl = story.home, story.creator
    source = next(story.folder.glob("recordings in C"))
    added = datasets.add(home, source, title="again", license_="MIT", terms=TERMS, signer=home.signer("anna"), now=now)
    assert (added.already, added.entry.id) == (True, 1)
    bought = licenses.buy(home, "dataset", 1, uses=("train",), signer=carl, now=now)
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


def test_nothing_is_minted_whose_content_is_not_what_the_record_names(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.wav"
    carl = story.creator
    made = generation.generate(story.home, story.model, seconds=5, seed=8, creator=carl.address, out=out, now=now)
    whole, of_file = out.read_bytes(), Digest.of_file

    def changes(path: Path) -> Digest:
        digest = of_file(path)
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        return digest

    with monkeypatch.context() as patch:
        patch.setattr(Digest, "of_file", changes)
        with pytest.raises(DigestMismatch, match=r"out\.wav changed while it was being minted"):
            minting.mint(story.home, out, signer=carl)
    out.write_bytes(whole)
    block = story.home.store().path(made.fingerprint.cid.digest)
    kept = block.rename(tmp_path / "block")
    with pytest.raises(BlockMissing, match=r"the fingerprint of .*out\.wav"):
        minting.mint(story.home, out, signer=carl)
    with story.home.ledger() as ledger:
        assert ledger.contracts.track_by_audio(made.audio) is None
    kept.rename(block)
    assert not minting.mint(story.home, out, signer=carl).already


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
    names = private_names.read(story.home, done.entry.root)
    assert sorted(name.text for name in names.values()) == ["notes.mp3", "phone.wav", "take in A.wav"]
    assert {o.name_commitment for o in record.omitted} < {name.commitment for name in names.values()}


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


def test_what_somebody_else_registered_or_minted_is_no_success(story: Story) -> None:
    source, ben = next(story.folder.glob("recordings in C")), story.home.signer("ben")
    with pytest.raises(AlreadyRegistered, match="as dataset 1") as refused:
        datasets.add(story.home, source, title="mine", license_="MIT", terms=TERMS, signer=ben, now=now)
    assert refused.value.id == 1
    with pytest.raises(AlreadyRegistered, match=str(story.creator.address)):
        minting.mint(story.home, story.track, signer=ben)


def test_weights_come_whole_out_of_the_store(story: Story) -> None:
    path = next(story.home.path.glob("models/*.safetensors"))
    whole = path.read_bytes()
    path.unlink()
    with story.home.ledger() as ledger:
        entry = ledger.contracts.model(story.model)
        record = fetch(ledger.store, TrainingRunRecord, entry.cid, entry.record, entry.trainer)
    assert rendering.weights(story.home, record).read_bytes() == whole
    assert list(path.parent.iterdir()) == [path]
