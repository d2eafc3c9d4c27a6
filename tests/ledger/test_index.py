"""The index of tracks against a real chain: filled block by block, taken back where that was, begun afresh at will."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from lineages import World, digest

from ledger.abi import Interface
from ledger.chain import Chain
from ledger.contracts import Contracts, ModelEntry, TrackEntry, deploy
from ledger.deployment import Deployment
from ledger.errors import StoreFault
from ledger.index import Forgotten, Index
from ledger.keys import LocalSigner
from ledger.store import BlockStore

pytestmark = pytest.mark.slow

WORDS = {1: {10, 20, 30}, 2: {20, 30, 40}, 3: {99}}
Begun = tuple[Path, Deployment, ModelEntry]
SIGNERS = [LocalSigner.generate() for _ in range(3)]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Begun:
    """A chain with a model, and no track yet."""
    folder = tmp_path_factory.mktemp("begun")
    with Chain.open_embedded(folder / "chain") as chain:
        for signer in SIGNERS:
            chain.fund(signer.address, 10**21)
        deployment = deploy(chain, SIGNERS[0])
        world = World(Contracts(chain, deployment), BlockStore(folder / "content"), *SIGNERS)
        dataset = world.dataset("indexed")
        return folder, deployment, world.model("indexed", [(dataset, world.license(dataset))])


@pytest.fixture
def folder(begun: Begun, tmp_path: Path) -> Path:
    shutil.copytree(begun[0], tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def world(begun: Begun, folder: Path) -> Iterator[World]:
    with Chain.open_embedded(folder / "chain") as chain:
        yield World(Contracts(chain, begun[1]), BlockStore(folder / "content"), *SIGNERS)


def index(folder: Path, contracts: Contracts) -> Index:
    place = contracts.deployment
    return Index(folder / "index.sqlite", place.chain_id, place.tracks)


class Ears:
    """Words by the seed of a track; None for one that cannot be heard yet."""

    def __init__(self, *tracks: TrackEntry) -> None:
        self.words: dict[int, Iterable[int] | None] = {track.id: WORDS[n] for n, track in enumerate(tracks, 1)}

    def __call__(self, token: int) -> Iterable[int] | None:
        return self.words[token]


def test_tracks_are_found_by_file_mark_owner_and_sound(world: World, folder: Path, begun: Begun) -> None:
    model = begun[2]
    first, second = world.track(model, 1), world.track(model, 2)
    ears, held = Ears(first, second), index(folder, world.contracts)
    held.update(world.contracts, ears)
    assert held.by_audio(first.audio) == held.by_watermark(first.id) == first.id
    assert held.by_audio(digest("another")) is held.by_watermark(7) is None
    assert held.sounding_like({20, 30, 40}) == (second.id, first.id)
    assert held.sounding_like({10, 77}) == (first.id,)
    assert held.sounding_like({77}) == ()
    assert held.by_owner(world.creator.address) == (first.id, second.id)
    assert held.holds_more_than(1) and not held.holds_more_than(2)
    # Only what is new is read, and an owner who changed.
    tracks = Interface.load("Tracks")
    give = (world.creator.address, world.holder.address, first.id)
    world.contracts.chain.send(world.creator, tracks, world.contracts.deployment.tracks, "transferFrom", *give)
    third = world.track(model, 3)
    ears.words = {third.id: None}
    held.update(world.contracts, ears)
    assert held.by_owner(world.holder.address) == (first.id,)
    assert held.by_owner(world.creator.address) == (second.id, third.id)
    assert held.sounding_like({99}) == ()
    ears.words = {third.id: {99}}
    held.update(world.contracts, ears)
    assert held.sounding_like({99}) == (third.id,)
    held.close()


def test_what_a_reorganised_chain_drops_is_taken_back_and_remembered(
    begun: Begun, folder: Path, tmp_path: Path
) -> None:
    model = begun[2]
    with Chain.open_embedded(folder / "chain") as chain:
        world = World(Contracts(chain, begun[1]), BlockStore(folder / "content"), *SIGNERS)
        kept = world.track(model, 1)
        held = index(folder, world.contracts)
        held.update(world.contracts, Ears(kept))
    shutil.copytree(folder / "chain", tmp_path / "before")
    with Chain.open_embedded(folder / "chain") as chain:
        world = World(Contracts(chain, begun[1]), BlockStore(folder / "content"), *SIGNERS)
        dropped = world.track(model, 2)
        hashed = chain.block_hash(dropped.block)
        held.update(world.contracts, Ears(kept, dropped))
        assert held.by_audio(dropped.audio) == dropped.id
        assert held.forgotten(dropped.audio, ()) is None
    shutil.rmtree(folder / "chain")
    shutil.copytree(tmp_path / "before", folder / "chain")
    with Chain.open_embedded(folder / "chain") as chain:
        world = World(Contracts(chain, begun[1]), BlockStore(folder / "content"), *SIGNERS)
        other = world.track(model, 3)
        assert other.block == dropped.block and chain.block_hash(other.block) != hashed
        held.update(world.contracts, Ears(kept, dropped, other))
        assert held.by_audio(dropped.audio) is held.by_watermark(dropped.id) is None
        assert held.sounding_like({40}) == ()
        assert held.by_owner(world.creator.address) == (kept.id, other.id)
        gone = Forgotten(dropped.id, dropped.block, hashed)
        assert held.forgotten(dropped.audio, ()) == held.forgotten(digest("x"), (5, dropped.id)) == gone
        held.update(world.contracts, Ears(kept, dropped, other))
        assert held.by_audio(kept.audio) == kept.id
    held.close()


def test_an_update_that_breaks_off_changes_nothing(world: World, folder: Path, begun: Begun) -> None:
    track, held = world.track(begun[2], 1), index(folder, world.contracts)

    def broken(token: int) -> Iterable[int]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        held.update(world.contracts, broken)
    assert held.by_audio(track.audio) is None
    held.update(world.contracts, Ears(track))
    assert held.by_audio(track.audio) == track.id
    held.close()


def test_a_damaged_index_and_one_of_another_chain_begin_afresh(world: World, folder: Path, begun: Begun) -> None:
    track, path = world.track(begun[2], 1), folder / "index.sqlite"
    path.write_bytes(b"not a database" * 1000)
    held = index(folder, world.contracts)
    held.update(world.contracts, Ears(track))
    held.close()
    place = world.contracts.deployment
    other = Index(path, place.chain_id + 1, place.tracks)
    assert other.by_audio(track.audio) is None
    other.close()
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute("drop table tracks")
    held = index(folder, world.contracts)
    held.update(world.contracts, Ears(track))
    assert held.by_audio(track.audio) == track.id
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute("drop table tracks")
    with pytest.raises(StoreFault, match="may be deleted"):
        held.by_audio(track.audio)
    held.close()


def test_a_word_that_everybody_shares_tells_nobody_apart(world: World, folder: Path, begun: Begun) -> None:
    held = index(folder, world.contracts)
    held._file.executemany(
        "insert into tracks (token, audio, owner, block, heard) values (?, ?, ?, 0, 1)",
        [(n, n.to_bytes(32), bytes(20)) for n in range(600)],
    )
    held._file.executemany("insert into words values (?, ?)", [(5, n + 1) for n in range(600)] + [(6, 7)])
    assert held.sounding_like({5}) == ()
    assert len(held.sounding_like({5, 6})) == 1
    held.close()
