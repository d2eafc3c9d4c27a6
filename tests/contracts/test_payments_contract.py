"""Whose the money is (Till.sol): credited to owners, fetched by them alone, in ether and in tokens of every kind."""

import pytest
from adversaries import adversary
from world import NO_CURRENCY, PRICE, terms

from ledger.abi import Interface
from ledger.contracts.till import ERC20
from ledger.errors import NothingDue, PaymentRefused, PaymentShort, Reverted


def test_payments_wait_for_the_owner_who_fetches_them_once(world):
    owner, contracts = world.person(), world.contracts
    dataset = world.dataset(terms(10**17), owner)
    for _ in range(2):
        world.buy(world.trainer, dataset)
    assert contracts.due(owner.address) == 2 * 10**17
    before = world.chain.balance(owner.address)
    contracts.withdraw(owner)
    assert before + 2 * 10**17 - 10**15 < world.chain.balance(owner.address) < before + 2 * 10**17
    assert contracts.due(owner.address) == 0
    with pytest.raises(NothingDue, match=str(owner.address)):
        contracts.withdraw(owner)


def test_whoever_owns_the_dataset_when_it_is_sold_is_credited(world):
    first, second = world.person(), world.person()
    dataset = world.dataset(owner=first)
    world.buy(world.trainer, dataset)
    world.give(first, "Datasets", second.address, dataset.id)
    world.buy(world.creator, dataset)
    assert [world.contracts.due(who.address) for who in (first, second)] == [PRICE, PRICE]


def test_each_till_and_each_currency_has_books_of_its_own(world):
    owner, buyer = world.person(), world.person()
    coins = [world.coin(buyer.address) for _ in range(2)]
    for place, currency in enumerate([None, *coins]):
        dataset = world.dataset(terms(10 + place, currency=currency), owner)
        if currency:
            world.contracts.allow(buyer, currency, 10 + place)
        world.buy(buyer, dataset)
    assert [world.contracts.due(owner.address, currency) for currency in (None, *coins)] == [10, 11, 12]
    assert world.contracts.due(owner.address, till="market") == 0
    world.contracts.withdraw(owner, coins[0])
    assert [world.contracts.due(owner.address, currency) for currency in (None, *coins)] == [10, 0, 12]
    assert [world.contracts.tokens(owner.address, coin) for coin in coins] == [11, 0]
    with pytest.raises(NothingDue):
        world.contracts.withdraw(owner, coins[1], till="market")


@pytest.mark.parametrize("name", ["Token", "SilentToken"])
def test_a_license_is_bought_in_a_token(world, name):
    owner, buyer = world.person(), world.person()
    coin = world.coin(buyer.address, name=name)
    dataset = world.dataset(terms(5000, currency=coin), owner)
    world.contracts.allow(buyer, coin, 5000)
    entry = world.buy(buyer, dataset)
    assert (entry.price, entry.currency) == (5000, coin)
    assert world.contracts.is_licensed("dataset", dataset.id, buyer.address, "train")
    assert world.contracts.tokens(buyer.address, coin) == 10**9 - 5000
    assert world.contracts.due(owner.address, coin) == 5000
    world.contracts.withdraw(owner, coin)
    assert world.contracts.tokens(owner.address, coin) == 5000
    assert world.contracts.tokens(world.contracts.deployment.licenses, coin) == 0


def test_what_is_not_allowed_or_not_there_is_not_taken(world):
    buyer = world.person()
    coin = world.coin(buyer.address, amount=100)
    for price, allowed in ((50, 49), (101, 101)):
        dataset = world.dataset(terms(price, currency=coin))
        world.contracts.allow(buyer, coin, allowed)
        with pytest.raises((PaymentRefused, Reverted)):
            world.buy(buyer, dataset)
        assert world.contracts.licenses("dataset", dataset.id) == ()


def test_an_address_without_code_is_no_currency(world):
    dataset = world.dataset(terms(5, currency=world.creator.address))
    with pytest.raises(PaymentRefused, match=str(world.creator.address)):
        world.buy(world.trainer, dataset)


def test_a_token_that_keeps_a_fee_sells_nothing(world):
    buyer = world.person()
    coin = world.coin(buyer.address, name="FeeToken")
    dataset = world.dataset(terms(100, currency=coin))
    world.contracts.allow(buyer, coin, 100)
    with pytest.raises(PaymentShort, match=f"100 of token {coin} are owed and 99 there"):
        world.buy(buyer, dataset)
    assert not world.contracts.is_licensed("dataset", dataset.id, buyer.address, "train")
    assert world.contracts.tokens(buyer.address, coin) == 10**9


def test_a_token_that_pays_nothing_and_says_so_sells_nothing(world):
    buyer = world.person()
    coin = world.coin(buyer.address, name="FalseToken")
    dataset = world.dataset(terms(100, currency=coin))
    world.contracts.allow(buyer, coin, 100)
    with pytest.raises(PaymentRefused, match=str(coin)):
        world.buy(buyer, dataset)
    assert world.contracts.due(world.holder.address, coin) == 0


def test_what_was_sent_by_mistake_pays_for_nobody(world):
    buyer = world.person()
    coin = world.coin(world.contracts.deployment.licenses, buyer.address, name="FeeToken", amount=100)
    world.contracts.allow(buyer, coin, 100)
    dataset = world.dataset(terms(100, currency=coin))
    # 100 lie there; of the next 100 one is kept: the books are covered, and only by what nobody was owed.
    assert world.buy(buyer, dataset)
    assert world.view("Licenses", "owed", coin) == 100
    assert world.contracts.tokens(world.contracts.deployment.licenses, coin) == 199


def owned_by(world, account, currency=None):
    """A dataset whose owner is a contract that is owed a thousand."""
    dataset = world.dataset(terms(PRICE, currency=currency))
    world.give(world.holder, "Datasets", account, dataset.id)
    if currency:
        world.tell("Token", currency, "mint", world.trainer.address, PRICE)
        world.contracts.allow(world.trainer, currency, PRICE)
    world.buy(world.trainer, dataset)
    assert world.contracts.due(account, currency) == PRICE


def test_an_owner_that_refuses_money_blocks_nobody(world):
    account = world.make("RevertingHolder")
    owned_by(world, account)
    with pytest.raises(PaymentRefused, match=str(account)):
        world.through(account, "Licenses", "withdraw", NO_CURRENCY)
    assert world.contracts.due(account) == PRICE
    other = world.person()
    world.buy(world.trainer, world.dataset(owner=other))
    world.contracts.withdraw(other)


def test_an_owner_that_takes_money_twice_gets_it_once(world):
    account = world.make("ReenteringHolder")
    owned_by(world, account)
    other = world.person()
    world.buy(world.trainer, world.dataset(owner=other))
    again = Interface.load("Licenses").call("withdraw", NO_CURRENCY)
    world.tell("ReenteringHolder", account, "arm", world.contracts.deployment.licenses, again, 3)
    world.through(account, "Licenses", "withdraw", NO_CURRENCY)
    assert world.know("ReenteringHolder", account, "tries") == 2  # it tried once
    assert world.know("ReenteringHolder", account, "successes") == 0
    assert world.chain.balance(account) == PRICE
    assert world.contracts.due(account) == 0
    world.contracts.withdraw(other)


def test_a_token_that_calls_back_while_it_pays_gets_nothing_more(world):
    account = world.make("ReenteringHolder")
    coin = world.coin(name="ReenteringToken")
    owned_by(world, coin, coin)  # the token itself is the owner, so that it may withdraw
    owned_by(world, account, coin)
    again = Interface.load("Licenses").call("withdraw", coin)
    world.tell("ReenteringToken", coin, "arm", world.contracts.deployment.licenses, again, 1)
    world.through(coin, "Licenses", "withdraw", coin)
    assert world.know("ReenteringToken", coin, "successes") == 0
    assert world.contracts.tokens(coin, coin) == PRICE
    assert world.view("Licenses", "owed", coin) == PRICE == world.contracts.due(account, coin)
    assert world.contracts.tokens(world.contracts.deployment.licenses, coin) == PRICE


def test_a_token_that_withdraws_amid_a_sale_only_gets_what_it_is_owed(world):
    coin = world.coin(name="ReenteringToken")
    other = world.make("RevertingHolder")
    owned_by(world, coin, coin)
    owned_by(world, other, coin)
    buyer = world.person()
    world.tell("Token", coin, "mint", buyer.address, PRICE)
    world.contracts.allow(buyer, coin, PRICE)
    dataset = world.dataset(terms(PRICE, currency=coin))
    world.give(world.holder, "Datasets", coin, dataset.id)
    again = Interface.load("Licenses").call("withdraw", coin)
    world.tell("ReenteringToken", coin, "arm", world.contracts.deployment.licenses, again, 1)
    world.buy(buyer, dataset)
    # It fetched what it was credited for both sales, the second of which was not paid yet: out of its own money.
    assert world.know("ReenteringToken", coin, "successes") == 1
    assert world.contracts.tokens(coin, coin) == 2 * PRICE
    assert world.contracts.tokens(world.contracts.deployment.licenses, coin) == PRICE
    world.through(other, "Licenses", "withdraw", coin)
    assert world.contracts.tokens(other, coin) == PRICE


def test_approving_is_read_with_or_without_an_answer(world):
    for name in ("Token", "SilentToken"):
        coin = world.coin(world.trainer.address, name=name)
        world.contracts.allow(world.trainer, coin, 3)
        allowed = world.know(name, coin, "allowance", world.trainer.address, world.contracts.deployment.licenses)
        assert allowed == 3
    assert adversary("Token").call("approve", coin, 3) == ERC20.call("approve", coin, 3)


def test_an_allowance_that_was_left_is_no_hindrance(world):
    licenses = world.contracts.deployment.licenses
    for name, transactions in (("Token", 1), ("StubbornToken", 2)):
        coin = world.coin(world.trainer.address, name=name)
        world.contracts.allow(world.trainer, coin, 3)
        before = world.chain.nonce(world.trainer.address)
        world.contracts.allow(world.trainer, coin, 3)
        world.contracts.allow(world.trainer, coin, 2)
        assert world.chain.nonce(world.trainer.address) == before  # it is enough already
        world.contracts.allow(world.trainer, coin, 4)
        assert world.know(name, coin, "allowance", world.trainer.address, licenses) == 4
        assert world.chain.nonce(world.trainer.address) == before + transactions
