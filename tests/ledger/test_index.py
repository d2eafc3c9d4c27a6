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
from ledger.anchor import Anchor, Leaf
from ledger.chain import Chain
from ledger.cid import Cid
from ledger.contracts import Contracts, ModelEntry, TrackEntry, deploy
from ledger.deployment import Deployment
from ledger.digest import Digest
from ledger.errors import StoreFault
from ledger.index import Forgotten, Index, Place
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
    """Words by the seed of a track, or by the record of a leaf, and leaves by their root; None where none are yet."""

    def __init__(self, *tracks: TrackEntry) -> None:
        self.heard: dict[int, Iterable[int] | None] = {track.id: WORDS[n] for n, track in enumerate(tracks, 1)}
        self.of_leaves: dict[Digest, Iterable[int]] = {}
        self.published: dict[Digest, Anchor] = {}

    def words(self, token: int) -> Iterable[int] | None:
        return self.heard[token]

    def leaf_words(self, record: Digest) -> Iterable[int] | None:
        return self.of_leaves.get(record)

    def leaves(self, root: Digest, size: int, content: Digest) -> Anchor | None:
        found = self.published.get(root)
        assert found is None or (len(found), found.content.digest) == (size, content.raw)
        return found


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
    ears.heard = {third.id: None}
    held.update(world.contracts, ears)
    assert held.by_owner(world.holder.address) == (first.id,)
    assert held.by_owner(world.creator.address) == (second.id, third.id)
    assert held.sounding_like({99}) == ()
    ears.heard = {third.id: {99}}
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

    class Broken(Ears):
        def words(self, token: int) -> Iterable[int]:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        held.update(world.contracts, Broken())
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


def plant(held: Index, words: Iterable[int], copies: int, first: int = 1) -> None:
    """So many tracks with these words, as if they had been minted one after the other."""
    rows = [(n, n - 2**63, n.to_bytes(32), n.to_bytes(20)) for n in range(first, first + copies)]
    held._file.executemany(
        "insert into tracks (number, token, audio, owner, block, tried, heard) values (?, ?, ?, ?, 0, 1, 1)", rows
    )
    held._file.executemany("insert into words values (?, ?)", [(word, n) for n, *_ in rows for word in words])


def test_nobody_hides_a_track_behind_copies_of_it(world: World, folder: Path) -> None:
    """Thousands of copies by as many accounts, with the very words of the first, or with some of them each."""
    held, words = index(folder, world.contracts), set(range(100, 130))
    plant(held, range(50), 3)
    plant(held, words, 1, first=4)
    plant(held, words, 700, first=5)
    plant(held, set(range(100, 115)), 700, first=705)
    plant(held, set(range(115, 130)), 700, first=1405)
    for heard in (words, set(range(104, 124)), {*range(104, 124), *range(1000, 1200)}):
        assert held.sounding_like(heard)[0] == 4
    held.close()


def test_of_two_words_the_rarer_tells_more(world: World, folder: Path) -> None:
    held = index(folder, world.contracts)
    plant(held, {1, 2, 7}, 600)
    plant(held, {1, 5, 6}, 1, first=601)
    assert held.sounding_like({1, 2, 5, 6}) == (601, *range(1, 20))
    held.close()


def leaf(name: str) -> Leaf:
    return Leaf(digest(f"claim of {name}"), digest(f"file of {name}"), digest(f"record of {name}"))


def anchor(world: World, model: ModelEntry, *names: str) -> Anchor:
    made = Anchor([leaf(name) for name in names])
    place = Digest(made.content.digest)
    world.contracts.anchor_tracks(world.creator, made.root, len(made), model.id, 0, place)
    return made


def test_anchored_tracks_are_found_once_their_leaves_can_be_read(world: World, folder: Path, begun: Begun) -> None:
    ears, held = Ears(), index(folder, world.contracts)
    batch, empty = anchor(world, begun[2], "one", "two", "three"), anchor(world, begun[2], "other")
    creator = world.creator.address
    held.update(world.contracts, ears)
    assert held.unread(9) == (Place(creator, empty.root), Place(creator, batch.root))
    assert held.unread(1) == (Place(creator, empty.root),)
    assert held.anchored_audio(leaf("two").audio) == ()
    ears.published[batch.root] = batch
    ears.of_leaves = {leaf("two").record: {10, 20}}
    held.update(world.contracts, ears)
    assert held.unread(9) == (Place(creator, empty.root),)
    two = Place(creator, batch.root, 1)
    assert held.anchored_audio(leaf("two").audio) == (two,)
    assert held.anchored_watermark(world.contracts.track_id(creator, leaf("two").claim)) == (two,)
    assert held.anchored_watermark(7) == held.anchored_audio(digest("another")) == ()
    assert held.sounding_like({20, 30}) == (two,)
    tokens = [world.contracts.track_id(creator, leaf(name).claim) for name in ("one", "two", "three")]
    assert held.places() == tuple((token, Place(creator, batch.root, n)) for n, token in enumerate(tokens))
    # None of them is minted, nor anybody's.
    assert held.by_audio(leaf("two").audio) is None and held.by_owner(creator) == ()
    assert held.holds_more_than(2) and not held.holds_more_than(3)


def test_very_many_leaves_are_not_taken_in_at_once(
    world: World, folder: Path, begun: Begun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.index._MOST_LEAVES", 2)
    ears, held = Ears(), index(folder, world.contracts)
    made = [anchor(world, begun[2], f"first {n}", f"second {n}") for n in range(3)]
    ears.published = {batch.root: batch for batch in made}
    for left in (2, 1, 0):
        held.update(world.contracts, ears)
        assert len(held.unread(9)) == left
    held.close()


def test_every_place_of_a_file_is_named_up_to_twenty(world: World, folder: Path, begun: Begun) -> None:
    ears, held = Ears(), index(folder, world.contracts)
    made = [anchor(world, begun[2], "one", f"other {n}") for n in range(22)]
    ears.published = {batch.root: batch for batch in made}
    held.update(world.contracts, ears)
    expected = tuple(Place(world.creator.address, batch.root, 0) for batch in made[:20])
    assert held.anchored_audio(leaf("one").audio) == expected
    assert held.anchored_watermark(world.contracts.track_id(world.creator.address, leaf("one").claim)) == expected
    held.close()


def test_a_track_is_as_early_as_its_block_however_late_its_leaves_come(
    world: World, folder: Path, begun: Begun
) -> None:
    """Copies that were minted while nobody could read the leaves do not come before it."""
    ears, held = Ears(), index(folder, world.contracts)
    batch = anchor(world, begun[2], "one")
    copy = world.track(begun[2], 1)
    ears.heard = {copy.id: {10, 20}}
    held.update(world.contracts, ears)
    assert held.sounding_like({10}) == (copy.id,)
    ears.published[batch.root], ears.of_leaves = batch, {leaf("one").record: {10, 20}}
    held.update(world.contracts, ears)
    assert held.sounding_like({10}) == (Place(world.creator.address, batch.root, 0), copy.id)
    held.close()


def test_a_leaf_that_is_minted_is_a_track_from_then_on(world: World, folder: Path, begun: Begun) -> None:
    ears, held = Ears(), index(folder, world.contracts)
    batch = anchor(world, begun[2], "one", "two")
    ears.published[batch.root], ears.of_leaves = batch, {leaf("one").record: {10, 20}, leaf("two").record: {10, 30}}
    cid = str(Cid.of_digest(leaf("one").record.raw))
    minted = world.contracts.mint_anchored(world.creator, batch.root, batch.leaf(0), batch.proof(0), cid)
    ears.heard = {minted.id: {10, 20}}
    held.update(world.contracts, ears)
    two = Place(world.creator.address, batch.root, 1)
    assert held.sounding_like({10, 20}) == (minted.id, two)
    assert held.places() == ((world.contracts.track_id(world.creator.address, leaf("two").claim), two),)
    assert held.by_audio(leaf("one").audio) == minted.id
    held.close()


def test_a_batch_whose_block_is_dropped_goes_with_its_leaves(begun: Begun, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "chain", tmp_path / "before")
    with Chain.open_embedded(folder / "chain") as chain:
        world = World(Contracts(chain, begun[1]), BlockStore(folder / "content"), *SIGNERS)
        anchor(world, begun[2], "of which nobody has the leaves")
        held, ears, batch = index(folder, world.contracts), Ears(), anchor(world, begun[2], "one")
        ears.published[batch.root] = batch
        held.update(world.contracts, ears)
        assert held.anchored_audio(leaf("one").audio) and len(held.unread(9)) == 1
        block, hashed = chain.block_number, chain.block_hash(chain.block_number)
    shutil.rmtree(folder / "chain")
    shutil.copytree(tmp_path / "before", folder / "chain")
    with Chain.open_embedded(folder / "chain") as chain:
        held.update(Contracts(chain, begun[1]), ears)
        assert not held.anchored_audio(leaf("one").audio) and held.unread(9) == () and held.places() == ()
        gone = held.forgotten(leaf("one").audio, ())
        assert gone is not None and (gone.block, gone.hash) == (block, hashed)
    held.close()


def test_what_cannot_be_read_hides_nothing_that_comes_after_it(
    world: World, folder: Path, begun: Begun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.index._AT_ONCE", 2)
    ears, held = Ears(), index(folder, world.contracts)
    for name in ("a", "b", "c"):  # their leaves are nowhere
        anchor(world, begun[2], name)
    many = anchor(world, begun[2], "x", "y", "z", "one")  # the records of the first three are nowhere
    ears.published[many.root], ears.of_leaves = many, {leaf("one").record: {10}}
    for _ in range(5):
        held.update(world.contracts, ears)
    assert held.sounding_like({10}) == (Place(world.creator.address, many.root, 3),)
    held.close()
