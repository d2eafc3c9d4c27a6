"""Rules of Market.sol: a track is sold for the price on offer, and its royalty arrives, or it is not sold."""

import dataclasses

import pytest
from world import ETHER, FOREVER, NO_CURRENCY

from ledger.abi import Interface
from ledger.errors import (
    ArgumentRefused,
    InsufficientFunds,
    NotFound,
    NothingDue,
    NotOffered,
    NotOwner,
    PaymentRefused,
    PaymentShort,
    PriceNotMet,
    Reverted,
)


@pytest.fixture(scope="module")
def model(world):
    return world.model()


@pytest.fixture
def track(world, model):
    """A track of the trainer's that asks for a tenth."""
    return world.track(model, royalty_ppm=100_001)


def account(world, track):
    return world.contracts.royalty(track.id, 0)[0]


def test_a_sale_pays_seller_and_royalty(world, track):
    seller, buyer = world.person(), world.person()
    world.give(world.trainer, "Tracks", seller.address, track.id)
    listing = world.contracts.list_track(seller, track.id, 10**17)
    assert world.contracts.listing(track.id) == listing
    assert (listing.seller, listing.price, listing.currency, listing.until) == (seller.address, 10**17, None, None)
    before = world.chain.balance(buyer.address)
    bought = world.contracts.buy_track(buyer, track.id, 10**17)
    assert bought == dataclasses.replace(track, owner=buyer.address)
    assert before - 10**17 - 10**15 < world.chain.balance(buyer.address) < before - 10**17
    royalty = 10**17 * 100_001 // 10**6
    assert world.chain.balance(account(world, track)) == royalty
    assert world.contracts.due(seller.address, till="market") == 10**17 - royalty
    world.contracts.withdraw(seller, till="market")
    with pytest.raises(NothingDue):
        world.contracts.withdraw(seller, till="market")
    assert world.contracts.listing(track.id) is None
    assert world.chain.balance(world.contracts.deployment.market) == 0


@pytest.mark.parametrize("name", ["Token", "SilentToken"])
def test_a_track_is_sold_in_a_token(world, track, name):
    buyer = world.person()
    coin = world.coin(buyer.address, name=name)
    world.contracts.list_track(world.trainer, track.id, 12_345, coin)
    world.contracts.allow(buyer, coin, 12_345, till="market")
    assert world.contracts.buy_track(buyer, track.id, 12_345, coin).owner == buyer.address
    royalty = 12_345 * 100_001 // 10**6
    assert world.contracts.tokens(account(world, track), coin) == royalty
    assert world.contracts.due(world.trainer.address, coin, till="market") == 12_345 - royalty
    world.contracts.withdraw(world.trainer, coin, till="market")
    assert world.contracts.tokens(world.trainer.address, coin) == 12_345 - royalty
    assert world.contracts.tokens(world.contracts.deployment.market, coin) == 0


def test_the_royalty_arrives_at_an_open_account_as_well(world, track):
    opened = world.contracts.open_royalties(world.creator, track)
    owner = world.trainer
    for price in (1000, 2000):
        buyer = world.person()
        world.contracts.list_track(owner, track.id, price)
        world.contracts.buy_track(buyer, track.id, price)
        owner = buyer
    assert world.chain.balance(opened) == 100 + 200


@pytest.mark.parametrize(("royalty_ppm", "price"), [(0, 1000), (1_000_000, 1000), (100_000, 0), (1, 10)])
def test_sales_with_nothing_for_one_of_the_two(world, model, royalty_ppm, price):
    seller, buyer = world.person(), world.person()
    track = world.track(model, royalty_ppm=royalty_ppm)
    world.give(world.trainer, "Tracks", seller.address, track.id)
    world.contracts.list_track(seller, track.id, price)
    assert world.contracts.buy_track(buyer, track.id, price).owner == buyer.address
    royalty = price * royalty_ppm // 10**6
    assert world.chain.balance(account(world, track)) == royalty
    assert world.contracts.due(seller.address, till="market") == price - royalty


def test_only_the_owner_lists(world, track):
    with pytest.raises(NotOwner, match=str(world.holder.address)):
        world.contracts.list_track(world.holder, track.id, 1)
    with pytest.raises(NotFound):
        world.contracts.list_track(world.holder, 77, 1)
    assert world.contracts.listing(track.id) is None


def test_what_is_not_listed_is_not_sold(world, track):
    with pytest.raises(NotOffered, match=f"track {track.id} is not for sale"):
        world.contracts.buy_track(world.holder, track.id, 0)
    with pytest.raises(NotOffered):
        world.contracts.unlist_track(world.trainer, track.id)
    world.contracts.list_track(world.trainer, track.id, 5)
    with pytest.raises(NotOffered):
        world.contracts.unlist_track(world.holder, track.id)
    world.contracts.unlist_track(world.trainer, track.id)
    with pytest.raises(NotOffered):
        world.contracts.buy_track(world.holder, track.id, 5)


def test_what_is_not_approved_is_not_sold(world, track):
    world.send(world.trainer, "Market", "list", track.id, 5, NO_CURRENCY, FOREVER)
    with pytest.raises(NotOffered, match="parted with it, or not approved"):
        world.contracts.buy_track(world.holder, track.id, 5)
    # An approval for everything is none for a sale: it would outlive the listing.
    world.send(world.trainer, "Tracks", "setApprovalForAll", world.contracts.deployment.market, True)
    with pytest.raises(NotOffered):
        world.contracts.buy_track(world.holder, track.id, 5)
    world.send(world.trainer, "Tracks", "setApprovalForAll", world.contracts.deployment.market, False)


def test_a_forgotten_listing_sells_nothing_when_the_track_comes_back(world, track):
    world.contracts.list_track(world.trainer, track.id, 5)
    friend = world.person()
    world.give(world.trainer, "Tracks", friend.address, track.id)
    for _ in range(2):
        with pytest.raises(NotOffered):
            world.contracts.buy_track(world.holder, track.id, 5)
        if world.contracts.track(track.id).owner == friend.address:
            world.give(friend, "Tracks", world.trainer.address, track.id)
    world.contracts.list_track(world.trainer, track.id, 900)  # a new offer takes the place of the forgotten one
    with pytest.raises(PriceNotMet):
        world.contracts.buy_track(world.holder, track.id, 5)
    assert world.contracts.buy_track(world.holder, track.id, 900)


def test_the_next_owner_is_not_bound_by_an_offer(world, track):
    world.contracts.list_track(world.trainer, track.id, 5)
    buyer = world.person()
    world.give(world.trainer, "Tracks", buyer.address, track.id)
    world.send(buyer, "Tracks", "approve", world.contracts.deployment.market, track.id)
    with pytest.raises(NotOffered):
        world.contracts.buy_track(world.holder, track.id, 5)


@pytest.mark.parametrize("offered", [999, 1001, 0])
def test_another_price_is_not_paid(world, track, offered):
    world.contracts.list_track(world.trainer, track.id, 1000)
    with pytest.raises(PriceNotMet, match=f"track {track.id} costs 1000 wei"):
        world.contracts.buy_track(world.holder, track.id, offered)
    coin = world.coin(world.holder.address)
    world.contracts.allow(world.holder, coin, 1000, till="market")
    with pytest.raises(PriceNotMet):
        world.contracts.buy_track(world.holder, track.id, 1000, coin)
    with pytest.raises(PriceNotMet, match=f"1000 wei are asked; {offered} were sent"):
        world.send(world.holder, "Market", "buy", track.id, NO_CURRENCY, 1000, value=offered)


def test_an_offer_ends_with_its_last_second(world, track):
    until = world.clock.now() + 10
    assert world.contracts.list_track(world.trainer, track.id, 7, until=until).until == until
    world.clock.go_to(until + 1)
    with pytest.raises(ArgumentRefused, match="has passed already"):
        world.contracts.buy_track(world.holder, track.id, 7)
    with pytest.raises(ArgumentRefused, match="has passed already"):
        world.contracts.list_track(world.trainer, track.id, 7, until=until)
    world.contracts.list_track(world.trainer, track.id, 7, until=until + 1)
    assert world.contracts.buy_track(world.holder, track.id, 7)


def test_a_price_has_a_largest(world, track):
    assert world.contracts.list_track(world.trainer, track.id, 2**96 - 1)
    with pytest.raises(ArgumentRefused, match="price"):
        world.contracts.list_track(world.trainer, track.id, 2**96)
    with pytest.raises(InsufficientFunds):
        world.contracts.buy_track(world.holder, track.id, 2**96 - 1)


@pytest.mark.parametrize(("name", "fault"), [("FeeToken", PaymentShort), ("FalseToken", PaymentRefused)])
@pytest.mark.parametrize("royalty_ppm", [0, 1_000_000])
def test_a_token_that_does_not_arrive_in_full_buys_nothing(world, model, name, fault, royalty_ppm):
    track = world.track(model, royalty_ppm=royalty_ppm)
    buyer = world.person()
    coin = world.coin(buyer.address, name=name)
    world.contracts.list_track(world.trainer, track.id, 1000, coin)
    world.contracts.allow(buyer, coin, 1000, till="market")
    with pytest.raises(fault):
        world.contracts.buy_track(buyer, track.id, 1000, coin)
    assert world.contracts.track(track.id).owner == world.trainer.address
    assert world.contracts.due(world.trainer.address, coin, till="market") == 0


def test_a_token_that_buys_again_while_it_pays_buys_once(world, track):
    buyer = world.person()
    coin = world.coin(buyer.address, name="ReenteringToken")
    world.contracts.list_track(world.trainer, track.id, 1000, coin)
    world.contracts.allow(buyer, coin, 5000, till="market")
    again = Interface.load("Market").call("buy", track.id, coin, 1000)
    world.tell("ReenteringToken", coin, "arm", world.contracts.deployment.market, again, 2)
    assert world.contracts.buy_track(buyer, track.id, 1000, coin).owner == buyer.address
    assert world.know("ReenteringToken", coin, "tries") == 0
    assert world.know("ReenteringToken", coin, "successes") == 0
    assert world.contracts.tokens(buyer.address, coin) == 10**9 - 1000


def test_a_buyer_without_the_tokens_buys_nothing(world, track):
    buyer = world.person()
    coin = world.coin(buyer.address, amount=999)
    world.contracts.list_track(world.trainer, track.id, 1000, coin)
    world.contracts.allow(buyer, coin, 1000, till="market")
    with pytest.raises((PaymentRefused, Reverted)):
        world.contracts.buy_track(buyer, track.id, 1000, coin)
    assert world.contracts.track(track.id).owner == world.trainer.address


def test_a_seller_who_refuses_money_blocks_no_sale(world, track):
    seller = world.make("RevertingHolder")
    world.give(world.trainer, "Tracks", seller, track.id)
    world.through(seller, "Market", "list", track.id, 1000, NO_CURRENCY, FOREVER)
    world.through(seller, "Tracks", "approve", world.contracts.deployment.market, track.id)
    assert world.contracts.buy_track(world.holder, track.id, 1000).owner == world.holder.address
    with pytest.raises(PaymentRefused):
        world.through(seller, "Market", "withdraw", NO_CURRENCY)
    assert world.contracts.due(seller, till="market") == 900


def test_an_owner_may_buy_from_oneself(world, track):
    seller = world.person(2 * ETHER)
    world.give(world.trainer, "Tracks", seller.address, track.id)
    world.contracts.list_track(seller, track.id, 1000)
    assert world.contracts.buy_track(seller, track.id, 1000).owner == seller.address
    assert world.chain.balance(account(world, track)) == 100
