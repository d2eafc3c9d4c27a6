"""The audit's ledger half against real contracts, real signatures and a real store: what holds, and what each forgery
breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lineages import TERMS, World, digest

from ledger.chain import Chain
from ledger.cid import Cid
from ledger.contracts import Contracts, DatasetEntry, LicenseEntry, ModelEntry, deploy
from ledger.errors import MalformedRecord
from ledger.findings import Finding, Status, Verdict, conclude
from ledger.keys import LocalSigner
from ledger.records import TrackRecord, TrainingRunRecord
from ledger.store import BlockStore
from ledger.verify import Verifier


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


def wrong(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.status is Status.INVALID]


def block_of(world: World, cid: str) -> Path:
    name = Cid.parse(cid).digest.hex()
    return world.store.folder / name[:2] / name[2:4] / name


def test_an_honest_track_is_verified_down_to_every_dataset(world: World, model: ModelEntry) -> None:
    track = world.track(model, 1)
    verifier = Verifier(world.contracts, world.store)
    node = verifier.track(track)
    assert conclude(verifier.findings, known=True) is Verdict.VERIFIED
    assert [dataset.record.title for dataset in node.model.datasets if dataset.record] == ["bach", "satie"]
    assert [dataset.share_ppm for dataset in node.model.datasets] == [600_000, 400_000]
    assert all(dataset.license is not None for dataset in node.model.datasets)
    checks = {finding.check for finding in verifier.findings}
    assert {"record", "token", "model license", "training run", "license", "license terms", "merkle root"} <= checks


@pytest.mark.parametrize("victim", ["track", "model", "dataset", "license"])
@pytest.mark.parametrize("place", ["first", "payload", "signature", "last"])
def test_one_altered_bit_in_any_record_is_invalid(
    world: World, model: ModelEntry, licensed: list[tuple[DatasetEntry, LicenseEntry]], victim: str, place: str
) -> None:
    track = world.track(model, hash_seed(victim, place))
    cid = {"track": track.cid, "model": model.cid, "dataset": licensed[0][0].cid, "license": licensed[0][1].cid}[victim]
    path = block_of(world, cid)
    whole = path.read_bytes()
    position = {
        "first": 0,
        "payload": whole.index(b'"payload"') + 20,
        "signature": whole.index(b'"sig"') + 10,
        "last": len(whole) - 1,
    }[place]
    path.chmod(0o600)
    try:
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        verdict, findings = world.verify(track)
    finally:
        path.write_bytes(whole)
    assert verdict is Verdict.INVALID
    assert len(wrong(findings)) == 1
    assert wrong(findings)[0].subject.startswith(victim)
    assert cid in wrong(findings)[0].detail
    assert world.verify(track)[0] is Verdict.VERIFIED


def hash_seed(*words: str) -> int:
    return int.from_bytes(digest(" ".join(words)).raw[:4])


@pytest.mark.parametrize("victim", ["track", "model", "dataset", "license"])
def test_a_missing_record_is_unverifiable_not_invalid(
    world: World, model: ModelEntry, licensed: list[tuple[DatasetEntry, LicenseEntry]], victim: str
) -> None:
    track = world.track(model, hash_seed("missing", victim))
    cid = {"track": track.cid, "model": model.cid, "dataset": licensed[0][0].cid, "license": licensed[0][1].cid}[victim]
    path = block_of(world, cid)
    whole = path.read_bytes()
    path.unlink()
    try:
        verdict, findings = world.verify(track)
    finally:
        path.write_bytes(whole)
    assert verdict is Verdict.UNVERIFIABLE
    assert wrong(findings) == []


def test_a_record_signed_by_somebody_else_is_invalid(world: World, model: ModelEntry) -> None:
    verdict, findings = world.verify(world.track(model, 20, signer=world.forger))
    assert verdict is Verdict.INVALID
    assert "record" in wrong(findings)[0].check


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("audio", lambda r: replace(r, audio=digest("codes"), content=r.fingerprint)),
        ("model_record", lambda r: replace(r, model_record=digest("another run"))),
        ("claim", lambda r: _reclaim(r, seed=r.claim.seed + 1)),
        ("weights", lambda r: _reclaim(r, weights=digest("other weights"))),
        ("chain", lambda r: _reclaim(r, chain_id=1)),
    ],
)
def test_a_track_record_that_says_something_else_than_the_chain_is_invalid(
    world: World, model: ModelEntry, name: str, change: Callable[[TrackRecord], TrackRecord]
) -> None:
    verdict, findings = world.verify(world.track(model, hash_seed("says", name), change))
    assert verdict is Verdict.INVALID
    assert [finding.check for finding in wrong(findings)] == ["token"]


def _reclaim(record: TrackRecord, **changes: Any) -> TrackRecord:
    claim = replace(record.claim, **changes)
    return replace(record, claim=claim, watermark=claim.watermark.hex())


def test_a_training_run_that_hides_a_dataset_is_invalid(
    world: World, licensed: list[tuple[DatasetEntry, LicenseEntry]]
) -> None:
    def hide(record: TrainingRunRecord) -> TrainingRunRecord:
        return replace(record, datasets=(replace(record.datasets[0], share_ppm=1_000_000),))

    verdict, findings = world.verify(world.track(world.model("hiding", licensed, hide), 40))
    assert verdict is Verdict.INVALID
    assert [finding.check for finding in wrong(findings)] == ["training run"]


def test_a_training_run_that_names_another_dataset_record_is_invalid(
    world: World, licensed: list[tuple[DatasetEntry, LicenseEntry]]
) -> None:
    def rename(record: TrainingRunRecord) -> TrainingRunRecord:
        first, second = record.datasets
        return replace(record, datasets=(replace(first, root=digest("another root")), second))

    verdict, findings = world.verify(world.track(world.model("renaming", licensed, rename), 41))
    assert verdict is Verdict.INVALID
    assert [finding.check for finding in wrong(findings)] == ["dataset reference"]


def test_a_license_record_for_another_price_is_invalid(world: World) -> None:
    dataset = world.dataset("underpriced")
    held = world.license(dataset, lambda record: replace(record, price=1))
    verdict, findings = world.verify(world.track(world.model("cheap", [(dataset, held)]), 42))
    assert verdict is Verdict.INVALID
    assert [finding.check for finding in wrong(findings)] == ["license terms"]


def test_a_dataset_record_with_other_terms_is_invalid(world: World) -> None:
    dataset = world.dataset("two-faced", lambda record: replace(record, terms=replace(TERMS, price=1)))
    model = world.model("two-faced", [(dataset, world.license(dataset))])
    verdict, findings = world.verify(world.track(model, 43))
    assert verdict is Verdict.INVALID
    assert [finding.check for finding in wrong(findings)] == ["terms"]


def test_a_record_of_another_kind_is_invalid(world: World, model: ModelEntry) -> None:
    claim = digest("a claim of nothing")
    entry = world.contracts.mint_track(
        world.creator, claim, digest("a file of nothing"), model.record, model.cid, model.id
    )
    verdict, findings = world.verify(entry)
    assert verdict is Verdict.INVALID
    assert "TrainingRunRecord" in wrong(findings)[0].detail


def test_consent_withdrawn_after_training_is_said_and_undoes_nothing(world: World) -> None:
    dataset = world.dataset("regretted")
    track = world.track(world.model("before the regret", [(dataset, world.license(dataset))]), 44)
    world.contracts.withdraw_consent(world.holder, dataset.id)
    verdict, findings = world.verify(track)
    assert verdict is Verdict.VERIFIED
    assert any(finding.check == "consent" and finding.status is Status.NOTE for finding in findings)


def test_a_training_run_that_names_a_license_that_was_never_issued_is_invalid(world: World) -> None:
    dataset = world.dataset("licensed")
    elsewhere = replace(world.license(dataset), id=2)
    verdict, findings = world.verify(world.track(world.model("misnaming", [(dataset, elsewhere)]), 45))
    assert verdict is Verdict.INVALID
    assert [finding.check for finding in wrong(findings)] == ["license"]
    assert f"license {elsewhere.id}" in wrong(findings)[0].detail


def test_a_license_granted_under_a_made_up_record_does_not_spoil_the_one_that_was_bought(world: World) -> None:
    dataset = world.dataset("spoiled")
    nowhere = str(Cid.of_digest(digest("nowhere").raw))
    world.contracts.grant_license(
        world.holder, "dataset", dataset.id, world.creator.address, ("train",), None, digest("made up"), nowhere
    )
    model = world.model("unspoiled", [(dataset, world.license(dataset))])
    assert world.verify(world.track(model, 46))[0] is Verdict.VERIFIED


def test_a_license_record_that_ends_at_another_time_than_on_chain_is_invalid(world: World) -> None:
    dataset = world.dataset("ending")
    held = world.license(dataset, lambda record: replace(record, valid_until="2036-01-01T00:00:00Z"))
    verdict, findings = world.verify(world.track(world.model("endless", [(dataset, held)]), 47))
    assert verdict is Verdict.INVALID
    assert [finding.check for finding in wrong(findings)] == ["license terms"]
    assert "end 2082758400 is not None" in wrong(findings)[0].detail


def test_a_record_too_long_to_be_read_is_not_published(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.archive.MAX_BYTES", 1000)
    before = world.contracts.chain.block_number
    with pytest.raises(MalformedRecord, match="no more than 1000"):
        world.dataset("long")
    assert world.contracts.chain.block_number == before
