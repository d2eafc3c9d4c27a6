"""Verification respects the time of signing: ends, successors, co-signatures, each against a real chain and store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lineages import World

from ledger import signing
from ledger.archive import publish
from ledger.chain import Chain
from ledger.cid import Cid
from ledger.companions import Companions
from ledger.contracts import Contracts, DatasetEntry, KeyEnd, KeyEntry, deploy
from ledger.digest import Digest
from ledger.errors import ArgumentRefused, KeyEnded
from ledger.findings import Finding, Status, Verdict, conclude
from ledger.keys import LocalSigner
from ledger.records import KeyRecord
from ledger.store import BlockStore
from ledger.verify import Verifier

NOW = "2026-11-23T10:00:00Z"
CLOCK = 1_795_000_000
"""Every block's time: 2026-11-18T11:06:40Z."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    maker = LocalSigner.generate()
    with Chain.open_embedded(folder / "chain", clock=lambda: CLOCK) as chain:
        chain.fund(maker.address, 10**21)
        contracts = Contracts(chain, deploy(chain, maker))
        yield World(contracts, BlockStore(folder / "content"), maker, maker, maker)


@pytest.fixture
def person(world: World) -> Callable[..., LocalSigner]:
    def new(companions: bool = True) -> LocalSigner:
        made = LocalSigner.generate()
        if companions:
            made = LocalSigner(made._key.secret, Companions.generate())
        world.contracts.chain.fund(made.address, 10**21)
        return made

    return new


def introduce(world: World, signer: LocalSigner) -> KeyEntry:
    assert signer.companions is not None
    record = KeyRecord(signer.address, "published", signer.companions.public, None, None, None, NOW)
    cid = publish(world.store, record, signer)
    return world.contracts.publish_keys(signer, record.digest, str(cid))


def revoke(world: World, signer: LocalSigner, by: LocalSigner | None = None, since: str | None = None) -> KeyEnd:
    by = by or signer
    record = KeyRecord(signer.address, "revoked", None, None, "compromised" if since else "lost", since, NOW)
    cid = publish(world.store, record, by)
    return world.contracts.revoke_key(by, signer.address, record.digest, str(cid))


def rotate(world: World, old: LocalSigner, new: LocalSigner, countersigned: bool = True) -> KeyEnd:
    keys = None if old.companions is None else old.companions.public
    record = KeyRecord(old.address, "rotated", keys, new.address, "superseded", None, NOW)
    cid = publish(world.store, record, old, *([new] if countersigned else []))
    return world.contracts.rotate_key(old, old.address, new.address, record.digest, str(cid))


def dataset(world: World, holder: LocalSigner) -> DatasetEntry:
    """A dataset that ``holder`` signs and registers."""
    name = Digest.of(holder.address.raw + world.contracts.chain.block_number.to_bytes(8))
    return replace(world, holder=holder).dataset(str(name))


def check(world: World, entry: DatasetEntry) -> tuple[Verdict, dict[str, list[Finding]]]:
    verifier = Verifier(world.contracts, world.store)
    verifier.dataset(entry)
    found: dict[str, list[Finding]] = {}
    for finding in verifier.findings:
        found.setdefault(finding.check, []).append(finding)
    return conclude(verifier.findings, known=True), found


def statuses(findings: list[Finding]) -> list[Status]:
    return [finding.status for finding in findings]


def path_of(world: World, cid: str) -> Path:
    name = Cid.parse(cid).digest.hex()
    return world.store.folder / name[:2] / name[2:4] / name


def test_a_key_that_goes_on_is_a_plain_ok(world: World, person: Callable[..., LocalSigner]) -> None:
    holder = person()
    introduce(world, holder)
    verdict, found = check(world, dataset(world, holder))
    assert verdict is Verdict.VERIFIED
    assert statuses(found["key"]) == statuses(found["co-signature"]) == [Status.OK]
    assert holder.companions is not None
    assert holder.companions.public.keyid in found["co-signature"][0].detail


def test_what_was_registered_before_an_end_stays_verified(world: World, person: Callable[..., LocalSigner]) -> None:
    holder = person()
    introduce(world, holder)
    entry = dataset(world, holder)
    end = revoke(world, holder)
    verdict, found = check(world, entry)
    assert verdict is Verdict.VERIFIED
    assert statuses(found["key"]) == [Status.OK, Status.NOTE, Status.NOTE]
    assert f"revoked in block {end.block}" in found["key"][1].detail
    assert "reason given is: lost" in found["key"][2].detail
    assert statuses(found["co-signature"]) == [Status.OK]


def test_what_was_registered_after_an_end_is_invalid(world: World, person: Callable[..., LocalSigner]) -> None:
    holder = person()
    end = revoke(world, holder)
    entry = dataset(world, holder)
    verdict, found = check(world, entry)
    assert verdict is Verdict.INVALID
    assert statuses(found["key"])[0] is Status.INVALID
    assert f"registered in block {entry.block}, after the key" in found["key"][0].detail
    assert f"revoked in block {end.block}" in found["key"][0].detail


def test_an_end_counts_from_its_own_block_on(world: World, person: Callable[..., LocalSigner]) -> None:
    holder = person()
    entry = dataset(world, holder)
    end = revoke(world, holder)
    verifier = Verifier(world.contracts, world.store)
    for block, status in ((end.block - 1, Status.OK), (end.block, Status.INVALID), (end.block + 1, Status.INVALID)):
        envelope = signing.sign(b"{}", holder)
        first = next(verifier._keys.check("it", holder.address, block, envelope))
        assert (block, first.status) == (block, status)
    assert entry.block < end.block


def test_a_rotation_names_who_goes_on(world: World, person: Callable[..., LocalSigner]) -> None:
    old, new = person(), person()
    introduce(world, old)
    before = dataset(world, old)
    rotate(world, old, new)
    introduce(world, new)
    verdict, found = check(world, before)
    assert verdict is Verdict.VERIFIED
    assert f"{new.address} goes on" in found["key"][1].detail
    assert "superseded" in found["key"][2].detail
    assert check(world, dataset(world, new))[0] is Verdict.VERIFIED
    assert check(world, dataset(world, old))[0] is Verdict.INVALID


def test_a_successor_that_did_not_sign_is_told(world: World, person: Callable[..., LocalSigner]) -> None:
    old, new = person(), person()
    before = dataset(world, old)
    rotate(world, old, new, countersigned=False)
    verdict, found = check(world, before)
    assert verdict is Verdict.VERIFIED
    assert f"no signature by {new.address}" in found["key"][2].detail


def test_a_recovery_that_ended_a_key_is_named(world: World, person: Callable[..., LocalSigner]) -> None:
    lost, recovery = person(), person()
    before = dataset(world, lost)
    world.contracts.name_recovery(lost, lost.address, recovery.address)
    revoke(world, lost, by=recovery)
    verdict, found = check(world, before)
    assert verdict is Verdict.VERIFIED
    assert f"by its recovery {recovery.address}" in found["key"][1].detail
    assert "reason given is: lost" in found["key"][2].detail


@pytest.mark.parametrize(("since", "said"), [("2026-11-01T00:00:00Z", "after"), ("2026-11-20T00:00:00Z", "before")])
def test_a_date_of_compromise_is_only_a_note(
    world: World, person: Callable[..., LocalSigner], since: str, said: str
) -> None:
    holder = person()
    entry = dataset(world, holder)
    revoke(world, holder, since=since)
    verdict, found = check(world, entry)
    assert verdict is Verdict.VERIFIED
    assert statuses(found["key"]) == [Status.OK, Status.NOTE, Status.NOTE]
    assert since in found["key"][2].detail
    assert f"registered {said} that: which decides nothing" in found["key"][2].detail


@pytest.mark.parametrize("damage", ["gone", "altered", "another account's", "another event"])
def test_the_record_of_an_end_cannot_unsay_what_came_before(
    world: World, person: Callable[..., LocalSigner], damage: str
) -> None:
    holder = person()
    entry = dataset(world, holder)
    if damage in ("gone", "altered"):
        path = path_of(world, revoke(world, holder).cid)
        whole = path.read_bytes()
        path.chmod(0o600)
        path.unlink()
        if damage == "altered":
            path.write_bytes(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])
    else:
        said = KeyRecord(holder.address, "revoked", None, None, "lost", None, NOW)
        if damage == "another event":
            said = replace(said, event="rotated", successor=person().address)
        else:
            said = replace(said, account=person().address)
        cid = publish(world.store, said, holder)
        world.contracts.revoke_key(holder, holder.address, said.digest, str(cid))
    verdict, found = check(world, entry)
    assert verdict is Verdict.VERIFIED
    assert statuses(found["key"]) == [Status.OK, Status.NOTE, Status.NOTE]
    assert "does not hold" in found["key"][2].detail
    assert check(world, dataset(world, holder))[0] is Verdict.INVALID


def test_without_companions_a_record_rests_on_ecdsa_alone(world: World, person: Callable[..., LocalSigner]) -> None:
    verdict, found = check(world, dataset(world, person(companions=False)))
    assert verdict is Verdict.VERIFIED
    assert statuses(found["co-signature"]) == [Status.NOTE]
    assert "published no ML-DSA key" in found["co-signature"][0].detail


def test_a_co_signature_by_a_key_that_was_never_published_is_told(
    world: World, person: Callable[..., LocalSigner]
) -> None:
    verdict, found = check(world, dataset(world, person()))
    assert verdict is Verdict.VERIFIED
    assert statuses(found["co-signature"]) == [Status.NOTE]
    assert "never published" in found["co-signature"][0].detail


def test_a_key_published_afterwards_proves_nothing_of_before(world: World, person: Callable[..., LocalSigner]) -> None:
    holder = person()
    entry = dataset(world, holder)
    later = introduce(world, holder)
    verdict, found = check(world, entry)
    assert verdict is Verdict.VERIFIED
    assert statuses(found["co-signature"]) == [Status.NOTE]
    assert f"published in block {later.block}, after this" in found["co-signature"][0].detail


@pytest.mark.parametrize("signs", ["old", "new", "neither"])
def test_companions_published_in_the_very_block_of_a_record_may_have_come_before_it_or_after(
    world: World, person: Callable[..., LocalSigner], signs: str
) -> None:
    """A block has an order, but an entry does not tell it: the key of either side of it may have co-signed."""
    old = person()
    introduce(world, old)
    new = LocalSigner(old._key.secret, Companions.generate())
    published = introduce(world, new)
    signer = {"old": old, "new": new, "neither": LocalSigner(old._key.secret, Companions.generate())}[signs]
    verifier = Verifier(world.contracts, world.store)
    *_, found = verifier._keys.check("it", old.address, published.block, signing.sign(b"{}", signer))
    assert (found.check, found.status) == ("co-signature", Status.WARNING if signs == "neither" else Status.OK)
    *_, found = verifier._keys.check("it", old.address, published.block + 1, signing.sign(b"{}", signer))
    assert found.status is (Status.OK if signs == "new" else Status.WARNING)


def test_new_companions_take_the_place_of_the_old(world: World, person: Callable[..., LocalSigner]) -> None:
    old = person()
    introduce(world, old)
    before = dataset(world, old)
    new = LocalSigner(old._key.secret, Companions.generate())
    introduce(world, new)
    for entry in (before, dataset(world, new)):
        verdict, found = check(world, entry)
        assert (verdict, statuses(found["co-signature"])) == (Verdict.VERIFIED, [Status.OK])
    verdict, found = check(world, dataset(world, old))
    assert (verdict, statuses(found["co-signature"])) == (Verdict.VERIFIED, [Status.WARNING])
    assert "replaced since" in found["co-signature"][0].detail


def test_a_co_signature_that_is_left_out_is_a_warning(world: World, person: Callable[..., LocalSigner]) -> None:
    holder = person()
    entry = introduce(world, holder)
    bare = LocalSigner(holder._key.secret)
    verdict, found = check(world, dataset(world, bare))
    assert (verdict, statuses(found["co-signature"])) == (Verdict.VERIFIED, [Status.WARNING])
    assert f"published an ML-DSA key in block {entry.block}" in found["co-signature"][0].detail


def test_a_wrong_co_signature_is_a_warning(
    world: World, person: Callable[..., LocalSigner], monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = person()
    introduce(world, holder)
    cosign = Companions.cosign
    with monkeypatch.context() as patch:
        # The very key, over other bytes.
        patch.setattr(Companions, "cosign", lambda self, message: cosign(self, message + b"\0"))
        entry = dataset(world, holder)
    verdict, found = check(world, entry)
    assert (verdict, statuses(found["co-signature"])) == (Verdict.VERIFIED, [Status.WARNING])
    assert "wrong" in found["co-signature"][0].detail


def test_a_missing_key_record_is_unverifiable_and_an_altered_one_invalid(
    world: World, person: Callable[..., LocalSigner]
) -> None:
    holder = person()
    published = introduce(world, holder)
    entry = dataset(world, holder)
    path = path_of(world, published.cid)
    whole = path.read_bytes()
    path.unlink()
    verdict, found = check(world, entry)
    assert (verdict, statuses(found["co-signature"])) == (Verdict.UNVERIFIABLE, [Status.UNVERIFIABLE])
    for place in (0, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        path.chmod(0o600)
        verdict, found = check(world, entry)
        assert (verdict, statuses(found["co-signature"])) == (Verdict.INVALID, [Status.INVALID])
    path.write_bytes(whole)
    assert check(world, entry)[0] is Verdict.VERIFIED


@pytest.mark.parametrize("fault", ["account", "event", "signer"])
def test_nobody_publishes_for_somebody_else(world: World, person: Callable[..., LocalSigner], fault: str) -> None:
    holder, other = person(), person()
    assert holder.companions is not None
    record = KeyRecord(holder.address, "published", holder.companions.public, None, None, None, NOW)
    if fault == "account":
        record = replace(record, account=other.address)
    if fault == "event":
        record = replace(record, event="revoked", reason="lost")
    cid = publish(world.store, record, other if fault == "signer" else holder)
    world.contracts.publish_keys(holder, record.digest, str(cid))
    verdict, found = check(world, dataset(world, holder))
    assert (verdict, statuses(found["co-signature"])) == (Verdict.INVALID, [Status.INVALID])


def test_an_ended_key_publishes_and_ends_no_more(world: World, person: Callable[..., LocalSigner]) -> None:
    holder = person()
    revoke(world, holder)
    with pytest.raises(KeyEnded):
        introduce(world, holder)
    with pytest.raises(ArgumentRefused):
        rotate(world, person(), holder)
