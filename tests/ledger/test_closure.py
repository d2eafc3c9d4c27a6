"""What a dataset, model or track rests on, against real contracts and a real store."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lineages import World

from ledger import closure
from ledger.anchor import LEAF_BYTES
from ledger.chain import Chain
from ledger.cid import Cid
from ledger.closure import Named
from ledger.contracts import Contracts, DatasetEntry, LicenseEntry, ModelEntry, TrackEntry, deploy
from ledger.digest import Digest
from ledger.errors import BlockMissing, DigestMismatch, NotFound, SignatureInvalid
from ledger.keys import LocalSigner
from ledger.store import BlockStore


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
def licensed(world: World) -> list[tuple[DatasetEntry, LicenseEntry]]:
    datasets = [world.dataset("bach"), world.dataset("satie")]
    return [(dataset, world.license(dataset)) for dataset in datasets]


@pytest.fixture(scope="module")
def model(world: World, licensed: list[tuple[DatasetEntry, LicenseEntry]]) -> ModelEntry:
    return world.model("weights", licensed)


@pytest.fixture(scope="module")
def track(world: World, model: ModelEntry) -> TrackEntry:
    return world.track(model, 1)


def file_of(world: World, cid: Cid | str) -> Path:
    name = (Cid.parse(cid) if isinstance(cid, str) else cid).digest.hex()
    return world.store.folder / name[:2] / name[2:4] / name


def rests_on(world: World, kind: closure.Kind, id: int) -> list[Named]:
    return list(closure.rests_on(world.contracts, world.store, kind, id))


def dataset_words(id: int) -> list[str]:
    contents = (f"{what} {n} of dataset {id}" for what in ("recording", "fingerprint") for n in (1, 2, 3))
    return [f"record of dataset {id}", *contents]


def test_a_dataset_rests_on_its_record_and_recordings(world: World, licensed: object) -> None:
    found = rests_on(world, "dataset", 1)
    assert [named.what for named in found] == dataset_words(1)
    assert str(found[0].cid) == world.contracts.dataset(1).cid
    contents = {world.store.read_bytes(named.cid) for named in found[1:]}
    assert contents == {b"%s of bach-%d" % (what, n) for what in (b"ciphertext", b"fingerprint") for n in range(3)}


def test_a_track_rests_on_its_whole_lineage(world: World, track: TrackEntry) -> None:
    creator = world.creator.address
    name = f"track {track.id:016x}"
    found = rests_on(world, "track", track.id)
    assert [named.what for named in found] == [
        *(f"record of {name}", f"audio of {name}", f"fingerprint of {name}"),
        *("record of model 1", "weights of model 1"),
        *(f"record of license 1 of dataset 1 for {creator}", *dataset_words(1)),
        *(f"record of license 1 of dataset 2 for {creator}", *dataset_words(2)),
    ]
    assert len({named.cid for named in found}) == len(found)
    assert world.store.read_bytes(found[1].cid) == b"audio 1"
    assert world.store.read_bytes(found[4].cid) == b"weights"
    assert rests_on(world, "model", 1) == found[3:]


def test_only_the_license_that_was_named_counts(
    world: World, licensed: list[tuple[DatasetEntry, LicenseEntry]], model: ModelEntry
) -> None:
    """Whoever names none may have held any; the one bought afterwards is in neither case a ground."""
    named = rests_on(world, "model", model.id)
    later = world.license(licensed[0][0], lambda record: replace(record, valid_from="2026-11-24T10:00:00Z"))
    assert rests_on(world, "model", model.id) == named
    silent = world.model(
        "other weights",
        licensed,
        lambda record: replace(record, datasets=tuple(replace(use, license_id=0) for use in record.datasets)),
    )
    words = [named.what for named in rests_on(world, "model", silent.id)]
    assert f"record of license {later.id} of dataset 1 for {world.creator.address}" in words
    assert f"record of license 1 of dataset 1 for {world.creator.address}" in words


@pytest.mark.parametrize("size", [2, 11_000])
def test_everything_holds_each_records_closure_and_what_nobody_used_yet(
    world: World, track: TrackEntry, size: int
) -> None:
    idle = world.license(world.contracts.dataset(2), lambda record: replace(record, valid_from="2026-11-25T10:00:00Z"))
    root = Digest.of(b"root of a batch of %d" % size)
    batch = world.store.add_bytes(bytes(size * LEAF_BYTES))
    world.contracts.anchor_tracks(world.creator, root, size, 1, 0, Digest(batch.digest))
    found = set(world.everything())
    assert set(rests_on(world, "track", track.id)) <= found
    assert Cid.parse(idle.cid) in {named.cid for named in found}
    assert Named(batch, f"leaves of anchored batch 0x{root}") in found


def test_what_a_record_names_comes_with_the_digest_that_it_gives(world: World, track: TrackEntry) -> None:
    for named in rests_on(world, "track", track.id):
        expected = None if "record of" in named.what else Digest.of(world.store.read_bytes(named.cid))
        assert named.sha256 == expected, named.what


def test_keys_of_all_who_signed_go_along(world: World, track: TrackEntry) -> None:
    """Without them nobody could check a companion key's signature."""
    before = rests_on(world, "track", track.id)
    for signer in (world.holder, world.forger, world.creator):
        record = f"keys of {signer.address}".encode()
        cid = world.store.add_bytes(record)
        world.contracts.publish_keys(signer, Digest.of(record), str(cid))
    found = rests_on(world, "track", track.id)
    assert found[: len(before)] == before
    words = [named.what.partition(",")[0] for named in found[len(before) :]]
    assert words == [f"record of keys of {signer.address}" for signer in (world.creator, world.holder)]
    assert world.store.read_bytes(found[-1].cid) == f"keys of {world.holder.address}".encode()
    everything = [named.what for named in world.everything()]
    assert any(words.startswith(f"record of keys of {world.forger.address}") for words in everything)


def test_a_record_that_is_not_there_is_named_and_read_only_when_its_turn_comes(world: World, track: TrackEntry) -> None:
    path = file_of(world, world.contracts.dataset(2).cid)
    away = path.rename(path.with_suffix(".away"))
    try:
        walk = closure.rests_on(world.contracts, world.store, "track", track.id)
        with pytest.raises(BlockMissing, match="record of dataset 2: block "):
            for named in walk:
                last = named
        assert last.what == "record of dataset 2"
        with pytest.raises(BlockMissing, match="record of dataset 2"):
            list(world.everything())
        walk = closure.rests_on(world.contracts, world.store, "dataset", 2)
        assert next(walk).what == "record of dataset 2"  # known from the chain alone, so it can be fetched
        away.rename(path)
        assert next(walk).what == "recording 1 of dataset 2"
    finally:
        if away.exists():
            away.rename(path)


def test_a_record_that_was_changed_or_signed_by_another_is_refused_by_name(
    world: World, licensed: list[tuple[DatasetEntry, LicenseEntry]], model: ModelEntry
) -> None:
    forged = world.track(model, 9, signer=world.forger)
    with pytest.raises(SignatureInvalid, match=f"record of track {forged.id:016x}"):
        rests_on(world, "track", forged.id)
    path = file_of(world, model.cid)
    whole = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        with pytest.raises(DigestMismatch, match="record of model 1"):
            rests_on(world, "model", 1)
    finally:
        path.write_bytes(whole)


def test_there_is_no_such_token(world: World) -> None:
    with pytest.raises(NotFound, match="no dataset 77"):
        rests_on(world, "dataset", 77)
