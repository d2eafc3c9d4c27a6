"""Rules of Models.sol: nobody records a model without a license to train on everything that went into it."""

import pytest
from world import CID, PRICE, fresh

from ledger.digest import Digest
from ledger.errors import AlreadyRegistered, ArgumentRefused, LicenseMissing, NotFound

WHOLE = 1_000_000


def test_training_without_a_license_reverts_in_the_contract(world):
    dataset = world.dataset()
    trainer = world.person()
    weights = fresh()
    expected = f"dataset {dataset.id}, use train, trainer {trainer.address}"
    with pytest.raises(LicenseMissing, match=expected):
        world.contracts.record_model(trainer, weights, fresh(), CID, [(dataset.id, WHOLE)])
    assert world.contracts.model_by_weights(weights) is None
    world.contracts.buy_license(trainer, dataset.id, ["train"], fresh(), CID, PRICE)
    assert world.contracts.record_model(trainer, weights, fresh(), CID, [(dataset.id, WHOLE)])


def test_a_transaction_sent_past_the_estimate_reverts_on_chain_as_well(world):
    dataset = world.dataset()
    trainer = world.person()
    interface, address = world.at("Models")
    chain = world.chain
    weights = fresh()
    fields = {
        "type": 2,
        "chainId": chain.chain_id,
        "nonce": 0,
        "to": str(address),
        "value": 0,
        "gas": 1_000_000,
        "maxFeePerGas": 10**9,
        "maxPriorityFeePerGas": 0,
        "data": interface.call("record", weights, fresh(), CID, [dataset.id], [WHOLE]),
    }
    receipt = chain._network.receipt(chain._network.send(trainer.sign_transaction(fields)))
    assert not receipt.succeeded
    assert world.contracts.model_by_weights(weights) is None


def test_one_license_missing_among_many_is_enough(world):
    licensed, missing = world.dataset(), world.dataset()
    trainer = world.person()
    world.contracts.buy_license(trainer, licensed.id, ["train"], fresh(), CID, PRICE)
    shares = [(licensed.id, 999_999), (missing.id, 1)]
    with pytest.raises(LicenseMissing, match=f"dataset {missing.id}"):
        world.contracts.record_model(trainer, fresh(), fresh(), CID, shares)


@pytest.mark.parametrize("uses", [["generate"], ["commercial"], ["generate", "commercial"]])
def test_a_license_for_something_else_does_not_do(world, uses):
    dataset = world.dataset()
    trainer = world.person()
    world.contracts.buy_license(trainer, dataset.id, uses, fresh(), CID, PRICE)
    with pytest.raises(LicenseMissing):
        world.contracts.record_model(trainer, fresh(), fresh(), CID, [(dataset.id, WHOLE)])


def test_an_expired_license_does_not_do(world):
    dataset = world.dataset()
    trainer = world.person()
    until = int(world.clock.now) + 5
    world.contracts.grant_license(world.holder, "dataset", dataset.id, trainer.address, ["train"], until, fresh(), CID)
    world.clock.now = until + 1
    with pytest.raises(LicenseMissing):
        world.contracts.record_model(trainer, fresh(), fresh(), CID, [(dataset.id, WHOLE)])


def test_a_license_outlives_consent(world):
    dataset = world.dataset()
    world.contracts.buy_license(world.trainer, dataset.id, ["train"], fresh(), CID, PRICE)
    world.contracts.withdraw_consent(world.holder, dataset.id)
    assert world.contracts.record_model(world.trainer, fresh(), fresh(), CID, [(dataset.id, WHOLE)])


def test_a_model_is_kept_with_its_parts_in_their_order(world):
    datasets = [world.dataset() for _ in range(3)]
    weights, record = fresh(), fresh()
    parts = ((datasets[2].id, 200_000), (datasets[0].id, 800_000), (datasets[1].id, 0))
    model = world.contracts.record_model(world.holder, weights, record, CID, parts)
    assert (model.weights, model.record, model.cid, model.datasets) == (weights, record, CID, parts)
    assert model.trainer == model.owner == world.holder.address
    assert world.contracts.model(model.id) == model == world.contracts.model_by_weights(weights)


def test_weights_are_recorded_once(world):
    model = world.model()
    with pytest.raises(AlreadyRegistered, match=str(model.weights)) as refusal:
        world.contracts.record_model(world.trainer, model.weights, fresh(), CID, model.datasets)
    assert refusal.value.id == model.id


@pytest.mark.parametrize("shares", [[999_999], [1_000_001], [500_000, 499_999], [2**32 - 1, 2**32 - 1], []])
def test_shares_make_one_whole(world, shares):
    datasets = [world.dataset() for _ in shares]
    parts = [(dataset.id, share) for dataset, share in zip(datasets, shares, strict=True)]
    with pytest.raises(ArgumentRefused, match=f"add up to {sum(shares)} ppm"):
        world.contracts.record_model(world.holder, fresh(), fresh(), CID, parts)


def test_every_dataset_has_one_share(world):
    dataset = world.dataset()
    with pytest.raises(ArgumentRefused, match="2 shares for 1 datasets"):
        world.contracts._on.send(
            world.holder, "Models", "record", fresh(), fresh(), CID, [dataset.id], [400_000, 600_000]
        )


def test_no_dataset_counts_twice(world):
    first, second = world.dataset(), world.dataset()
    parts = [(first.id, 400_000), (second.id, 200_000), (first.id, 400_000)]
    with pytest.raises(ArgumentRefused, match=f"dataset {first.id} is named twice"):
        world.contracts.record_model(world.holder, fresh(), fresh(), CID, parts)


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


def test_what_is_not_there_is_not_found(world):
    with pytest.raises(NotFound, match="no model 1000000"):
        world.contracts.model(10**6)
    assert world.contracts.model_by_weights(fresh()) is None
