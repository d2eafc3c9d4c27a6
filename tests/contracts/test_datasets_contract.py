"""Rules of Datasets.sol, one by one, as the in-process EVM keeps them."""

import pytest
from world import CID, fresh

from ledger.digest import Digest
from ledger.errors import AlreadyRegistered, ArgumentRefused, ConsentWithdrawn, NotFound, NotOwner


def test_a_registration_is_kept_with_its_terms(world):
    root, record = fresh(), fresh()
    entry = world.contracts.register_dataset(world.holder, root, record, CID, 7, 123_456, ["commercial", "train"])
    assert (entry.root, entry.record, entry.cid) == (root, record, CID)
    assert (entry.price_wei, entry.royalty_ppm, entry.uses) == (7, 123_456, ("train", "commercial"))
    assert entry.holder == entry.owner == world.holder.address
    assert entry.consent
    assert entry.time == int(world.clock.now)
    assert world.contracts.dataset(entry.id) == entry == world.contracts.dataset_by_root(root)


def test_ids_are_counted_from_one_without_gaps(world):
    first, second = world.dataset(), world.dataset()
    assert second.id == first.id + 1
    assert world.contracts.dataset(1).id == 1


def test_a_root_is_registered_once_whoever_comes(world):
    taken = world.dataset()
    for signer in (world.holder, world.trainer):
        with pytest.raises(AlreadyRegistered, match=str(taken.root)) as refusal:
            world.contracts.register_dataset(signer, taken.root, fresh(), CID, 0, 0, ["train"])
        assert refusal.value.id == taken.id


@pytest.mark.parametrize("zero", ["root", "record"])
def test_a_zero_digest_is_refused(world, zero):
    digests = {"root": fresh(), "record": fresh()} | {zero: Digest(bytes(32))}
    with pytest.raises(ArgumentRefused, match="zero bytes"):
        world.contracts.register_dataset(world.holder, digests["root"], digests["record"], CID, 0, 0, ["train"])


def test_a_royalty_is_at_most_the_whole(world):
    assert world.contracts.register_dataset(world.holder, fresh(), fresh(), CID, 0, 1_000_000, ["train"])
    with pytest.raises(ArgumentRefused, match="1000001 ppm"):
        world.contracts.register_dataset(world.holder, fresh(), fresh(), CID, 0, 1_000_001, ["train"])


@pytest.mark.parametrize(("price", "royalty", "field"), [(-1, 0, "price"), (2**128, 0, "price"), (0, 2**32, "royalty")])
def test_numbers_that_do_not_fit_are_named(world, price, royalty, field):
    with pytest.raises(ArgumentRefused, match=field):
        world.contracts.register_dataset(world.holder, fresh(), fresh(), CID, price, royalty, ["train"])


def test_some_use_that_exists_is_offered(world):
    with pytest.raises(ArgumentRefused):
        world.contracts.register_dataset(world.holder, fresh(), fresh(), CID, 0, 0, [])
    with pytest.raises(ArgumentRefused, match="'sing'"):
        world.contracts.register_dataset(world.holder, fresh(), fresh(), CID, 0, 0, ["sing"])


def test_the_contract_itself_refuses_a_use_that_does_not_exist(world):
    with pytest.raises(ArgumentRefused, match="uses 8"):
        world.contracts._on.send(world.holder, "Datasets", "register", fresh(), fresh(), CID, 0, 0, 8)


def test_only_the_owner_withdraws_consent_and_only_once(world):
    entry = world.dataset()
    with pytest.raises(NotOwner, match=str(world.trainer.address)):
        world.contracts.withdraw_consent(world.trainer, entry.id)
    world.contracts.withdraw_consent(world.holder, entry.id)
    assert not world.contracts.dataset(entry.id).consent
    with pytest.raises(ConsentWithdrawn, match=f"dataset {entry.id}"):
        world.contracts.withdraw_consent(world.holder, entry.id)


def test_a_sold_right_is_its_new_owners(world):
    entry = world.dataset()
    buyer = world.person()
    interface, address = world.at("Datasets")
    parties = (world.holder.address, buyer.address)
    world.chain.send(world.holder, interface, address, "transferFrom", *parties, entry.id)
    sold = world.contracts.dataset(entry.id)
    assert (sold.holder, sold.owner) == parties
    with pytest.raises(NotOwner):
        world.contracts.withdraw_consent(world.holder, entry.id)
    world.contracts.withdraw_consent(buyer, entry.id)


@pytest.mark.parametrize("id", [0, 10**6, 2**256 - 1])
def test_what_is_not_there_is_not_found(world, id):
    with pytest.raises(NotFound, match=f"no dataset {id}"):
        world.contracts.dataset(id)
    with pytest.raises(NotFound):
        world.contracts.withdraw_consent(world.holder, id)


def test_an_unknown_root_has_no_dataset(world):
    assert world.contracts.dataset_by_root(fresh()) is None
