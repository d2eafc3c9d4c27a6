"""The rows of the table that are about records, keys and licenses, on a real chain, with real signatures."""

from __future__ import annotations

import functools
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import tsa_server
from lineages import TIME, World, digest
from stand_alone import alone

from ledger.anchor import Anchor, Leaf, leaves_cid
from ledger.archive import publish
from ledger.bundle import Bundle, read, write
from ledger.chain import Chain
from ledger.cid import Cid
from ledger.claims import claims
from ledger.conclusions import Case, conclusions
from ledger.contracts import Contracts, TrackEntry, deploy
from ledger.digest import Digest
from ledger.errors import AnswerInvalid, LedgerError, ProofInvalid
from ledger.evidence import Evidence
from ledger.findings import Finding, Status, Verdict, conclude
from ledger.keys import LocalSigner
from ledger.network import Network
from ledger.proofs import check
from ledger.recorded import RecordingNetwork, RecordingStore
from ledger.records import KeyRecord, LicenseRecord, timestamp
from ledger.store import BlockStore
from ledger.verify import Verifier

pytestmark = pytest.mark.slow


@dataclass
class Clock:
    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("rows")
    signers = [LocalSigner.generate() for _ in range(3)]
    with Chain.open_embedded(folder / "chain", clock=clock) as chain:
        for signer in signers:
            chain.fund(signer.address, 10**21)
        yield World(Contracts(chain, deploy(chain, signers[0])), BlockStore(folder / "content"), *signers)


def recorded(world: World, track: TrackEntry) -> tuple[Bundle, Verifier]:
    """A verification, and the bundle of it."""
    recorders: list[RecordingNetwork] = []

    def wrap(network: Network) -> RecordingNetwork:
        recorders.append(RecordingNetwork(network))
        return recorders[0]

    contracts = Contracts(world.contracts.chain.through(wrap), world.contracts.deployment)
    store = RecordingStore(world.store)
    verifier = Verifier(contracts, store)
    node = verifier.track(contracts.track(track.id))
    recorders[0].prove()
    assert node.record is not None or conclude(verifier.findings, known=True) is Verdict.INVALID
    whole = Bundle(
        audio=track.audio,
        made=TIME,
        searched_speed=False,
        deployment=contracts.deployment,
        final=contracts.chain.confirmations,
        chain=recorders[0].transcript,
        claims=claims(contracts, [node]),
        candidates=(),
        blocks=store.blocks,
        held=store.held,
        view={
            "findings": [],
            "evidence": [{"layer": "digest", "track": str(track.claim), "detail": "on chain"}],
            "tracks": [],
        },
    )
    return whole, verifier


def verified(world: World, track: TrackEntry) -> tuple[Verdict, set[Case], list[Finding]]:
    """Verdict, cases and findings; what is read back from a bundle is the same, and a stranger's reader agrees."""
    whole, verifier = recorded(world, track)
    verdict = conclude(verifier.findings, known=True)
    with tempfile.TemporaryDirectory() as folder:
        bundle, audio = Path(folder, "bundle"), Path(folder, "audio")
        write(bundle, whole)
        audio.write_bytes(world.store.read_bytes(Cid.of_digest(track.audio.raw)))
        assert alone(bundle, audio) == verdict
        again = Verifier(read(bundle).contracts(), read(bundle).store())
        again.track(track)
    # Only where it lay that a block is missing from is told otherwise.
    ours, theirs = ([(one.check, one.status, one.subject) for one in each.findings] for each in (verifier, again))
    assert theirs == ours
    found = conclusions(verifier.findings, [Evidence("digest", str(track.claim), "on chain")])
    return verdict, {one.case for one in found}, verifier.findings


JUNK = (None, True, -1, 2**53 - 1, "", "0x", "0x" + "ff" * 32, "revert 0x", [], {}, ["0x"], {"hash": 5})


def spoiled(answer: Any) -> Iterator[Any]:
    """An answer with each word of it another number, and other things in its place."""
    yield from JUNK
    if isinstance(answer, str):
        for at in range(2, len(answer) - 63, 64):
            yield f"{answer[:at]}{255:064x}{answer[at + 64 :]}"
    elif isinstance(answer, list):
        for place, entry in enumerate(answer):
            yield from ([*answer[:place], other] for other in spoiled(entry))
    elif isinstance(answer, dict):
        yield from ({**answer, name: other} for name in answer for other in spoiled(answer[name]))


def test_whatever_a_bundle_says_of_the_chain_ends_in_findings_or_an_error_of_ours(world: World) -> None:
    dataset = world.dataset("hostile")
    track = world.track(world.model("hostile", [(dataset, world.license(dataset))]), 11)
    whole, _ = recorded(world, track)
    changes = [
        (kind, asked, other)
        for kind, said in whole.chain.answers.items()
        for asked, answer in said.items()
        for other in spoiled(answer)
    ]
    stumbled = 0
    for kind, asked, other in random.Random(1).sample(changes, 150):
        answers = {**whole.chain.answers, kind: {**whole.chain.answers[kind], asked: other}}
        changed = replace(whole, chain=replace(whole.chain, answers=answers))
        try:
            with changed.believed():
                contracts = changed.contracts()
                claims(contracts, [Verifier(contracts, changed.store()).track(contracts.track(track.id))])
                check(changed.chain)
        except LedgerError:
            stumbled += 1
    assert stumbled > 50
    for number, proof in whole.chain.answers["proofs"].items():
        for other in random.Random(number).sample(list(spoiled(proof)), 5):
            answers = {**whole.chain.answers, "proofs": {**whole.chain.answers["proofs"], number: other}}
            with pytest.raises(ProofInvalid), whole.believed():
                check(replace(whole.chain, answers=answers))


def test_what_our_own_readers_stumble_over_is_no_answer(world: World) -> None:
    dataset = world.dataset("stumbling")
    whole, _ = recorded(world, world.track(world.model("stumbling", [(dataset, world.license(dataset))]), 12))
    with pytest.raises(AnswerInvalid, match="are none: IndexError"), whole.believed():
        raise IndexError


def test_a_license_until_the_end_of_time_is_one_without_end(world: World) -> None:
    dataset = world.dataset("endless")
    who = world.creator.address
    terms = (0, None, dataset.terms.royalty_ppm)
    record = LicenseRecord("dataset", dataset.id, dataset.record, who, ("train",), TIME, None, *terms)
    cid = str(publish(world.store, record, world.holder))
    held = world.contracts.grant_license(
        world.holder, "dataset", dataset.id, who, ("train",), 2**40 - 2, record.digest, cid
    )
    whole, _ = recorded(world, world.track(world.model("endless", [(dataset, held)]), 13))
    (claim,) = (one for one in whole.claims if one["kind"] == "license")
    assert claim["says"]["validUntil"] is None


def revoke(world: World, signer: LocalSigner) -> None:
    record = KeyRecord(signer.address, "revoked", None, None, "compromised", None, timestamp(datetime.now(UTC)))
    world.contracts.revoke_key(signer, signer.address, record.digest, str(publish(world.store, record, signer)))


def test_a_forged_record(world: World) -> None:
    dataset = world.dataset("forged")
    model = world.model("forged", [(dataset, world.license(dataset))])
    verdict, cases, _ = verified(world, world.track(model, 1, signer=world.forger))
    assert (verdict, cases) == (Verdict.INVALID, {Case.FORGED_RECORD})


def test_a_key_revoked_after_signing_and_before(world: World) -> None:
    other = replace(world, creator=LocalSigner.generate())
    world.contracts.chain.fund(other.creator.address, 10**21)
    dataset = other.dataset("revoked")
    model = other.model("revoked", [(dataset, other.license(dataset))])
    early = other.track(model, 2)
    revoke(world, other.creator)
    late = other.track(model, 3)
    verdict, cases, _ = verified(other, early)
    assert (verdict, cases) == (Verdict.VERIFIED, {Case.KEY_ENDED_AFTER})
    verdict, cases, _ = verified(other, late)
    assert verdict is Verdict.INVALID
    assert cases == {Case.KEY_ENDED_BEFORE, Case.KEY_ENDED_AFTER}  # the model's record was signed before


def test_withdrawn_consent(world: World) -> None:
    dataset = world.dataset("withdrawn")
    track = world.track(world.model("withdrawn", [(dataset, world.license(dataset))]), 4)
    world.contracts.withdraw_consent(world.holder, dataset.id)
    verdict, cases, _ = verified(world, track)
    assert (verdict, cases) == (Verdict.VERIFIED, {Case.CONSENT_WITHDRAWN})


def test_a_license_that_expired_before_training(world: World, clock: Clock) -> None:
    """The chain refuses to record a model without a license, so the record names one that had run out beside it."""
    dataset = world.dataset("expiring")
    soon = int(clock()) + 100
    expiring = world.contracts.grant_license(
        world.holder, "dataset", dataset.id, world.creator.address, ("train",), soon, digest("x"), dataset.cid
    )
    clock.ahead += 1000
    held = world.license(dataset)
    verdict, cases, findings = verified(world, world.track(world.model("expired", [(dataset, expiring)]), 5))
    assert verdict is Verdict.INVALID
    assert Case.LICENSE_MISSING in cases, findings
    verdict, cases, _ = verified(world, world.track(world.model("not expired", [(dataset, held)]), 6))
    assert (verdict, cases) == (Verdict.VERIFIED, set())


def test_a_license_that_has_ended_since(world: World, clock: Clock) -> None:
    dataset = world.dataset("ended since")
    until = int(clock()) + 3000
    begun, ended = (timestamp(datetime.fromtimestamp(when, UTC)) for when in (int(clock()), until))
    who = world.creator.address
    terms = (0, None, dataset.terms.royalty_ppm)
    record = LicenseRecord("dataset", dataset.id, dataset.record, who, ("train",), begun, ended, *terms)
    cid = str(publish(world.store, record, world.holder))
    granted = world.contracts.grant_license(
        world.holder, "dataset", dataset.id, who, ("train",), until, record.digest, cid
    )
    track = world.track(world.model("ended since", [(dataset, granted)]), 7)
    assert verified(world, track)[1] == set()
    clock.ahead += 10_000
    verdict, cases, findings = verified(world, track)
    assert (verdict, cases) == (Verdict.VERIFIED, {Case.LICENSE_ENDED}), findings


class Batching:
    """The contracts, where a track is minted out of a batch that was anchored before."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.contracts, name)

    def mint_track(
        self, signer: LocalSigner, claim: Digest, audio: Digest, record: Digest, cid: str, *work: int
    ) -> Any:
        leaves = [Leaf(digest(f"claim {n}"), digest(f"file {n}"), digest(f"record {n}")) for n in range(6)]
        leaves.insert(3, Leaf(claim, audio, record))
        batch = Anchor(leaves)
        place = Digest(batch.content.digest)
        self._world.store.add_bytes(batch.file())
        self._world.contracts.anchor_tracks(signer, batch.root, len(batch), *work, place)
        return self._world.contracts.mint_anchored(signer, batch.root, batch.leaf(3), batch.proof(3), cid)


def test_an_anchored_track_is_proved_to_be_in_its_batch(world: World) -> None:
    dataset = world.dataset("anchored")
    model = world.model("anchored", [(dataset, world.license(dataset))])
    track = replace(world, contracts=Batching(world)).track(model, 8)
    verdict, cases, findings = verified(world, track)
    assert (verdict, cases) == (Verdict.VERIFIED, set())
    (anchor,) = (finding for finding in findings if finding.check == "anchor")
    assert anchor.status is Status.OK and anchor.detail.startswith("leaf 3 of 7 in batch")
    (entry,) = world.contracts.anchors_of(world.creator.address)
    name = leaves_cid(entry).digest.hex()
    block = world.store.folder / name[:2] / name[2:4] / name
    block.unlink()
    (anchor,) = (finding for finding in verified(world, track)[2] if finding.check == "anchor")
    assert anchor.status is Status.NOTE and "out of reach" in anchor.detail


def test_a_track_under_too_few_blocks_is_not_final(world: World) -> None:
    dataset = world.dataset("shallow")
    track = world.track(world.model("shallow", [(dataset, world.license(dataset))]), 9)
    world.contracts.chain._watch.confirmations = 3
    try:
        verdict, cases, _ = verified(world, track)
        assert (verdict, cases) == (Verdict.UNVERIFIABLE, {Case.NOT_FINAL})
        for _ in range(3):
            world.contracts.chain.fund(world.holder.address, 1)
        verdict, cases, findings = verified(world, track)
        assert (verdict, cases) == (Verdict.VERIFIED, set())
    finally:
        world.contracts.chain._watch.confirmations = 0
    (depth,) = (finding for finding in findings if finding.check == "confirmations")
    assert depth.status is Status.OK and "under 3 blocks" in depth.detail


def test_a_time_stamp_says_when_a_record_was_signed(world: World, clock: Clock, tmp_path: Path) -> None:
    """By an authority that a given root vouches for, or by one that nobody knows; a stamp that comes late is told."""
    dataset = world.dataset("stamped")
    model = world.model("stamped", [(dataset, world.license(dataset))])
    with tsa_server.running(tmp_path, whole_chain=False) as authority, pytest.MonkeyPatch.context() as patch:
        patch.setattr("lineages.publish", functools.partial(publish, authority=authority.url))
        track = world.track(model, 10)
    for trust, status, word in (
        ((authority.root,), Status.OK, "which is trusted"),
        ((), Status.NOTE, "no root that is trusted here"),
    ):
        verifier = Verifier(world.contracts, world.store, trust)
        verifier.track(track)
        (stamp,) = (finding for finding in verifier.findings if finding.check == "time stamp")
        assert (stamp.status, stamp.subject) == (status, f"track {track.claim}")
        assert word in stamp.detail
    verdict, cases, _ = verified(world, track)
    assert (verdict, cases) == (Verdict.VERIFIED, set())
    early = replace(track, time=track.time - 100_000)
    verifier = Verifier(world.contracts, world.store)
    verifier.track(early)
    (stamp,) = (finding for finding in verifier.findings if finding.check == "time stamp")
    assert stamp.status is Status.WARNING and "after the block" in stamp.detail
