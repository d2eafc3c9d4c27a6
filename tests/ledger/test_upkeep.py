"""Collecting garbage and finding damage, in a store with real records on a real chain."""

import fcntl
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from facts import a_training_run
from lineages import World

from ledger import closure, damage, garbage
from ledger.archive import fetch, publish
from ledger.chain import Chain
from ledger.cid import Cid
from ledger.closure import Filed, Named
from ledger.contracts import Contracts, TrackEntry, deploy
from ledger.damage import Fault
from ledger.digest import Digest
from ledger.errors import NamesUnknown, StoreFault
from ledger.keys import LocalSigner
from ledger.records import TrainingRunRecord
from ledger.store import BlockStore

MIB = 1 << 20
DAY = 86_400.0
NOBODY = LocalSigner.generate().address


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    signers = [LocalSigner.generate() for _ in range(3)]
    with Chain.open_embedded(folder / "chain") as chain:
        for signer in signers:
            chain.fund(signer.address, 10**21)
        contracts = Contracts(chain, deploy(chain, signers[0]))
        yield World(contracts, BlockStore(folder / "content"), *signers)


@pytest.fixture(scope="module")
def track(world: World) -> TrackEntry:
    datasets = [world.dataset("bach"), world.dataset("satie")]
    return world.track(world.model("weights", [(each, world.license(each)) for each in datasets]), 1)


@pytest.fixture
def store(world: World, track: TrackEntry, tmp_path: Path) -> BlockStore:
    """A copy of the world's store, to be spoilt."""
    shutil.copytree(world.store.folder, tmp_path / "content")
    return BlockStore(tmp_path / "content")


def blocks(store: BlockStore) -> set[str]:
    return {path.name for path in store.folder.rglob("*") if len(path.name) == 64}


def in_two_days() -> float:
    return time.time() + 2 * DAY


def collect(world: World, store: BlockStore, pins: tuple[Named, ...] = (), **options: object) -> garbage.Collected:
    return garbage.collect(store, closure.records(world.contracts), pins, **{"now": in_two_days(), **options})  # type: ignore[arg-type]


def inspect(world: World, store: BlockStore, pins: tuple[Named, ...] = (), **options: object) -> list[Fault]:
    return list(damage.inspect(store, closure.records(world.contracts), pins, **options))  # type: ignore[arg-type]


def spoil(store: BlockStore, cid: Cid) -> Path:
    path = store.path(cid.digest)
    path.chmod(0o644)
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    return path


def a_file(what: str, store: BlockStore, size: int = 2 * MIB + 5) -> tuple[Filed, Cid]:
    """A record whose envelope is one block and that names a file of several."""
    top = store.add_bytes(os.urandom(size))
    envelope = store.add_bytes(what.encode())
    return Filed(what, NOBODY, Named(envelope, f"record of {what}"), lambda _: (Named(top, f"file of {what}"),)), top


def test_what_records_and_pins_name_stays_and_all_else_goes(world: World, store: BlockStore) -> None:
    named = blocks(store)
    pinned = store.add_bytes(os.urandom(2 * MIB))
    kept = blocks(store)
    loose = store.add_bytes(os.urandom(3 * MIB + 1))
    gone = blocks(store) - kept
    pins = (Named(pinned, "a draft"),)
    assert collect(world, store, pins, dry_run=True) == collect(world, store, pins)
    assert blocks(store) == kept
    assert len(gone) == 5
    assert not store.has(loose)
    store.check(pinned)
    done = collect(world, store)
    assert (done.removed, done.named) == (3, len(named))
    assert 2 * MIB < done.freed < 2 * MIB + 200
    assert blocks(store) == named
    for each in world.everything():
        store.check(each.cid)


def test_what_is_young_stays_and_adding_again_makes_young(world: World, store: BlockStore) -> None:
    cid = store.add_bytes(b"added long ago")
    os.utime(store.path(cid.digest), (time.time() - 3 * DAY,) * 2)
    other = store.add_bytes(b"added just now")
    assert collect(world, store, now=time.time()).removed == 1
    assert not store.has(cid)
    assert store.has(other)
    store.add_bytes(b"added long ago")
    os.utime(store.path(cid.digest), (time.time() - 3 * DAY,) * 2)
    store.add_bytes(b"added long ago")
    assert collect(world, store, now=time.time()) == garbage.Collected(0, 0, len(blocks(store)) - 2, 2)
    assert collect(world, store, now=time.time() + 5, grace=0.0).removed == 2


def test_what_is_recorded_between_the_two_listings_stays(store: BlockStore) -> None:
    """A registration that ends while the records are read is no pin any more, and was no record before."""
    filed, top = a_file("piece 1", store)
    waiting = [Named(top, "a recording of an unfinished registration")]

    def records() -> Iterator[Filed]:
        yield Filed("piece 2", NOBODY, filed.envelope, lambda _: ())
        waiting.clear()

    garbage.collect(store, records(), (pin for pin in waiting), now=in_two_days())
    store.check(top)


def test_nothing_goes_while_a_record_cannot_be_read(world: World, store: BlockStore) -> None:
    cid = Cid.parse(world.contracts.dataset(2).cid)
    away = store.path(cid.digest)
    whole = away.read_bytes()
    away.unlink()
    loose = store.add_bytes(b"loose")
    with pytest.raises(NamesUnknown, match=r"dataset 2: record of dataset 2: block .* is not in the store") as error:
        collect(world, store)
    assert set(error.value.records) == {"dataset 2"}
    assert store.has(loose)
    done = collect(world, store, forsaken=lambda name: name == "dataset 2")
    assert done.removed == 7  # three recordings that only this record names, their fingerprints, and the loose one
    away.write_bytes(whole)
    spoil(store, cid)
    with pytest.raises(NamesUnknown, match=r"dataset 2: .*was changed on disk"):
        collect(world, store)


def test_what_lies_below_a_broken_node_is_not_garbage(store: BlockStore) -> None:
    filed, top = a_file("piece 1", store)
    shared = Filed("piece 2", NOBODY, filed.envelope, lambda _: (Named(top, "file of piece 2"),))
    leaves = _leaves(store, top)
    spoil(store, top)
    for aside in (False, True):
        if aside:
            list(damage.inspect(store, [filed], (), repair=True))
            assert not store.has(top)
        for order in ([filed, shared], [shared, filed]):
            with pytest.raises(NamesUnknown, match="piece 1: file of piece 1"):
                garbage.collect(store, order, (), now=in_two_days(), forsaken=lambda name: name == "piece 2")
        assert all(map(store.has, leaves))


def test_a_record_whose_digest_is_not_that_of_its_content_is_named(store: BlockStore) -> None:
    """Every block may be what its CID says, and the whole another file than the record's ``sha256``."""
    whole = os.urandom(2 * MIB + 5)
    top, said = store.add_bytes(whole), Digest.of(b"another file")
    envelope = store.add_bytes(b"record")

    def inspect(sha256: Digest | None) -> list[Fault]:
        named = Named(top, "recording 1 of dataset 9", sha256)
        filed = Filed("dataset 9", NOBODY, Named(envelope, "record of dataset 9"), lambda _: (named,))
        return [fault for fault in damage.inspect(store, [filed], ()) if fault.kind != "foreign"]

    assert inspect(Digest.of(whole)) == inspect(None) == []
    (fault,) = inspect(said)
    assert (fault.kind, fault.what, fault.needed_by) == ("unread", str(top), ("recording 1 of dataset 9",))
    assert str(said) in fault.detail
    assert str(Digest.of(whole)) in fault.detail
    # Where a block is gone, that is the fault, and nothing is said of the whole.
    store.path(_leaves(store, top)[0].digest).unlink()
    assert [fault.kind for fault in inspect(said)] == ["missing"]


def test_content_that_was_never_here_is_no_hindrance(store: BlockStore) -> None:
    elsewhere = Named(Cid.of_dag_pb(b"a node elsewhere"), "recording 1 of dataset 9")
    envelope = Named(store.add_bytes(b"record"), "record of dataset 9")
    loose = store.add_bytes(b"loose")
    filed = Filed("dataset 9", NOBODY, envelope, lambda _: (elsewhere,))
    garbage.collect(store, [filed], (), now=in_two_days())
    assert store.has(envelope.cid)
    assert not store.has(loose)


def test_one_collection_at_a_time(world: World, store: BlockStore) -> None:
    with (store.folder / "collecting").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoreFault, match="being collected by another process"):
            collect(world, store)
    collect(world, store)


def test_a_block_put_while_it_is_judged_stays(world: World, store: BlockStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever puts the block holds the lock while it looks; the collection sees the new age or waits."""
    cid = store.add_bytes(b"old and put again")
    os.utime(store.path(cid.digest), (1000, 1000))
    locked = BlockStore.locked

    def put_first(self: BlockStore, *, alone: bool):  # type: ignore[no-untyped-def]
        if alone:
            os.utime(store.path(cid.digest))
        return locked(self, alone=alone)

    monkeypatch.setattr(BlockStore, "locked", put_first)
    assert collect(world, store, now=time.time()).removed == 0
    assert store.has(cid)


def test_a_whole_store_has_no_faults(world: World, store: BlockStore) -> None:
    counts: list[int] = []
    assert inspect(world, store, progress=counts.append) == []
    assert counts == list(range(1, len(blocks(store)) + 1))


def test_damage_is_called_by_all_its_names_and_moved_aside(world: World, store: BlockStore) -> None:
    named = list(closure.rests_on(world.contracts, store, "dataset", 1))
    path = spoil(store, named[2].cid)
    (fault,) = inspect(world, store)
    assert fault.kind == "damaged"
    assert fault.what == str(path.relative_to(store.folder))
    assert fault.needed_by == ("recording 2 of dataset 1",)
    assert "has the SHA-256" in fault.detail
    assert not fault.mended
    (fault,) = inspect(world, store, repair=True)
    assert fault.mended
    assert (store.folder / "damaged" / path.name).exists()
    (fault,) = inspect(world, store)
    assert (fault.kind, fault.what, fault.needed_by) == ("missing", str(named[2].cid), ("recording 2 of dataset 1",))
    store.add_bytes(world.store.read_bytes(named[2].cid))
    assert inspect(world, store) == []


def test_a_damaged_record_is_reported_once(world: World, store: BlockStore) -> None:
    entry = world.contracts.model(1)
    spoil(store, Cid.parse(entry.cid))
    faults = inspect(world, store)
    assert [(fault.kind, fault.needed_by) for fault in faults] == [("damaged", ("record of model 1",))]
    store.path(Cid.parse(entry.cid).digest).unlink()
    faults = inspect(world, store)
    assert [(fault.kind, fault.needed_by) for fault in faults] == [("missing", ("record of model 1",))]


def test_a_record_that_is_whole_and_wrong_is_unread(world: World, store: BlockStore) -> None:
    record = a_training_run()
    cid = publish(store, record, world.forger)

    def read(store: BlockStore) -> tuple[Named, ...]:
        fetch(store, TrainingRunRecord, str(cid), record.digest, world.creator.address)
        return ()

    forged = Filed("model 9", NOBODY, Named(cid, "record of model 9"), read)  # type: ignore[arg-type]
    (fault,) = damage.inspect(store, [forged], ())
    assert (fault.kind, fault.what, fault.needed_by) == ("unread", str(cid), ("record of model 9",))
    assert str(world.creator.address) in fault.detail


def test_every_block_below_is_looked_for_and_siblings_of_a_damaged_node_too(store: BlockStore) -> None:
    filed, top = a_file("piece 1", store)
    first, _, last = _leaves(store, top)
    store.path(first.digest).unlink()
    spoil(store, last)
    (missing, damaged) = damage.inspect(store, [filed], ())
    assert (missing.kind, missing.what, missing.needed_by) == ("missing", str(first), ("file of piece 1",))
    assert (damaged.kind, damaged.needed_by) == ("damaged", ("file of piece 1",))
    spoil(store, top)
    assert {fault.kind for fault in damage.inspect(store, [filed], ())} == {"damaged"}


def test_what_others_recorded_need_not_be_here_but_has_to_be_whole(store: BlockStore) -> None:
    theirs, top = a_file("piece 1", store)
    leaf = _leaves(store, top)[0]
    store.path(leaf.digest).unlink()
    assert [fault.what for fault in damage.inspect(store, [theirs], (), mine=lambda _: False)] == [str(leaf)]
    store.path(top.digest).unlink()
    assert list(damage.inspect(store, [theirs], (), mine=lambda _: False)) == []
    assert [fault.what for fault in damage.inspect(store, [theirs], ())] == [str(top)]


def test_foreign_files_are_named_and_left_alone(world: World, store: BlockStore) -> None:
    cid = store.add_bytes(b"a block in the wrong place")
    wrong_place = store.folder / "00" / "00" / cid.digest.hex()
    wrong_place.parent.mkdir(parents=True, exist_ok=True)
    store.path(cid.digest).rename(wrong_place)
    (store.folder / "notes.txt").write_text("hello")
    (store.folder / "00" / "more").mkdir()
    faults = inspect(world, store, repair=True)
    places = {"notes.txt", "00/more", f"00/00/{cid.digest.hex()}"}
    assert {fault.what for fault in faults if fault.kind == "foreign"} == places == {fault.what for fault in faults}
    collect(world, store)
    assert all((store.folder / place).exists() for place in places)


def test_a_block_too_large_or_unreadable_is_damaged(store: BlockStore) -> None:
    cid = store.add_bytes(b"x")
    path = store.path(cid.digest)
    path.unlink()
    with path.open("wb") as large:
        large.truncate(3 * MIB)
    (fault,) = (fault for fault in damage.inspect(store, [], ()) if fault.what.endswith(path.name))
    assert fault.detail == f"has {3 * MIB} bytes, and no block has more than {2 * MIB}"
    path.unlink()
    path.mkdir()
    (fault,) = (fault for fault in damage.inspect(store, [], ()) if fault.what.endswith(path.name))
    assert "cannot be read: Is a directory" in fault.detail


def _leaves(store: BlockStore, top: Cid) -> list[Cid]:
    from ledger.dagpb import Node

    return [link.cid for link in Node.decode(store.get(top)).links]


def test_a_whole_block_that_comes_while_the_damaged_one_is_judged_is_not_moved_aside(
    store: BlockStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer has seen the damage and written beside; then the judge looks, and the writer goes on."""
    cid = store.add_bytes(b"x" * 1000)
    spoil(store, cid)
    seen, judged, put = threading.Event(), threading.Event(), threading.Event()
    token, wrong = secrets.token_hex, damage._wrong

    def pause(size: int) -> str:
        seen.set()
        judged.wait(10)
        return token(size)

    def judge(*arguments: Any) -> str | None:
        verdict = wrong(*arguments)
        judged.set()
        put.wait(0.5)
        return verdict

    def write() -> None:
        store.add_bytes(b"x" * 1000)
        put.set()

    monkeypatch.setattr(secrets, "token_hex", pause)
    monkeypatch.setattr(damage, "_wrong", judge)
    writer = threading.Thread(target=write)
    writer.start()
    assert seen.wait(10)
    damage._set_aside(store, cid.digest)
    writer.join(10)
    assert put.is_set()
    assert store.get(cid) == b"x" * 1000
