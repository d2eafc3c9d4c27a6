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
from api.workflows import generation, licenses, minting, opening, training
from api.workflows.audit import audit
from gen.training.checkpoint import load_checkpoint
from ledger import hashing
from ledger.archive import fetch
from ledger.encryption import decrypt_bytes
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
    record = replace(sealed.record, content=sealed_weights.keep(store, other, sealed.record.weights, key, tmp_path))
    with pytest.raises(DigestMismatch, match="holds other weights"), sealed_weights.opened(store, record, key):
        raise AssertionError("it opened")


def test_the_file_in_memory_is_gone_afterwards(sealed: Sealed) -> None:
    with sealed_weights.opened(sealed.home.store(), sealed.record, sealed.key) as path:
        assert path.read_bytes() == sealed.plain
    assert not path.exists()
