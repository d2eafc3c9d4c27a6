"""A second run on the same datasets decodes nothing; and what is kept for it opens with the dataset's key alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from story import MICRO, Story, now

from api import feature_cache
from api.home import Home
from api.workflows import datasets, forgetting, sounds, training
from gen.confined import ConfinedDecoder
from gen.entry import Rows
from gen.errors import DamagedEntry
from gen.training.sounds import Facts, Sounds
from ledger.errors import NotFound
from ledger.vault import DataKey


@pytest.fixture
def home(story: Story, tmp_path: Path) -> Home:
    """A copy of the story's home, to change."""
    shutil.copytree(story.home.path, tmp_path / "home")
    return Home(replace(story.home.settings, home=tmp_path / "home"))


class Counting(ConfinedDecoder):
    """Decodes, and counts."""

    files = 0

    def __call__(self, *arguments):  # type: ignore[no-untyped-def]
        Counting.files += 1
        return super().__call__(*arguments)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> type[Counting]:
    monkeypatch.setattr("gen.confined.ConfinedDecoder", Counting)
    Counting.files = 0
    return Counting


def train(home: Home, story: Story, seed: int) -> training.Trained:
    return training.train(home, [1, 2], preset=MICRO, seed=seed, signer=story.creator, now=now)


def heard(home: Home, story: Story) -> list[Facts]:
    """What is known of dataset 1, from the cache or not at all."""

    def refuse(*arguments: object) -> None:
        raise AssertionError("decoded")

    with home.ledger() as ledger:
        chosen = datasets.show(ledger, 1)
    (found,) = sounds.of_datasets(home, [chosen], refuse, signer=story.creator, now=now)  # type: ignore[arg-type]
    known = Sounds(found.recordings, found.cache, MICRO)
    return [known.facts(index) for index in range(len(known))]


@pytest.mark.slow
def test_a_second_run_decodes_nothing_and_an_emptied_cache_changes_no_weight(
    story: Story, home: Home, decoded: type[Counting]
) -> None:
    train(home, story, 2)
    assert decoded.files == 0  # the story has trained before
    shutil.rmtree(home.path / "cache")
    shutil.rmtree(home.path / "runs")
    again = train(home, story, 1)
    assert decoded.files == 8  # four recordings: once for their fingerprints, once to learn from
    assert again.entry.id == story.model  # the same weights


def test_nothing_in_the_cache_lies_open(story: Story) -> None:
    entries = [path for path in (story.home.path / "cache").rglob("*") if path.is_file()]
    assert len(entries) == 16  # of four recordings what is known, samples, their peaks, and mel frames
    words = (b"fingerprint", b'"dtype"')  # what the facts, and the table of every entry, would say in clear
    assert not any(word in path.read_bytes() for path in entries for word in words)
    assert (story.home.path / "cache").stat().st_mode & 0o077 == 0


def opens(path: Path, key: DataKey) -> bool:
    try:
        return len(Rows.open(path, path.name, feature_cache.Seal(key))) > 0
    except DamagedEntry:
        return False


def test_whoever_forgets_the_recordings_has_closed_their_features(story: Story, home: Home) -> None:
    with home.ledger() as ledger:
        _, record = datasets.show(ledger, 1)
    vault = home.vault()
    key, entries = vault.get(record.asset), list((home.path / "cache").glob("??/*"))
    mine = [path for path in entries if opens(path, key)]
    assert len(mine) == 8 and heard(home, story)[0].frames > 0
    forgetting.forget(home, 1, recordings=True, confirm=lambda record: None)
    with pytest.raises(NotFound):
        heard(home, story)
    # A copy of the files opens with no key that is left.
    left = [vault.get(json.loads(path.read_text())["asset"]) for path in (home.path / "vault" / "keys").iterdir()]
    assert len(left) >= 2
    assert not any(opens(path, other) for path in mine for other in left)


def test_a_seal_opens_what_it_sealed_and_nothing_else() -> None:
    key = DataKey.new()
    one, same, other = feature_cache.Seal(key), feature_cache.Seal(key), feature_cache.Seal(DataKey.new())
    sealed = one.seal(b"mel", b"row 1")
    assert same.open(sealed, b"row 1") == b"mel" and same.salt == one.salt != other.salt
    assert one.seal(b"mel", b"row 1") != sealed
    for seal, data, name in (
        (other, sealed, b"row 1"),
        (one, sealed, b"row 2"),
        (one, sealed[:-1], b"row 1"),
        (one, bytes([sealed[0] ^ 1]) + sealed[1:], b"row 1"),
        (one, sealed[:-1] + bytes([sealed[-1] ^ 1]), b"row 1"),
        (one, b"", b"row 1"),
    ):
        with pytest.raises(ValueError, match="not what was sealed"):
            seal.open(data, name)
    # Neither key nor salt is the data key, which encrypts the recordings themselves.
    assert key.reveal() not in (one.salt, one._secret) and "_" not in repr(one)
