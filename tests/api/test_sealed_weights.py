"""Weights by choice as ciphertext: opened for licensees alone, while audits need no key."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from key_server import serving
from shell import Shell
from story import MICRO, Story, new_home, new_key, now

from api import sealed_weights
from api.data_keys import of_weights
from api.errors import UsageError
from api.home import Home
from api.workflows import datasets, generation, licenses, minting, opening, training
from api.workflows.audit import audit
from gen.training.checkpoint import load_checkpoint
from ledger import file, hashing
from ledger.archive import fetch
from ledger.contracts import Contracts
from ledger.digest import Digest
from ledger.encryption import decrypt_bytes, encrypting
from ledger.errors import BlockMissing, DecryptionFailed, DigestMismatch, LicenseMissing, NotFound
from ledger.findings import Verdict
from ledger.records import TrainingRunRecord
from ledger.store import BlockStore
from ledger.vault import DataKey


@dataclass(frozen=True)
class Sealed:
    """A model of carl's, on dataset 1 with seed 2, whose weights are stored as ciphertext."""

    home: Home
    model: int
    record: TrainingRunRecord
    plain: bytes
    key: DataKey


@pytest.fixture(scope="module")
def sealed(story: Story) -> Sealed:
    home = story.home
    trained = training.train(home, [1], preset=MICRO, seed=2, signer=story.creator, now=now, seal=True)
    assert (trained.sealed, trained.already) == (True, False)
    with home.ledger() as ledger:
        entry = trained.entry
        record = fetch(ledger.store, TrainingRunRecord, entry.cid, entry.record, entry.trainer)
    ciphertext = io.BytesIO(home.store().read_bytes(record.content.cid))
    key = home.vault().get(of_weights(record.weights, record.trainer))
    return Sealed(home, entry.id, record, decrypt_bytes(ciphertext, key, f"weights:{record.weights}".encode()), key)


def generate(home: Home, model: int, out: Path, name: str = "carl") -> None:
    address = home.keystore().address(name)
    unlock = lambda: home.signer(name)  # noqa: E731
    generation.generate(home, model, seconds=5, seed=1, creator=address, out=out, now=now, unlock=unlock)


def test_the_weights_lie_nowhere_in_clear(sealed: Sealed, tmp_path: Path) -> None:
    """Their ciphertext opens to a whole model; of its bytes, none lie in the home, before generation or after."""
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(sealed.plain)
    assert load_checkpoint(weights).preset.name == "micro"
    generate(sealed.home, sealed.model, tmp_path / "out.wav")
    pieces = [sealed.plain[at : at + 64] for at in range(8, len(sealed.plain) - 64, len(sealed.plain) // 50)]
    # Both models begin from what a seed has no part in.
    clear = next(sealed.home.path.glob("models/*")).read_bytes()
    telling = [piece for piece in pieces if len(set(piece)) > 16 and piece not in clear]
    assert len(telling) > 20
    files = [path for path in sealed.home.path.rglob("*") if path.is_file()]
    assert [path for path in files for piece in telling if piece in path.read_bytes()] == []


def test_the_same_run_again_stays_sealed_and_one_in_clear_is_not_sealed_afterwards(
    story: Story, sealed: Sealed
) -> None:
    for seal in (True, False):
        again = training.train(story.home, [1], preset=MICRO, seed=2, signer=story.creator, now=now, seal=seal)
        assert (again.sealed, again.already, again.entry.id) == (True, True, sealed.model)
    with pytest.raises(UsageError, match=f"as model {story.model}, with its weights in clear"):
        training.train(story.home, [1, 2], preset=MICRO, seed=1, signer=story.creator, now=now, seal=True)


@pytest.mark.parametrize("killed", ["before the chain", "after the chain", "after the weights are gone"])
def test_a_killed_sealing_goes_on(story: Story, sealed: Sealed, tmp_path: Path, killed: str) -> None:
    """As it is found on the disk after a kill: the outcome does not know of the model yet."""
    home = Home(replace(story.home.settings, home=tmp_path / "home"))
    shutil.copytree(story.home.path, home.path)
    outcome = next(
        path for path in home.path.glob("runs/*/outcome.json") if str(sealed.record.weights) in path.read_text()
    )
    written = json.loads(outcome.read_text())
    del written["model"]
    outcome.write_text(json.dumps(written))
    left = outcome.parent / "weights.safetensors"
    if killed != "after the weights are gone":
        left.write_bytes(sealed.plain)
    if killed == "before the chain":
        shutil.rmtree(home.path / "chain")
        shutil.copytree(story.folder / "before", home.path / "chain")
    again = training.train(home, [1], preset=MICRO, seed=2, signer=story.creator, now=now, seal=True)
    assert again.sealed
    assert not left.exists()
    generate(home, again.entry.id, tmp_path / "out.wav")


class Stopped(BaseException):
    """What no handler expects."""


def stopped(*arguments: object, **options: object) -> None:
    raise Stopped


@pytest.fixture
def unrecorded(story: Story, sealed: Sealed, tmp_path: Path) -> Home:
    """A home in which the sealed model is trained, and not recorded."""
    home = Home(replace(story.home.settings, home=tmp_path / "unrecorded"))
    shutil.copytree(story.home.path, home.path)
    shutil.rmtree(home.path / "chain")
    shutil.copytree(story.folder / "before", home.path / "chain")
    outcome = run_of(home, sealed)
    written = json.loads(outcome.read_text())
    del written["model"]
    outcome.write_text(json.dumps(written))
    (outcome.parent / "weights.safetensors").write_bytes(sealed.plain)
    return home


def run_of(home: Home, sealed: Sealed) -> Path:
    return next(
        path for path in home.path.glob("runs/*/outcome.json") if str(sealed.record.weights) in path.read_text()
    )


def in_clear(home: Home, sealed: Sealed) -> list[Path]:
    """Files with the weights in them, or their last hundred bytes."""
    return [path for path in home.path.rglob("*") if path.is_file() and sealed.plain[-100:] in path.read_bytes()]


def test_a_run_in_clear_that_was_killed_may_be_sealed_until_it_is_recorded(
    story: Story, sealed: Sealed, unrecorded: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*, seal: bool) -> training.Trained:
        return training.train(unrecorded, [1], preset=MICRO, seed=2, signer=story.creator, now=now, seal=seal)

    with monkeypatch.context() as patch:
        patch.setattr(Contracts, "record_model", stopped)
        with pytest.raises(Stopped):
            train(seal=False)
    with monkeypatch.context() as patch:
        patch.setattr(file, "shred", stopped)
        with pytest.raises(Stopped):
            train(seal=True)
    # It is recorded as sealed: without --seal it goes on to be so.
    assert train(seal=False).sealed
    blocks = unrecorded.path / "content"  # the run in clear had come so far as to store them
    assert [path for path in in_clear(unrecorded, sealed) if blocks not in path.parents] == []


@pytest.mark.parametrize("seal", [True, False])
def test_weights_that_were_changed_or_lost_are_not_recorded(
    story: Story, sealed: Sealed, unrecorded: Home, seal: bool
) -> None:
    path = run_of(unrecorded, sealed).parent / "weights.safetensors"

    def train() -> None:
        training.train(unrecorded, [1], preset=MICRO, seed=2, signer=story.creator, now=now, seal=seal)

    path.write_bytes(sealed.plain[:-1] + bytes([sealed.plain[-1] ^ 1]))
    with pytest.raises(DigestMismatch, match=r"no longer holds what was trained; delete .* and train again"):
        train()
    assert path.exists()
    path.unlink()
    with pytest.raises(NotFound, match=r"delete .* and train again"):
        train()
    with unrecorded.ledger() as ledger:
        assert ledger.contracts.model_by_weights(sealed.record.weights) is None


@pytest.fixture(scope="module", autouse=True)
def before(story: Story) -> None:
    shutil.copytree(story.home.path / "chain", story.folder / "before")


def test_a_licensee_generates_the_same_in_a_home_of_their_own(story: Story, sealed: Sealed, tmp_path: Path) -> None:
    dora = new_key(story.home, "dora")
    with pytest.raises(LicenseMissing, match="use generate"):
        generate(story.home, sealed.model, tmp_path / "none.wav", "dora")
    end = "2090-01-01T00:00:00Z"
    licenses.grant(
        story.home,
        "model",
        sealed.model,
        licensee=dora.address,
        uses=("generate",),
        until=end,
        signer=story.creator,
        now=now,
    )
    home = new_home(replace(story.home.settings, home=tmp_path / "dora"))
    for name in ("chain", "content", "keys"):
        shutil.copytree(story.home.path / name, home.path / name)
    with pytest.raises(NotFound, match=f"license open {sealed.model} --model --from URL"):
        generate(home, sealed.model, tmp_path / "none.wav", "dora")
    with serving(story.home) as url:
        said = Shell(home.path).json("license", "open", str(sealed.model), "--model", "--from", url, "--key", "dora")
    assert (said["model"], said["tried"]) == (sealed.model, True)
    generate(home, sealed.model, tmp_path / "hers.wav", "dora")
    generate(story.home, sealed.model, tmp_path / "here.wav", "dora")
    assert (tmp_path / "hers.wav").read_bytes() == (tmp_path / "here.wav").read_bytes()
    assert not (tmp_path / "none.wav").exists()
    late = lambda: datetime(2090, 1, 1, 0, 0, 1, tzinfo=UTC)  # noqa: E731
    with pytest.raises(LicenseMissing, match="ended 1 s ago"):
        opening.data_key(home, home.vault(), "model", sealed.model, signer=dora, now=late)


def test_without_a_key_to_unlock_nothing_is_opened(sealed: Sealed, tmp_path: Path) -> None:
    carl = sealed.home.keystore().address("carl")
    with pytest.raises(UsageError, match="are sealed"):
        generation.generate(sealed.home, sealed.model, seconds=5, seed=1, creator=carl, out=tmp_path / "x.wav", now=now)


def test_an_audit_needs_no_key(story: Story, sealed: Sealed, tmp_path: Path) -> None:
    out = tmp_path / "sealed.wav"
    generate(sealed.home, sealed.model, out)
    minting.mint(sealed.home, out, signer=story.creator)
    auditor = Home(replace(story.home.settings, home=tmp_path / "auditor", passphrase=None))
    for name in ("chain", "content"):
        shutil.copytree(story.home.path / name, auditor.path / name)
    assert audit(auditor, out).verdict is Verdict.VERIFIED


def test_tampered_ciphertext_opens_to_nothing(sealed: Sealed, tmp_path: Path) -> None:
    key = sealed.key
    whole = sealed.home.store().read_bytes(sealed.record.content.cid)
    flipped = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in (0, 1, 39, 40, 5000, len(whole) - 1)]
    for data in (*flipped, whole[:-1], whole[:40], whole[:-17], b"", whole + b"\0"):
        store = BlockStore(tmp_path)
        record = replace(sealed.record, content=hashing.keep(store, io.BytesIO(data)))
        with pytest.raises(DecryptionFailed), sealed_weights.opened(store, record, key):
            raise AssertionError("it opened")
    with pytest.raises(DecryptionFailed), sealed_weights.opened(sealed.home.store(), sealed.record, DataKey.new()):
        raise AssertionError("it opened")
    with pytest.raises(BlockMissing), sealed_weights.opened(BlockStore(tmp_path / "empty"), sealed.record, key):
        raise AssertionError("it opened")


def test_other_weights_under_the_right_name_are_found(sealed: Sealed, tmp_path: Path) -> None:
    """What the trainer encrypted under this model's name, and is not this model."""
    store, key = BlockStore(tmp_path), DataKey.new()
    other = tmp_path / "other"
    other.write_bytes(sealed.plain[:-1] + bytes([sealed.plain[-1] ^ 1]))
    asset = sealed_weights.asset(sealed.record.weights).encode()
    with other.open("rb") as source:
        content = hashing.keep(store, encrypting(source, key, asset))
    record = replace(sealed.record, content=content)
    with pytest.raises(DigestMismatch, match="holds other weights"), sealed_weights.opened(store, record, key):
        raise AssertionError("it opened")


def test_a_ciphertext_that_is_not_the_one_in_the_record_is_found(sealed: Sealed, tmp_path: Path) -> None:
    """The bytes that it opens to are right, and the record lies about what leads to them, in several blocks."""
    store, key, plain = BlockStore(tmp_path / "store"), DataKey.new(), tmp_path / "plain"
    plain.write_bytes(b"weights or music" * 200_000)
    digest = Digest.of_file(plain)
    content = sealed_weights.keep(store, plain, digest, key, tmp_path)
    record = replace(sealed.record, weights=digest, content=content)
    with sealed_weights.opened(store, record, key) as path:
        assert Digest.of_file(path) == digest
    lie = replace(content, sha256=Digest.of(b""))
    with (
        pytest.raises(DigestMismatch, match="another SHA-256"),
        sealed_weights.opened(store, replace(record, content=lie), key),
    ):
        raise AssertionError("it opened")
    asset = sealed_weights.asset(digest)
    with sealed.home.ledger() as ledger:
        item = replace(datasets.show(ledger, 1)[1].recordings[0], sha256=digest, content=content)
    assert Digest.of(datasets.read(store, asset, item, key)) == digest
    with pytest.raises(DigestMismatch, match="another SHA-256"):
        datasets.read(store, asset, replace(item, content=lie), key)


def test_the_file_in_memory_is_gone_afterwards(sealed: Sealed) -> None:
    with sealed_weights.opened(sealed.home.store(), sealed.record, sealed.key) as path:
        assert path.read_bytes() == sealed.plain
    assert not path.exists()
