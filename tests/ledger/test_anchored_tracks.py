"""Anchored tracks against a real chain: what their proof, record and license have to be, and when they are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from lineages import World, digest

from ledger.anchor import Anchor, Leaf
from ledger.anchored import Anchored, deposit, fetch, prove
from ledger.archive import fetch_track
from ledger.chain import Chain
from ledger.cid import Cid
from ledger.conclusions import Case, conclusions
from ledger.contracts import Contracts, ModelEntry, TrackEntry, deploy
from ledger.digest import Digest
from ledger.envelope import Envelope
from ledger.errors import BlockMissing, DigestMismatch, Malformed, MalformedRecord, NotFound, ProofInvalid
from ledger.evidence import Evidence
from ledger.findings import Finding, Status, Verdict, conclude
from ledger.keys import LocalSigner
from ledger.records import TrackRecord
from ledger.store import BlockStore
from ledger.unixfs import CHUNK
from ledger.verify import Verifier

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("anchored")
    signers = [LocalSigner.generate() for _ in range(3)]
    with Chain.open_embedded(folder / "chain") as chain:
        for signer in signers:
            chain.fund(signer.address, 10**21)
        yield World(Contracts(chain, deploy(chain, signers[0])), BlockStore(folder / "content"), *signers)


@pytest.fixture(scope="module")
def model(world: World) -> ModelEntry:
    dataset = world.dataset("anchored")
    return world.model("anchored", [(dataset, world.license(dataset))])


class Anchoring:
    """The contracts, where a track is anchored in a batch of three instead of minted."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.contracts, name)

    def mint_track(
        self, signer: LocalSigner, claim: Digest, audio: Digest, record: Digest, cid: str, model: int, royalty: int
    ) -> TrackEntry:
        store, contracts = self._world.store, self._world.contracts
        payload = Envelope.from_bytes(store.read_bytes(Cid.parse(cid))).payload
        assert store.add_bytes(payload) == Cid.of_digest(record.raw)
        others = [Leaf(digest(f"claim {n} {claim}"), digest(f"file {n}"), digest(f"record {n}")) for n in range(2)]
        batch = Anchor([others[0], Leaf(claim, audio, record), others[1]])
        store.add_bytes(batch.file())
        contracts.anchor_tracks(signer, batch.root, 3, model, royalty, Digest(batch.content.digest))
        return prove(contracts.anchor(signer.address, batch.root), batch, 1).entry(contracts)


def anchored(
    world: World, model: ModelEntry, seed: int, change: Callable[[TrackRecord], TrackRecord] = lambda record: record
) -> TrackEntry:
    return replace(world, contracts=Anchoring(world)).track(model, seed, change)


def verified(world: World, track: TrackEntry) -> tuple[Verdict, set[Case], list[Finding]]:
    verifier = Verifier(world.contracts, world.store)
    verifier.track(track)
    found = conclusions(verifier.findings, [Evidence("digest", str(track.claim), "its file")])
    return conclude(verifier.findings, known=True), {one.case for one in found}, verifier.findings


def batch_of(track: TrackEntry) -> Anchored:
    assert track.anchored is not None
    return track.anchored


def test_a_track_that_was_anchored_is_verified_down_to_its_datasets(world: World, model: ModelEntry) -> None:
    track = anchored(world, model, 1)
    verdict, cases, findings = verified(world, track)
    assert (verdict, cases) == (Verdict.VERIFIED, {Case.ANCHORED}), findings
    assert {"record", "key", "token", "model license", "license", "merkle root"} <= {f.check for f in findings}
    assert track.id == world.contracts.track_id(world.creator.address, track.claim)
    assert fetch_track(world.store, track).audio == track.audio
    assert Anchored.of(batch_of(track).to_json()) == batch_of(track)


def test_a_proof_of_another_batch_or_place_proves_nothing(world: World, model: ModelEntry) -> None:
    batch = batch_of(anchored(world, model, 2))
    proof, other = batch.proof, batch_of(anchored(world, model, 3))
    for changed in (
        replace(batch, proof=replace(proof, index=0)),
        replace(batch, proof=replace(proof, path=proof.path[::-1])),
        replace(batch, leaf=other.leaf),
        replace(batch, proof=other.proof),
    ):
        with pytest.raises(ProofInvalid):
            changed.entry(world.contracts)
    for unknown in (
        replace(batch, root=digest("another root")),
        replace(batch, creator=world.forger.address),
        replace(batch, proof=replace(proof, size=4)),
    ):
        with pytest.raises(NotFound):
            unknown.entry(world.contracts)


def test_a_batch_of_a_model_that_nobody_had_recorded_is_no_track(world: World, model: ModelEntry) -> None:
    batch = Anchor([Leaf(digest("early claim"), digest("early file"), digest("early record"))])
    world.contracts.anchor_tracks(world.creator, batch.root, 1, model.id + 1, 0, Digest(batch.content.digest))
    early = prove(world.contracts.anchor(world.creator.address, batch.root), batch, 0)
    with pytest.raises(NotFound, match=f"no model {model.id + 1}"):
        early.entry(world.contracts)
    dataset = world.dataset("later")
    later = world.model("later", [(dataset, world.license(dataset))])
    assert later.id == model.id + 1
    with pytest.raises(NotFound, match="after batch"):
        early.entry(world.contracts)


def test_whoever_anchors_without_a_license_is_found_out(world: World, model: ModelEntry) -> None:
    forged = replace(world, creator=world.forger)
    track = anchored(forged, model, 4)
    verdict, cases, findings = verified(world, track)
    assert (verdict, Case.LICENSE_MISSING in cases) == (Verdict.INVALID, True)
    (said,) = (f.detail for f in findings if f.check == "model license")
    assert said == f"its creator had no license for model {model.id} when it was anchored"


def test_a_record_that_says_something_else_than_its_leaf_is_forged(world: World, model: ModelEntry) -> None:
    for seed, change in (
        (5, lambda record: replace(record, royalty_ppm=1)),
        (6, lambda record: replace(record, model_record=digest("other"))),
    ):
        verdict, cases, _ = verified(world, anchored(world, model, seed, change))
        assert (verdict, Case.FORGED_RECORD in cases) == (Verdict.INVALID, True)


def test_a_record_that_is_lost_altered_or_none(world: World, model: ModelEntry) -> None:
    track = anchored(world, model, 7)
    block = world.store.path(track.record.raw)
    whole = block.read_bytes()
    block.chmod(0o600)
    block.write_bytes(whole.replace(b"a", b"b", 1))
    with pytest.raises(DigestMismatch):
        fetch(world.store, track.record)
    verdict, cases, _ = verified(world, track)
    assert (verdict, Case.REPLACED_BLOCK in cases) == (Verdict.INVALID, True)
    block.unlink()
    with pytest.raises(BlockMissing):
        fetch(world.store, track.record)
    verdict, cases, _ = verified(world, track)
    assert (verdict, Case.CONTENT_UNREACHABLE in cases) == (Verdict.UNVERIFIABLE, True)
    other = Digest(world.store.add_bytes(b"{}").digest)
    with pytest.raises(MalformedRecord):
        fetch(world.store, other)


def test_its_creators_key_counts_and_there_is_no_signature_to_check(world: World, model: ModelEntry) -> None:
    track = anchored(world, model, 8)
    checks = {f.check: f.status for f in verified(world, track)[2] if f.subject == f"track {track.claim}"}
    assert checks["key"] is Status.OK and "co-signature" not in checks


SPOILT: dict[str, list[Any]] = {
    "creator": [None, 5, "0xab", "0x" + "00" * 20 + "0"],
    "root": [None, 5, "ab", "0x" + "ab" * 32],
    "leaf": [None, 5, "00", "zz" * 96, "00" * 96],
    "index": [None, "0", 0.5, True],
    "size": [None, "3", True],
    "path": [None, 5, [5], ["ab"], ["ab" * 32] * 21, {"ab" * 32: 1}],
    "more": [1],
}


def test_an_anchored_track_has_one_spelling_and_what_is_none_is_malformed(world: World, model: ModelEntry) -> None:
    whole = batch_of(anchored(world, model, 11)).to_json()
    for name, values in SPOILT.items():
        for value in values:
            with pytest.raises(Malformed):
                Anchored.of({**whole, name: value})
        with pytest.raises(Malformed):
            Anchored.of({key: value for key, value in whole.items() if key != name} if name in whole else [whole])


def test_what_was_minted_since_is_that(world: World, model: ModelEntry) -> None:
    track = anchored(world, model, 9)
    batch = batch_of(track)
    cid = world.store.add_bytes(b"envelope")
    minted = world.contracts.mint_anchored(world.creator, batch.root, batch.leaf, batch.proof, str(cid))
    assert batch.entry(world.contracts) == minted and minted.anchored is None


def test_a_record_as_long_as_a_chunk_is_refused(world: World, model: ModelEntry) -> None:
    record = fetch_track(world.store, anchored(world, model, 10))
    claim = replace(record.claim, sampler={f"setting{n}": "0" * 1000 for n in range(CHUNK // 1000)})
    with pytest.raises(MalformedRecord, match="bytes long"):
        deposit(world.store, replace(record, claim=claim, watermark=claim.watermark.hex()))
