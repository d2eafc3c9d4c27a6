"""Licenses that an owner granted: verified by the owner's signature, and by nobody else's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lineages import TIME, World

from ledger.archive import publish
from ledger.chain import Chain
from ledger.contracts import Contracts, DatasetEntry, LicenseEntry, deploy
from ledger.findings import Finding, Status, Verdict
from ledger.keys import LocalSigner
from ledger.records import LicenseRecord
from ledger.store import BlockStore


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("grants")
    signers = [LocalSigner.generate() for _ in range(3)]
    with Chain.open_embedded(folder / "chain") as chain:
        for signer in signers:
            chain.fund(signer.address, 10**21)
        contracts = Contracts(chain, deploy(chain, signers[0]))
        yield World(contracts, BlockStore(folder / "content"), *signers)


def grant(
    world: World,
    dataset: DatasetEntry,
    *,
    signed_by: LocalSigner,
    by: LocalSigner | None = None,
    royalty_ppm: int = 50_000,
) -> LicenseEntry:
    """A license for nothing; ``by`` owns the dataset, and ``signed_by`` signs the record."""
    record = LicenseRecord(
        subject_kind="dataset",
        subject_id=dataset.id,
        subject_record=dataset.record,
        licensee=world.creator.address,
        uses=("train",),
        valid_from=TIME,
        valid_until=None,
        price=0,
        currency=None,
        royalty_ppm=royalty_ppm,
    )
    cid = str(publish(world.store, record, signed_by))
    return world.contracts.grant_license(
        by or world.holder, "dataset", dataset.id, world.creator.address, ("train",), None, record.digest, cid
    )


def audited(world: World, dataset: DatasetEntry, held: LicenseEntry, seed: int) -> tuple[Verdict, list[Finding]]:
    verdict, findings = world.verify(world.track(world.model(f"weights {seed}", [(dataset, held)]), seed))
    return verdict, [finding for finding in findings if finding.status is Status.INVALID]


def test_a_grant_that_its_owner_signed_is_verified(world: World) -> None:
    dataset = world.dataset("granted")
    assert audited(world, dataset, grant(world, dataset, signed_by=world.holder), 1) == (Verdict.VERIFIED, [])


def test_a_grant_that_the_licensee_signed_is_verified_as_a_purchase_for_nothing_would_be(world: World) -> None:
    dataset = world.dataset("accepted")
    assert audited(world, dataset, grant(world, dataset, signed_by=world.creator), 2) == (Verdict.VERIFIED, [])


def test_a_grant_that_a_stranger_signed_is_invalid(world: World) -> None:
    dataset = world.dataset("forged")
    verdict, wrong = audited(world, dataset, grant(world, dataset, signed_by=world.forger), 3)
    assert verdict is Verdict.INVALID
    assert [finding.check for finding in wrong] == ["record"]


def test_it_is_the_owner_at_that_time_who_signs(world: World) -> None:
    """The dataset was sold before: whoever registered it can grant nothing any more."""
    sold, late = world.dataset("sold"), world.dataset("sold and signed by the old owner")
    for dataset in (sold, late):
        world.contracts._on.send(
            world.holder, "Datasets", "transferFrom", world.holder.address, world.forger.address, dataset.id
        )
    by_new = grant(world, sold, signed_by=world.forger, by=world.forger)
    world.contracts._on.send(
        world.forger, "Datasets", "transferFrom", world.forger.address, world.holder.address, sold.id
    )
    assert audited(world, sold, by_new, 4) == (Verdict.VERIFIED, [])
    verdict, wrong = audited(world, late, grant(world, late, signed_by=world.holder, by=world.forger), 5)
    assert verdict is Verdict.INVALID
    assert [finding.check for finding in wrong] == ["record"]


def test_a_grant_whose_record_says_another_royalty_is_invalid(world: World) -> None:
    dataset = world.dataset("misquoted")
    verdict, wrong = audited(world, dataset, grant(world, dataset, signed_by=world.holder, royalty_ppm=1), 6)
    assert verdict is Verdict.INVALID
    assert [finding.check for finding in wrong] == ["license terms"]


def test_an_owner_cannot_sign_for_a_buyer(world: World) -> None:
    dataset = world.dataset("bought")
    record = LicenseRecord(
        subject_kind="dataset",
        subject_id=dataset.id,
        subject_record=dataset.record,
        licensee=world.creator.address,
        uses=("train",),
        valid_from=TIME,
        valid_until=None,
        price=dataset.terms.price,
        currency=None,
        royalty_ppm=dataset.terms.royalty_ppm,
    )
    cid = str(publish(world.store, record, world.holder))
    held = world.contracts.buy_license(
        world.creator, "dataset", dataset.id, ("train",), record.digest, cid, dataset.terms
    )
    verdict, wrong = audited(world, dataset, held, 7)
    assert verdict is Verdict.INVALID
    assert [finding.check for finding in wrong] == ["record"]
