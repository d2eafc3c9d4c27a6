"""Rules of Licenses.sol: who may buy and grant, what a license allows and until when, and whose the money is."""

import pytest
from world import CID, PRICE, fresh

from ledger.abi import Interface
from ledger.address import Address
from ledger.errors import (
    ArgumentRefused,
    ConsentWithdrawn,
    InsufficientFunds,
    NotFound,
    NothingDue,
    NotOwner,
    PaymentRefused,
    PriceNotMet,
    UseNotOffered,
)


def test_buying_licenses_for_good_what_was_bought_and_nothing_else(world):
    dataset = world.dataset()
    buyer = world.person()
    record = fresh()
    entry = world.contracts.buy_license(buyer, dataset.id, ["train"], record, CID, PRICE)
    assert (entry.subject_kind, entry.subject_id, entry.licensee) == ("dataset", dataset.id, buyer.address)
    assert (entry.uses, entry.valid_until, entry.price_wei) == (("train",), None, PRICE)
    assert (entry.record, entry.cid, entry.valid_from) == (record, CID, entry.time)
    assert world.contracts.license(entry.id) == entry
    licensed = [world.contracts.is_licensed("dataset", dataset.id, buyer.address, use) for use in ("train", "generate")]
    assert licensed == [True, False]
    assert not world.contracts.is_licensed("dataset", dataset.id, world.creator.address, "train")
    assert not world.contracts.is_licensed("model", dataset.id, buyer.address, "train")
    assert not world.contracts.is_licensed("dataset", world.dataset().id, buyer.address, "train")


def test_history_knows_when_a_license_began(world):
    dataset = world.dataset()
    buyer = world.person()
    entry = world.contracts.buy_license(buyer, dataset.id, ["train"], fresh(), CID, PRICE)
    asked = [entry.block - 1, entry.block, None, 0, dataset.block - 1]
    answers = [world.contracts.is_licensed("dataset", dataset.id, buyer.address, "train", block=b) for b in asked]
    assert answers == [False, True, True, False, False]
    with pytest.raises(NotFound, match="no block"):
        world.contracts.is_licensed("dataset", dataset.id, buyer.address, "train", block=10**6)


def test_history_knows_each_block_of_the_deployment(world):
    for block in range(world.contracts.deployment.block + 6):
        assert not world.contracts.is_licensed("dataset", 10**6, world.holder.address, "train", block=block)


@pytest.mark.parametrize("sent", [0, PRICE - 1, PRICE + 1])
def test_exactly_the_price_is_taken(world, sent):
    dataset = world.dataset()
    before = world.chain.balance(world.trainer.address)
    with pytest.raises(PriceNotMet, match=f"costs exactly {PRICE} wei; {sent} were sent"):
        world.contracts.buy_license(world.trainer, dataset.id, ["train"], fresh(), CID, sent)
    assert world.chain.balance(world.trainer.address) == before
    assert world.contracts.licenses("dataset", dataset.id) == ()


def test_only_uses_on_offer_are_sold(world):
    dataset = world.dataset(uses=("train",))
    for uses in (["generate"], ["train", "commercial"], []):
        with pytest.raises(UseNotOffered, match=f"dataset {dataset.id} is on offer for train"):
            world.contracts.buy_license(world.trainer, dataset.id, uses, fresh(), CID, PRICE)


def test_withdrawn_consent_ends_sales_and_grants_but_no_license(world):
    dataset = world.dataset()
    early, late = world.person(), world.person()
    world.contracts.buy_license(early, dataset.id, ["train"], fresh(), CID, PRICE)
    world.contracts.withdraw_consent(world.holder, dataset.id)
    with pytest.raises(ConsentWithdrawn, match=f"dataset {dataset.id}"):
        world.contracts.buy_license(late, dataset.id, ["train"], fresh(), CID, PRICE)
    with pytest.raises(ConsentWithdrawn, match=f"dataset {dataset.id}"):
        world.contracts.grant_license(world.holder, "dataset", dataset.id, late.address, ["train"], None, fresh(), CID)
    assert world.contracts.is_licensed("dataset", dataset.id, early.address, "train")
    assert not world.contracts.is_licensed("dataset", dataset.id, late.address, "train")


def test_only_the_owner_grants(world):
    dataset = world.dataset()
    with pytest.raises(NotOwner):
        world.contracts.grant_license(
            world.trainer, "dataset", dataset.id, world.trainer.address, ["train"], None, fresh(), CID
        )
    model = world.model()
    with pytest.raises(NotOwner):
        world.contracts.grant_license(
            world.holder, "model", model.id, world.holder.address, ["generate"], None, fresh(), CID
        )


def test_a_grant_ends_with_its_last_second(world):
    dataset = world.dataset()
    guest = world.person()
    until = int(world.clock.now) + 60
    entry = world.contracts.grant_license(
        world.holder, "dataset", dataset.id, guest.address, ["train"], until, fresh(), CID
    )
    assert (entry.valid_until, entry.price_wei) == (until, 0)
    world.clock.now = until
    assert world.contracts.is_licensed("dataset", dataset.id, guest.address, "train")
    world.clock.now = until + 1
    assert not world.contracts.is_licensed("dataset", dataset.id, guest.address, "train")
    assert world.contracts.is_licensed("dataset", dataset.id, guest.address, "train", block=entry.block)


def test_a_grant_that_is_over_already_is_refused(world):
    dataset = world.dataset()
    with pytest.raises(ArgumentRefused, match="ended already"):
        world.contracts.grant_license(
            world.holder, "dataset", dataset.id, world.trainer.address, ["train"], 1, fresh(), CID
        )
    with pytest.raises(ArgumentRefused, match="until"):
        world.contracts.grant_license(
            world.holder, "dataset", dataset.id, world.trainer.address, ["train"], 2**64, fresh(), CID
        )


def test_a_shorter_license_never_shortens_a_longer_one(world):
    dataset = world.dataset()
    guest = world.person().address
    soon, later = int(world.clock.now) + 10, int(world.clock.now) + 1000
    for uses, until in ((["train"], later), (["train", "generate"], soon)):
        world.contracts.grant_license(world.holder, "dataset", dataset.id, guest, uses, until, fresh(), CID)
    world.clock.now = soon + 1
    assert world.contracts.is_licensed("dataset", dataset.id, guest, "train")
    assert not world.contracts.is_licensed("dataset", dataset.id, guest, "generate")


def test_owners_need_no_license(world):
    dataset, model = world.dataset(), world.model()
    assert world.contracts.is_licensed("dataset", dataset.id, world.holder.address, "commercial")
    assert world.contracts.is_licensed("model", model.id, world.trainer.address, "generate")
    assert not world.contracts.is_licensed("model", model.id, world.holder.address, "generate")


@pytest.mark.parametrize("use", [0, 8, 255])
def test_a_use_that_does_not_exist_is_licensed_to_nobody(world, use):
    dataset = world.dataset()
    view = ("isLicensed", world.contracts.deployment.datasets, dataset.id, world.holder.address, use)
    assert world.contracts._on.view("Licenses", *view) is False


def test_several_uses_at_once_are_licensed_only_together(world):
    dataset = world.dataset()
    buyer = world.person()
    world.contracts.buy_license(buyer, dataset.id, ["train", "commercial"], fresh(), CID, PRICE)
    ask = ("isLicensed", world.contracts.deployment.datasets, dataset.id, buyer.address)
    answers = [world.contracts._on.view("Licenses", *ask, uses) for uses in range(8)]
    assert answers == [False, True, False, False, True, True, False, False]


def test_licenses_are_listed_by_subject_and_licensee(world):
    model = world.model()
    dataset = world.contracts.dataset(model.datasets[0][0])
    guest = world.person().address
    grants = [
        world.contracts.grant_license(world.trainer, "model", model.id, guest, ["generate"], None, fresh(), CID),
        world.contracts.grant_license(
            world.trainer, "model", model.id, world.creator.address, ["generate"], None, fresh(), CID
        ),
    ]
    assert world.contracts.licenses("model", model.id) == tuple(grants)
    assert world.contracts.licenses("model", model.id, guest) == (grants[0],)
    assert [entry.licensee for entry in world.contracts.licenses("dataset", dataset.id)] == [world.trainer.address]


def test_a_license_that_is_not_there_is_not_found(world):
    with pytest.raises(NotFound, match="no license 1000000"):
        world.contracts.license(10**6)
    with pytest.raises(NotFound):
        world.contracts.buy_license(world.trainer, 10**6, ["train"], fresh(), CID, 0)
    with pytest.raises(ArgumentRefused, match="'track'"):
        world.contracts.licenses("track", 1)


def test_payments_wait_for_the_owner_who_fetches_them_once(world):
    owner, buyer = world.person(), world.person()
    contracts = world.contracts
    dataset = contracts.register_dataset(owner, fresh(), fresh(), CID, 10**17, 0, ["train"])
    for _ in range(2):
        contracts.buy_license(buyer, dataset.id, ["train"], fresh(), CID, 10**17)
    assert contracts.withdrawable(owner.address) == 2 * 10**17
    before = world.chain.balance(owner.address)
    contracts.withdraw(owner)
    assert before + 2 * 10**17 - 10**15 < world.chain.balance(owner.address) < before + 2 * 10**17
    assert contracts.withdrawable(owner.address) == 0
    with pytest.raises(NothingDue, match=str(owner.address)):
        contracts.withdraw(owner)


def test_who_cannot_pay_is_told_so(world):
    dataset = world.dataset(price=10**30)
    with pytest.raises(InsufficientFunds, match=str(world.trainer.address)):
        world.contracts.buy_license(world.trainer, dataset.id, ["train"], fresh(), CID, 10**30)


def _account(licenses: Address, reaction: str) -> bytes:
    """Code that makes an account which hands calls on to ``licenses``, and answers money with ``reaction``."""
    passes_on = f"""
        34 6030 57                      if money came, go to byte 0x30
        36 5f 5f 37                     copy what was asked
        5f 5f 36 5f 5f 73{licenses.raw.hex()} 5a f1
        3d 5f 5f 3e                     copy what was answered
        602e 57 3d 5f fd 5b 00          and revert with it, or stop
        5b
    """
    runtime = b"".join(_assemble(line) for line in (*passes_on.splitlines(), reaction))
    return _assemble(f"60{len(runtime):02x} 80 600a 5f 39 5f f3 00") + runtime


def _assemble(line: str) -> bytes:
    """Hexadecimal code in front of a comment, which begins after four spaces."""
    return bytes.fromhex(line.strip().split("    ")[0])


def _owned_by_code(world, reaction: str) -> Address:
    """An account with the given reaction to money, to which 1000 wei are due."""
    _, licenses = world.at("Licenses")
    account = world.chain.transact(world.holder, None, _account(licenses, reaction)).contract
    dataset = world.dataset()
    interface, datasets = world.at("Datasets")
    world.chain.send(world.holder, interface, datasets, "transferFrom", world.holder.address, account, dataset.id)
    world.contracts.buy_license(world.trainer, dataset.id, ["train"], fresh(), CID, PRICE)
    assert world.contracts.withdrawable(account) == PRICE
    return account


def test_an_owner_that_refuses_money_blocks_nobody(world):
    account = _owned_by_code(world, "5f 5f fd")
    with pytest.raises(PaymentRefused, match=str(account)):
        _pull(world, account)
    assert world.contracts.withdrawable(account) == PRICE
    other = world.person()
    dataset = world.contracts.register_dataset(other, fresh(), fresh(), CID, PRICE, 0, ["train"])
    world.contracts.buy_license(world.trainer, dataset.id, ["train"], fresh(), CID, PRICE)
    world.contracts.withdraw(other)


def test_an_owner_that_takes_money_twice_gets_it_once(world):
    _, address = world.at("Licenses")
    other = world.person()
    dataset = world.contracts.register_dataset(other, fresh(), fresh(), CID, PRICE, 0, ["train"])
    world.contracts.buy_license(world.trainer, dataset.id, ["train"], fresh(), CID, PRICE)
    again = Interface.load("Licenses").call("withdraw").hex()
    account = _owned_by_code(world, f"63{again} 5f 52 5f 5f 6004 601c 5f 73{address.raw.hex()} 5a f1 00")
    _pull(world, account)
    assert world.chain.balance(account) == PRICE
    assert world.contracts.withdrawable(account) == 0
    world.contracts.withdraw(other)


def _pull(world, account: Address) -> None:
    with world.contracts._on._explained():
        world.chain.transact(world.creator, account, Interface.load("Licenses").call("withdraw"))
