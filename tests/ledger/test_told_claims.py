"""The stand-alone reader of proofs, against a real chain: what a log entry has to say for a claim to rest on it."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import lineages
import pytest
from lineages import ROYALTY_PPM, World, digest

from ledger import parcel
from ledger.anchor import Anchor, Leaf
from ledger.anchored import prove
from ledger.chain import Chain
from ledger.claims import claims
from ledger.contracts import Contracts, TrackEntry, deploy
from ledger.deployment import NOUNS
from ledger.digest import Digest
from ledger.keys import LocalSigner
from ledger.recorded import RecordingNetwork
from ledger.store import BlockStore
from ledger.verify import Verifier

ALONE = Path(__file__).parents[2] / "scripts" / "verify_proofs.py"
VICTIM, FORGER = "0x" + "ab" * 20, "0x" + "cd" * 20
TRACKS = "0x" + "11" * 20


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    return runpy.run_path(str(ALONE))


def _word(value: str) -> str:
    return "0x" + value.removeprefix("0x").rjust(64, "0")


def test_who_anchored_a_track_stands_in_one_place_of_its_event(alone: dict[str, Any]) -> None:
    """A stranger may have anything in the places that he fills."""
    leaf = Leaf(digest("claim"), digest("audio"), digest("record"))
    root = str(Anchor([leaf]).root)
    claim: dict[str, Any] = {
        **{"kind": "track", "id": "0" * 16, "claim": str(leaf.claim), "record": str(leaf.record)},
        **{"signers": [VICTIM], "block": 5, "tx": "0xaa"},
        "says": {"subject.audio": str(leaf.audio), "claim.model": 1, "royaltyPpm": 0},
        "anchored": {"creator": VICTIM, "index": 0, "size": 1, "path": [], "root": root},
    }
    kind = "0x" + alone["keccak"](b"Anchored(bytes32,address,uint256,uint256,uint24,bytes32)").hex()
    data = _word("1") + _word("0")[2:] + _word(VICTIM)[2:]
    true: dict[str, Any] = {
        "address": TRACKS,
        "block": 5,
        "tx": "0xaa",
        "topics": [kind, _word(root), _word(VICTIM), _word("1")],
    }
    true["data"] = data
    place = {"tracks": TRACKS, "datasets": TRACKS}
    alone["told"](claim, place, [true])
    for topics, told in (
        ([kind, _word(root), _word(FORGER), _word("1")], data),
        ([_word("ee"), *true["topics"][1:]], data),
        ([kind, _word("00"), _word(VICTIM), _word("1")], _word("1") + root + data[2:]),
        (true["topics"], _word("2") + data[66:]),
    ):
        with pytest.raises(ValueError, match="no log entry tells"):
            alone["told"](claim, place, [{**true, "topics": topics, "data": told}])
    with pytest.raises(ValueError, match="anchored by somebody else"):
        alone["told"]({**claim, "anchored": {**claim["anchored"], "creator": FORGER}}, place, [true])


def test_entries_without_a_proof_are_no_entries_on_chain(alone: dict[str, Any], tmp_path: Path) -> None:
    entry = {"address": TRACKS, "block": 5, "tx": "0xaa", "topics": [], "data": "0x"}
    said: dict[str, Any] = {"chain": {"logs": {"all": [entry]}, "proofs": {}, "blocks": {}}, "claims": []}
    said["deployment"] = {"datasets": TRACKS}
    (path := tmp_path / "unproved").write_bytes(parcel.pack({"bundle.json": json.dumps(said).encode()}))
    assert [kind for kind, _ in alone["checks"](said)] == ["note"]
    assert alone["main"](str(path)) == alone["main"](str(path), "http://127.0.0.1:1") == 5


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("told")
    signers = [LocalSigner.generate() for _ in range(3)]
    with Chain.open_embedded(folder / "chain") as chain:
        for signer in signers:
            chain.fund(signer.address, 10**21)
        yield World(Contracts(chain, deploy(chain, signers[0])), BlockStore(folder / "content"), *signers)


def _said(world: World, track: TrackEntry) -> dict[str, Any]:
    """As in a bundle."""
    recording: list[RecordingNetwork] = []

    def wrap(network: Any) -> RecordingNetwork:
        recording.append(RecordingNetwork(network))
        return recording[0]

    place = world.contracts.deployment
    contracts = Contracts(world.contracts._on._chain.through(wrap), place)
    asked = contracts.track(track.id) if track.anchored is None else track.anchored.entry(contracts)
    claimed = claims(contracts, [Verifier(contracts, world.store).track(asked)])
    recording[0].prove()
    deployment: dict[str, Any] = {"block": place.block, "chain_id": place.chain_id}
    deployment |= {noun: str(getattr(place, noun)) for noun in NOUNS}
    return {"chain": recording[0].transcript.to_json(), "claims": claimed, "deployment": deployment}


@pytest.mark.slow
def test_a_free_license_names_both_who_gave_it_and_who_got_it(
    world: World, alone: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineages, "TERMS", replace(lineages.TERMS, price=0))
    dataset = world.dataset("free")
    said = _said(world, world.track(world.model("free", [(dataset, world.license(dataset))]), 2))
    assert said["claims"][3]["signers"] == [str(world.holder.address), str(world.creator.address)]
    assert {kind for kind, _ in alone["checks"](said)} == {"ok"}
    said["claims"][3]["signers"][0] = str(world.forger.address)
    ((kind, detail),) = alone["checks"](said)
    assert kind == "invalid" and "no log entry tells of license" in detail


def _anchored(world: World, model: int, by: LocalSigner, content: Digest | None) -> TrackEntry:
    batch = Anchor([Leaf(*(digest(f"{by.address} {name}") for name in ("claim", "audio", "record")))])
    world.store.add_bytes(batch.file())
    content = content or Digest(batch.content.digest)
    world.contracts.anchor_tracks(by, batch.root, 1, model, ROYALTY_PPM, content)
    return prove(world.contracts.anchor(by.address, batch.root), batch, 0).entry(world.contracts)


@pytest.mark.slow
def test_every_kind_of_claim_is_told_by_its_event_and_by_nothing_like_it(world: World, alone: dict[str, Any]) -> None:
    dataset = world.dataset("told")
    model = world.model("told", [(dataset, world.license(dataset))])
    minted = _said(world, world.track(model, 1))
    assert [claim["kind"] for claim in minted["claims"]] == ["track", "model", "dataset", "license"]
    found = list(alone["checks"](minted))
    assert {kind for kind, _ in found} == {"ok"}, found
    for at in range(4):
        for field, other in (("record", "00" * 32), ("signers", [str(world.forger.address)])):
            forged = deepcopy(minted)
            forged["claims"][at][field] = other
            ((kind, detail),) = alone["checks"](forged)
            assert kind == "invalid" and "no log entry tells" in detail
        more = deepcopy(minted)
        more["claims"][at]["signers"].insert(0, str(world.forger.address))
        ((kind, detail),) = alone["checks"](more)
        assert kind == "invalid" and "other signers" in detail
    # A stranger's batch names its victim where he may put what he likes, and is proved to be on chain.
    victim = world.creator.address
    stolen = _said(world, _anchored(world, model.id, world.forger, Digest(bytes(12) + victim.raw)))
    assert {kind for kind, _ in alone["checks"](stolen)} == {"ok"}
    stolen["claims"][0]["anchored"]["creator"] = str(victim)
    stolen["claims"][0]["signers"] = [str(victim)]
    ((kind, detail),) = alone["checks"](stolen)
    assert kind == "invalid" and "no log entry tells of track" in detail
