"""What a model owes (Dues.sol): fixed when it is recorded by what its trainer agreed to, and inherited."""

import pytest
from world import CID, WHOLE, fresh, terms

from ledger.errors import ArgumentRefused, LicenseMissing, NotFound, UseNotOffered

MODEL = 1 << 47


def dues(world, model) -> tuple[int, list[tuple[str, int, int]]]:
    """A model's own royalty, and whom else it owes how much, read by hand out of their 48 bits."""
    royalty_ppm, packed = world.view("Models", "duesOf", model.id)
    names = [("model" if due & MODEL else "dataset", due % 2**27, due % MODEL >> 27) for due in packed]
    return royalty_ppm, names


def test_a_model_owes_each_dataset_its_share_of_the_royalty_agreed(world):
    whole, half, nothing = (world.dataset(terms(royalty_ppm=ppm)) for ppm in (WHOLE, 500_000, 0))
    for dataset in (whole, half, nothing):
        world.buy(world.trainer, dataset)
    parts = [(whole.id, 100_000), (half.id, 300_001), (nothing.id, 599_999)]
    model = world.contracts.record_model(world.trainer, fresh(), fresh(), CID, parts, royalty_ppm=7)
    # Half of 300,001 is rounded up: who asks for something is owed something, and who asks for nothing nothing.
    assert dues(world, model) == (7, [("dataset", whole.id, 100_000), ("dataset", half.id, 150_001)])
    assert dues(world, world.record(world.trainer, nothing)) == (0, [])
    one = world.dataset(terms(royalty_ppm=1))
    little = world.contracts.record_model(world.holder, fresh(), fresh(), CID, [(whole.id, 999_999), (one.id, 1)])
    assert dues(world, little)[1] == [("dataset", whole.id, 999_999), ("dataset", one.id, 1)]


def test_dues_take_any_number_of_words(world):
    datasets = [world.dataset(terms(royalty_ppm=500_000)) for _ in range(8)]
    for count in (4, 5, 8):
        royalty_ppm, owed = dues(world, world.record(world.holder, *datasets[:count], royalty_ppm=count))
        assert royalty_ppm == count
        shares = [-(-(WHOLE // count + (place < WHOLE % count)) // 2) for place in range(count)]
        assert owed == [("dataset", dataset.id, ppm) for dataset, ppm in zip(datasets, shares, strict=False)]


def test_terms_that_rise_later_change_nothing_that_was_agreed(world):
    dataset = world.dataset(terms(royalty_ppm=100_000))
    trainer = world.person()
    world.buy(trainer, dataset)
    world.contracts.change_dataset_terms(world.holder, dataset.id, terms(royalty_ppm=900_000))
    world.grant(world.holder, dataset, trainer.address)
    model = world.record(trainer, dataset)
    assert dues(world, model)[1] == [("dataset", dataset.id, 100_000)]
    world.buy(trainer, world.contracts.dataset(dataset.id))
    assert dues(world, model)[1] == [("dataset", dataset.id, 100_000)]
    assert dues(world, world.record(trainer, dataset))[1] == [("dataset", dataset.id, 900_000)]


def test_owners_owe_what_their_terms_ask_when_they_train(world):
    dataset = world.dataset(terms(royalty_ppm=100_000))
    world.contracts.change_dataset_terms(world.holder, dataset.id, terms(royalty_ppm=30_000))
    assert dues(world, world.record(world.holder, dataset))[1] == [("dataset", dataset.id, 30_000)]


def test_all_that_is_owed_is_one_whole_at_most(world):
    dataset = world.dataset(terms(royalty_ppm=600_000))
    assert world.model(dataset, royalty_ppm=400_000)
    with pytest.raises(ArgumentRefused, match="1000001 ppm"):
        world.model(dataset, royalty_ppm=400_001)
    with pytest.raises(ArgumentRefused, match="1600000 ppm"):
        world.model(dataset, royalty_ppm=WHOLE)


def test_a_license_to_train_from_the_parent_is_needed(world):
    parent = world.model(royalty_ppm=10_000)
    other = world.person()
    own = world.dataset(owner=other)
    with pytest.raises(LicenseMissing, match=f"model {parent.id}, use train, {other.address}"):
        world.record(other, own, parents=[parent.id])
    with pytest.raises(LicenseMissing):
        world.contracts.record_model(other, fresh(), fresh(), CID, [], parents=[parent.id])
    world.grant(world.trainer, parent, other.address, ["generate", "commercial"])
    with pytest.raises(LicenseMissing):
        world.record(other, own, parents=[parent.id])
    world.grant(world.trainer, parent, other.address, until=world.clock.now() + 10)
    assert world.record(other, own, parents=[parent.id]).parents == (parent.id,)
    world.clock.go_to(world.clock.now() + 11)
    with pytest.raises(LicenseMissing):
        world.record(other, own, parents=[parent.id])


def test_a_parent_can_be_bought(world):
    parent = world.model(royalty_ppm=10_000)
    other = world.person()
    with pytest.raises(UseNotOffered):
        world.buy(other, parent)
    offered = world.contracts.change_model_terms(world.trainer, parent.id, terms(royalty_ppm=10_000, uses=("train",)))
    assert world.buy(other, offered).royalty_ppm == 10_000
    child = world.contracts.record_model(other, fresh(), fresh(), CID, [], parents=[parent.id])
    assert (child.datasets, child.parents) == ((), (parent.id,))
    assert dues(world, child) == (0, [("model", parent.id, 10_000), *dues(world, parent)[1]])


def test_dues_are_inherited_through_generations(world):
    first, second, third = (world.dataset(terms(royalty_ppm=ppm)) for ppm in (100_000, 40_000, 20_000))
    grandparent = world.model(first, royalty_ppm=3)
    free = world.model(second)  # its trainer asks for nothing
    parent = world.model(third, royalty_ppm=5, parents=[grandparent.id, free.id])
    owed = [
        ("dataset", third.id, 20_000),
        ("model", grandparent.id, 3),
        ("dataset", first.id, 100_000),
        ("dataset", second.id, 40_000),
    ]
    assert dues(world, parent) == (5, owed)
    child = world.model(first, royalty_ppm=7, parents=[parent.id])
    # Somebody who is owed by two ways is owed twice.
    assert dues(world, child) == (7, [("dataset", first.id, 100_000), ("model", parent.id, 5), *owed])
    assert world.contracts.model(child.id).parents == (parent.id,)


def test_what_is_inherited_counts_towards_the_whole(world):
    parent = world.model(world.dataset(terms(royalty_ppm=500_000)), royalty_ppm=100_000)
    dataset = world.dataset(terms(royalty_ppm=300_000))
    assert world.model(dataset, royalty_ppm=100_000, parents=[parent.id])
    with pytest.raises(ArgumentRefused, match="1000001 ppm"):
        world.model(dataset, royalty_ppm=100_001, parents=[parent.id])


@pytest.mark.slow
def test_a_model_owes_to_255_holders_at_most(world):
    dataset = world.dataset(terms(royalty_ppm=100))
    models = [world.record(world.holder, dataset).id]
    for _ in range(8):  # what is inherited twice is owed twice: 1, 1, 2, 4, ... 128 dues
        child = world.contracts.record_model(world.holder, fresh(), fresh(), CID, [], parents=models)
        models.append(child.id)
    assert dues(world, child) == (0, [("dataset", dataset.id, 100)] * 128)
    most = world.contracts.record_model(world.holder, fresh(), fresh(), CID, [], parents=models[1:])
    assert dues(world, most) == (0, [("dataset", dataset.id, 100)] * 255)
    with pytest.raises(ArgumentRefused, match="255 holders at most, not 256"):
        world.contracts.record_model(world.holder, fresh(), fresh(), CID, [], parents=models)


def test_parents_are_named_once_each_in_ascending_order(world):
    first, second = world.model().id, world.model().id
    for ids, named in (((second, first), first), ((first, first), first), ((first, second, second), second)):
        with pytest.raises(ArgumentRefused, match=f"^{named}: datasets and parents are named once"):
            world.contracts.record_model(world.trainer, fresh(), fresh(), CID, [], parents=ids)


def test_a_parent_that_does_not_exist_is_licensed_to_nobody(world):
    for id in (0, 10**6, 2**96 + 1):
        with pytest.raises(LicenseMissing, match=f"model {id},"):
            world.contracts.record_model(world.trainer, fresh(), fresh(), CID, [], parents=[id])
    with pytest.raises(NotFound):
        world.view("Models", "duesOf", 10**6)
