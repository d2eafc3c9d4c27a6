"""Licenses without payment (Licenses.sol): who grants them, and how they stand beside those that were bought."""

import pytest
from world import terms

from ledger.errors import ArgumentRefused, NotOwner


def test_only_the_owner_grants(world):
    model = world.model()
    dataset = world.contracts.dataset(model.datasets[0][0])
    for stranger, subject in ((world.trainer, dataset), (world.holder, model)):
        with pytest.raises(NotOwner, match=str(stranger.address)):
            world.grant(stranger, subject, stranger.address)


@pytest.mark.parametrize("uses", [(), ("sing",)])
def test_some_use_that_exists_is_granted(world, uses):
    with pytest.raises(ArgumentRefused, match="'sing'" if uses else "name nothing"):
        world.grant(world.holder, world.dataset(), world.trainer.address, uses)


def test_a_grant_ends_with_its_last_second(world):
    dataset = world.dataset()
    guest = world.person()
    until = world.clock.now() + 60
    entry = world.grant(world.holder, dataset, guest.address, until=until)
    assert (entry.valid_until, entry.price) == (until, 0)
    world.clock.go_to(until)
    assert world.contracts.is_licensed("dataset", dataset.id, guest.address, "train")
    world.clock.go_to(until + 1)
    assert not world.contracts.is_licensed("dataset", dataset.id, guest.address, "train")
    assert world.contracts.is_licensed("dataset", dataset.id, guest.address, "train", block=entry.block)


def test_a_shorter_license_never_shortens_a_longer_one(world):
    dataset = world.dataset()
    guest = world.person().address
    soon, later = world.clock.now() + 10, world.clock.now() + 1000
    for uses, until in ((["train"], later), (["train", "generate"], soon)):
        world.grant(world.holder, dataset, guest, uses, until)
    world.clock.go_to(soon + 1)
    assert world.contracts.is_licensed("dataset", dataset.id, guest, "train")
    assert not world.contracts.is_licensed("dataset", dataset.id, guest, "generate")


def test_a_grant_never_raises_the_royalty_of_a_license_that_is_valid(world):
    dataset = world.dataset(terms(royalty_ppm=50_000))
    guest = world.person()
    end = world.clock.now() + 100
    world.grant(world.holder, dataset, guest.address, until=end)
    for royalty_ppm, agreed in ((80_000, 50_000), (20_000, 20_000), (90_000, 20_000)):
        world.contracts.change_dataset_terms(world.holder, dataset.id, terms(royalty_ppm=royalty_ppm))
        assert world.grant(world.holder, dataset, guest.address, until=end).royalty_ppm == agreed
        assert world.contracts.agreed_royalty(dataset.id, guest.address) == agreed
    world.clock.go_to(end + 1)
    assert world.grant(world.holder, dataset, guest.address).royalty_ppm == 90_000


def test_end_and_royalty_come_from_one_license_the_longer_one(world):
    dataset = world.dataset(terms(royalty_ppm=50_000))
    guest = world.person()
    soon, later = world.clock.now() + 10, world.clock.now() + 1000
    agreed = []
    for royalty_ppm, end in ((50_000, later), (10_000, soon), (10_000, later), (90_000, later + 1)):
        world.contracts.change_dataset_terms(world.holder, dataset.id, terms(royalty_ppm=royalty_ppm, until=end))
        world.buy(guest, world.contracts.dataset(dataset.id))
        agreed.append(world.contracts.agreed_royalty(dataset.id, guest.address))
    assert agreed == [50_000, 50_000, 10_000, 90_000]


def test_a_grant_for_another_use_leaves_the_royalty_alone(world):
    dataset = world.dataset(terms(royalty_ppm=50_000))
    guest = world.person()
    world.buy(guest, dataset)
    world.contracts.change_dataset_terms(world.holder, dataset.id, terms(royalty_ppm=10_000))
    world.grant(world.holder, dataset, guest.address, ["generate"])
    assert world.contracts.agreed_royalty(dataset.id, guest.address) == 50_000
