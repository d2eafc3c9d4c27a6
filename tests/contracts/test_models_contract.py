"""Rules of Models.sol: nobody records a model without a license to train on everything that went into it."""

import pytest
from world import CID, WHOLE, fresh, terms

from ledger.digest import Digest
from ledger.errors import AlreadyRegistered, ArgumentRefused, LicenseMissing, NotFound, NotOwner


def test_training_without_a_license_reverts_in_the_contract(world):
    dataset = world.dataset()
    trainer = world.person()
    weights = fresh()
    expected = f"dataset {dataset.id}, use train, {trainer.address}"
    with pytest.raises(LicenseMissing, match=expected):
        world.contracts.record_model(trainer, weights, fresh(), CID, [(dataset.id, WHOLE)])
    assert world.contracts.model_by_weights(weights) is None
    world.buy(trainer, dataset)
    assert world.contracts.record_model(trainer, weights, fresh(), CID, [(dataset.id, WHOLE)])


def test_a_transaction_sent_past_the_estimate_reverts_on_chain_as_well(world):
    dataset = world.dataset()
    trainer = world.person()
    interface, address = world.at("Models")
    chain = world.chain
    weights = fresh()
    run = (weights, fresh(), 0, [dataset.id], [WHOLE], [], CID)
    fields = {
        "type": 2,
        "chainId": chain.chain_id,
        "nonce": 0,
        "to": str(address),
        "value": 0,
        "gas": 1_000_000,
        "maxFeePerGas": chain._network.fees()[0],
        "maxPriorityFeePerGas": 0,
        "data": interface.call("record", run),
    }
    receipt = chain._network.receipt(chain._network.send(trainer.sign_transaction(fields)))
    assert not receipt.succeeded
    assert world.contracts.model_by_weights(weights) is None


def test_one_license_missing_among_many_is_enough(world):
    licensed, missing = world.dataset(), world.dataset()
    trainer = world.person()
    world.buy(trainer, licensed)
    shares = [(licensed.id, 999_999), (missing.id, 1)]
    with pytest.raises(LicenseMissing, match=f"dataset {missing.id},"):
        world.contracts.record_model(trainer, fresh(), fresh(), CID, shares)


@pytest.mark.parametrize("uses", [["generate"], ["commercial"], ["generate", "commercial"]])
def test_a_license_for_something_else_does_not_do(world, uses):
    dataset = world.dataset()
    trainer = world.person()
    world.buy(trainer, dataset, uses)
    with pytest.raises(LicenseMissing):
        world.record(trainer, dataset)


def test_an_expired_license_does_not_do(world):
    dataset = world.dataset()
    trainer = world.person()
    until = world.clock.now() + 5
    world.grant(world.holder, dataset, trainer.address, until=until)
    world.clock.go_to(until + 1)
    with pytest.raises(LicenseMissing):
        world.record(trainer, dataset)


def test_a_license_outlives_consent(world):
    dataset = world.dataset()
    world.buy(world.trainer, dataset)
    world.contracts.withdraw_consent(world.holder, dataset.id)
    assert world.record(world.trainer, dataset)


def test_a_model_is_kept_with_its_parts_in_their_order(world):
    datasets = [world.dataset() for _ in range(3)]
    weights, record = fresh(), fresh()
    parts = tuple(zip((dataset.id for dataset in datasets), (200_000, 799_999, 1), strict=True))
    model = world.contracts.record_model(world.holder, weights, record, CID, parts, royalty_ppm=12_345)
    assert (model.weights, model.record, model.cid, model.datasets) == (weights, record, CID, parts)
    assert (model.parents, model.royalty_ppm, model.time) == ((), 12_345, world.clock.now())
    assert (model.terms.uses, model.terms.royalty_ppm) == ((), 12_345)
    assert model.trainer == model.owner == world.holder.address
    assert world.contracts.model(model.id) == model == world.contracts.model_by_weights(weights)
    assert world.contracts.models()[-1] == model


def test_weights_are_recorded_once(world):
    model = world.model()
    with pytest.raises(AlreadyRegistered, match=str(model.weights)) as refusal:
        world.contracts.record_model(world.trainer, model.weights, fresh(), CID, model.datasets)
    assert refusal.value.id == model.id


@pytest.mark.parametrize("shares", [[999_999], [1_000_001], [500_000, 499_999], [2**32 - 1, 2**32 - 1]])
def test_shares_make_one_whole(world, shares):
    datasets = [world.dataset() for _ in shares]
    parts = [(dataset.id, share) for dataset, share in zip(datasets, shares, strict=True)]
    with pytest.raises(ArgumentRefused, match=f"add up to {sum(shares)} ppm"):
        world.contracts.record_model(world.holder, fresh(), fresh(), CID, parts)


@pytest.mark.parametrize("shares", [[], [400_000, 600_000]])
def test_every_dataset_has_one_share(world, shares):
    dataset = world.dataset()
    run = (fresh(), fresh(), 0, [dataset.id], shares, [], CID)
    with pytest.raises(ArgumentRefused, match=f"{len(shares)} shares for 1 datasets"):
        world.send(world.holder, "Models", "record", run)


def test_datasets_are_named_once_each_in_ascending_order(world):
    first, second = world.dataset().id, world.dataset().id
    for ids, named in (((second, first), first), ((first, second, second), second), ((first, second, first), first)):
        parts = [(id, WHOLE - 2 * (len(ids) - 1) if place == 0 else 2) for place, id in enumerate(ids)]
        with pytest.raises(ArgumentRefused, match=f"^{named}: datasets and parents are named once"):
            world.contracts.record_model(world.holder, fresh(), fresh(), CID, parts)


def test_what_has_no_share_is_not_named(world):
    first, second = world.dataset(), world.dataset()
    with pytest.raises(ArgumentRefused, match=f"dataset {first.id} has no share"):
        world.contracts.record_model(world.holder, fresh(), fresh(), CID, [(first.id, 0), (second.id, WHOLE)])


def test_nobody_trains_from_nothing(world):
    with pytest.raises(ArgumentRefused, match="names a dataset or a parent"):
        world.contracts.record_model(world.holder, fresh(), fresh(), CID, [])


def test_a_dataset_that_does_not_exist_is_licensed_to_nobody(world):
    for id in (0, 10**6, 2**96 + 1):
        with pytest.raises(LicenseMissing, match=f"dataset {id},"):
            world.contracts.record_model(world.holder, fresh(), fresh(), CID, [(id, WHOLE)])


def test_a_zero_digest_is_refused(world):
    dataset = world.dataset()
    zero = Digest(bytes(32))
    for weights, record in ((zero, fresh()), (fresh(), zero)):
        with pytest.raises(ArgumentRefused, match="zero bytes"):
            world.contracts.record_model(world.holder, weights, record, CID, [(dataset.id, WHOLE)])


def test_the_owner_offers_a_model_but_its_royalty_stays(world):
    model = world.model(royalty_ppm=20_000)
    asked = terms(9, royalty_ppm=20_000, uses=("generate",), until=world.clock.now() + 100)
    with pytest.raises(NotOwner, match=str(world.holder.address)):
        world.contracts.change_model_terms(world.holder, model.id, asked)
    for royalty_ppm in (19_999, 20_001):
        with pytest.raises(ArgumentRefused, match=f"model {model.id} stays at 20000 ppm"):
            world.contracts.change_model_terms(world.trainer, model.id, terms(9, royalty_ppm=royalty_ppm))
    assert world.contracts.change_model_terms(world.trainer, model.id, asked).terms == asked
    heir = world.person()
    world.give(world.trainer, "Models", heir.address, model.id)
    ended = terms(0, royalty_ppm=20_000, uses=())
    with pytest.raises(NotOwner):
        world.contracts.change_model_terms(world.trainer, model.id, ended)
    assert world.contracts.change_model_terms(heir, model.id, ended).owner == heir.address


def test_what_is_not_there_is_not_found(world):
    with pytest.raises(NotFound, match="no model 1000000"):
        world.contracts.model(10**6)
    with pytest.raises(NotFound):
        world.contracts.change_model_terms(world.trainer, 10**6, terms())
    assert world.contracts.model_by_weights(fresh()) is None
