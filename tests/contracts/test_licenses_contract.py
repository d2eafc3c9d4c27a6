"""Rules of Licenses.sol: who may buy and grant, and what a license allows, until when and on what terms."""

from dataclasses import replace

import pytest
from world import CID, FOREVER, NO_CURRENCY, PRICE, fresh, terms

from ledger.address import Address
from ledger.digest import Digest
from ledger.errors import (
    ArgumentRefused,
    ConsentWithdrawn,
    InsufficientFunds,
    NotFound,
    PriceNotMet,
    UseNotOffered,
)

USES = ("train", "generate", "commercial")


def test_buying_licenses_for_good_what_was_bought_and_nothing_else(world):
    dataset = world.dataset()
    buyer = world.person()
    record = fresh()
    entry = world.contracts.buy_license(buyer, "dataset", dataset.id, ["train"], record, CID, dataset.terms)
    assert (entry.subject_kind, entry.subject_id, entry.licensee) == ("dataset", dataset.id, buyer.address)
    assert (entry.uses, entry.valid_until, entry.price, entry.currency) == (("train",), None, PRICE, None)
    assert (entry.royalty_ppm, entry.id) == (dataset.terms.royalty_ppm, 1)
    assert (entry.record, entry.cid, entry.valid_from) == (record, CID, entry.time)
    assert world.contracts.license("dataset", dataset.id, buyer.address, 1) == entry
    licensed = [world.contracts.is_licensed("dataset", dataset.id, buyer.address, use) for use in USES]
    assert licensed == [True, False, False]
    assert not world.contracts.is_licensed("dataset", dataset.id, world.creator.address, "train")
    assert not world.contracts.is_licensed("model", dataset.id, buyer.address, "train")
    assert not world.contracts.is_licensed("dataset", world.dataset().id, buyer.address, "train")


def test_history_knows_when_a_license_began(world):
    dataset = world.dataset()
    buyer = world.person()
    entry = world.buy(buyer, dataset)
    asked = [entry.block - 1, entry.block, None, 0, dataset.block - 1]
    answers = [world.contracts.is_licensed("dataset", dataset.id, buyer.address, "train", block=b) for b in asked]
    assert answers == [False, True, True, False, False]
    with pytest.raises(NotFound, match="no block"):
        world.contracts.is_licensed("dataset", dataset.id, buyer.address, "train", block=10**6)


def test_history_knows_each_block_of_the_deployment(world):
    first = world.contracts.deployment.block
    for block in (0, *range(first - 1, first + 7)):
        assert not world.contracts.is_licensed("dataset", 10**6, world.holder.address, "train", block=block)


@pytest.mark.parametrize("sent", [0, PRICE - 1, PRICE + 1])
def test_exactly_the_price_is_taken(world, sent):
    dataset = world.dataset()
    before = world.chain.balance(world.trainer.address)
    with pytest.raises(PriceNotMet, match=f"token {dataset.id} costs {PRICE} wei"):
        world.contracts.buy_license(
            world.trainer, "dataset", dataset.id, ["train"], fresh(), CID, replace(dataset.terms, price=sent)
        )
    assert world.chain.balance(world.trainer.address) == before
    assert world.contracts.licenses("dataset", dataset.id) == ()


@pytest.mark.parametrize("sent", [0, PRICE - 1, PRICE + 1])
def test_what_is_sent_is_what_is_agreed_to(world, sent):
    dataset = world.dataset()
    asked = (world.contracts.deployment.datasets, dataset.id, 1)
    with pytest.raises(PriceNotMet, match=f"{PRICE} wei are asked; {sent} were sent"):
        deal = (PRICE, NO_CURRENCY, FOREVER, 50_000)
        world.send(world.trainer, "Licenses", "buy", *asked, deal, fresh(), fresh(), value=sent)
    with pytest.raises(PriceNotMet, match="0 wei are asked; 1 were sent"):
        deal = (PRICE, world.contracts.deployment.market, FOREVER, 50_000)
        world.send(world.trainer, "Licenses", "buy", *asked, deal, fresh(), fresh(), value=1)


@pytest.mark.parametrize(
    "change",
    [
        {"price": PRICE + 1},
        {"price": 0},
        {"royalty_ppm": 50_001},
        {"royalty_ppm": 0},
        {"until": 253402300799},
        {"currency": Address(bytes(19) + b"\x07")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_terms_that_changed_between_look_and_buy_are_not_agreed_to(world, change):
    looked_at = world.dataset()
    asked = terms(**change)
    world.contracts.change_dataset_terms(world.holder, looked_at.id, asked)
    with pytest.raises(PriceNotMet, match=f"token {looked_at.id} costs {asked.price} "):
        world.buy(world.trainer, looked_at)
    assert world.contracts.licenses("dataset", looked_at.id) == ()


def test_what_a_buyer_does_not_agree_to_may_change(world):
    looked_at = world.dataset()
    world.contracts.change_dataset_terms(world.holder, looked_at.id, terms(uses=("train",), inference="allowed"))
    assert world.buy(world.trainer, looked_at)


def test_a_change_of_terms_is_for_later_licenses_alone(world):
    dataset = world.dataset()
    early, late = world.person(), world.person()
    bought = world.buy(early, dataset, USES)
    end = world.clock.now() + 100
    asked = terms(PRICE + 5, royalty_ppm=900_000, uses=("train",), until=end)
    changed = world.contracts.change_dataset_terms(world.holder, dataset.id, asked)
    assert world.contracts.licenses("dataset", dataset.id, early.address) == (bought,)
    assert world.contracts.agreed_royalty(dataset.id, early.address) == 50_000
    later = world.buy(late, changed)
    assert (later.price, later.royalty_ppm, later.valid_until) == (PRICE + 5, 900_000, end)
    assert world.contracts.agreed_royalty(dataset.id, late.address) == 900_000
    world.clock.go_to(end + 1)
    licensed = [
        [world.contracts.is_licensed("dataset", dataset.id, who.address, use) for use in USES] for who in (early, late)
    ]
    assert licensed == [[True, True, True], [False, False, False]]


def test_only_uses_on_offer_are_sold(world):
    dataset = world.dataset(terms(uses=("train",)))
    for uses in (["generate"], ["train", "commercial"], []):
        with pytest.raises(UseNotOffered, match=f"token {dataset.id} is on offer for train"):
            world.buy(world.trainer, dataset, uses)
    closed = world.dataset(terms(uses=()))
    with pytest.raises(UseNotOffered, match=f"token {closed.id} is on offer for nothing"):
        world.buy(world.trainer, closed)


def test_withdrawn_consent_ends_sales_and_grants_but_no_license(world):
    dataset = world.dataset()
    early, late = world.person(), world.person()
    world.buy(early, dataset)
    world.contracts.withdraw_consent(world.holder, dataset.id)
    with pytest.raises(ConsentWithdrawn, match=f"dataset {dataset.id}"):
        world.buy(late, dataset)
    with pytest.raises(ConsentWithdrawn, match=f"dataset {dataset.id}"):
        world.grant(world.holder, dataset, late.address)
    assert world.contracts.is_licensed("dataset", dataset.id, early.address, "train")
    assert not world.contracts.is_licensed("dataset", dataset.id, late.address, "train")


def test_what_is_over_already_is_neither_granted_nor_sold(world):
    dataset = world.dataset(terms(until=world.clock.now() + 5))
    with pytest.raises(ArgumentRefused, match="has passed already"):
        world.grant(world.holder, dataset, world.trainer.address, until=world.clock.now() - 1)
    with pytest.raises(ArgumentRefused, match="until"):
        world.grant(world.holder, dataset, world.trainer.address, until=2**40)
    world.clock.go_to(world.clock.now() + 6)
    with pytest.raises(ArgumentRefused, match="has passed already"):
        world.buy(world.trainer, dataset)


def test_owners_need_no_license(world):
    model = world.model()
    dataset = model.datasets[0][0]
    assert world.contracts.is_licensed("dataset", dataset, world.holder.address, "commercial")
    assert world.contracts.is_licensed("model", model.id, world.trainer.address, "generate")
    assert not world.contracts.is_licensed("model", model.id, world.holder.address, "generate")
    heir = world.person()
    world.give(world.holder, "Datasets", heir.address, dataset)
    assert world.contracts.is_licensed("dataset", dataset, heir.address, "train")
    assert not world.contracts.is_licensed("dataset", dataset, world.holder.address, "train")


def test_a_model_is_licensed_for_what_its_owner_offers(world):
    model = world.model(royalty_ppm=30_000)
    assert model.terms.uses == ()
    with pytest.raises(UseNotOffered, match=f"token {model.id} is on offer for nothing"):
        world.buy(world.creator, model, ["generate"])
    asked = terms(77, royalty_ppm=30_000, uses=("generate", "commercial"))
    offered = world.contracts.change_model_terms(world.trainer, model.id, asked)
    assert offered.terms == asked
    due = world.contracts.due(world.trainer.address)
    entry = world.buy(world.creator, offered, ["generate", "commercial"])
    assert (entry.subject_kind, entry.subject_id, entry.price, entry.royalty_ppm) == ("model", model.id, 77, 30_000)
    assert world.contracts.due(world.trainer.address) == due + 77
    licensed = [world.contracts.is_licensed("model", model.id, world.creator.address, use) for use in USES]
    assert licensed == [False, True, True]
    assert not world.contracts.is_licensed("dataset", model.id, world.creator.address, "generate")


@pytest.mark.parametrize("use", [0, 8, 255])
def test_a_use_that_does_not_exist_is_licensed_to_nobody(world, use):
    dataset = world.dataset()
    asked = (world.contracts.deployment.datasets, dataset.id, world.holder.address, use)
    assert world.view("Licenses", "isLicensed", *asked) is False


def test_several_uses_at_once_are_licensed_only_together(world):
    dataset = world.dataset()
    buyer = world.person()
    world.buy(buyer, dataset, ["train", "commercial"])
    ask = (world.contracts.deployment.datasets, dataset.id, buyer.address)
    answers = [world.view("Licenses", "isLicensed", *ask, uses) for uses in range(8)]
    assert answers == [False, True, False, False, True, True, False, False]


def test_licenses_are_numbered_and_listed_by_subject_and_licensee(world):
    model = world.model()
    guest = world.person().address
    grants = [
        world.grant(world.trainer, model, guest, ["generate"]),
        world.grant(world.trainer, model, world.creator.address, ["generate"]),
        world.grant(world.trainer, model, guest, ["commercial"], world.clock.now() + 1),
    ]
    assert [grant.id for grant in grants] == [1, 1, 2]
    assert world.contracts.licenses("model", model.id) == tuple(grants)
    assert world.contracts.licenses("model", model.id, guest) == (grants[0], grants[2])
    [bought] = world.contracts.licenses("dataset", model.datasets[0][0])
    assert bought.licensee == world.trainer.address


def test_a_license_that_is_not_there_is_not_found(world):
    with pytest.raises(NotFound, match="no license 2 of dataset 1"):
        world.contracts.license("dataset", 1, world.trainer.address, 2)
    with pytest.raises(NotFound, match="no token 1000000"):
        world.contracts.buy_license(world.trainer, "dataset", 10**6, ["train"], fresh(), CID, terms())
    with pytest.raises(ArgumentRefused, match="'track'"):
        world.contracts.licenses("track", 1)


def test_licenses_are_of_datasets_and_models_alone(world):
    other = world.contracts.deployment.tracks
    with pytest.raises(ArgumentRefused, match=f"{other} is neither"):
        world.send(world.trainer, "Licenses", "buy", other, 1, 1, (0, NO_CURRENCY, FOREVER, 0), fresh(), fresh())
    with pytest.raises(ArgumentRefused, match=f"{other} is neither"):
        world.view("Licenses", "isLicensed", other, 1, world.trainer.address, 1)


def test_a_zero_digest_is_refused(world):
    dataset, zero = world.dataset(), Digest(bytes(32))
    with pytest.raises(ArgumentRefused, match="zero bytes"):
        world.contracts.buy_license(world.trainer, "dataset", dataset.id, ["train"], zero, CID, dataset.terms)
    with pytest.raises(ArgumentRefused, match="zero bytes"):
        world.contracts.grant_license(
            world.holder, "dataset", dataset.id, world.trainer.address, ["train"], None, zero, CID
        )


@pytest.mark.parametrize("cid", ["cid", "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKbsod"])
def test_a_record_lies_in_one_raw_block(world, cid):
    dataset = world.dataset()
    with pytest.raises(ArgumentRefused, match="where the record lies"):
        world.contracts.buy_license(world.trainer, "dataset", dataset.id, ["train"], fresh(), cid, dataset.terms)


def test_who_cannot_pay_is_told_so(world):
    dataset = world.dataset(terms(10**27))
    with pytest.raises(InsufficientFunds, match=str(world.trainer.address)):
        world.buy(world.trainer, dataset)
