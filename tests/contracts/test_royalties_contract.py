"""A track's account (Royalties.sol, Split.sol): who is due which share, and that everybody can fetch it alone."""

import contextlib

import pytest
from earning import Earning, Scene
from world import NO_CURRENCY, WHOLE

from ledger.abi import Interface
from ledger.errors import ArgumentRefused, NotFound, NothingDue, PaymentRefused, Reverted


@pytest.fixture(scope="module")
def scene(world) -> Scene:
    return Scene(world)


@pytest.fixture
def earner(scene) -> Earning:
    """A track whose shares stay with their holders."""
    return scene.track()


@pytest.fixture
def own_earner(world) -> Earning:
    """A track whose shares may be given away."""
    return Scene(world).track()


def test_the_shares_are_those_that_the_model_owes_and_the_creator_has_the_rest(world, earner):
    shares = world.contracts.royalty_shares(earner.track.id)
    assert [share.ppm for share in shares] == earner.shares
    assert sum(earner.shares) == WHOLE
    assert [share.payee for share in shares] == [payee.address for payee in earner.payees]
    assert [share.kind for share in shares] == ["account", "model", "dataset", "dataset", "model", "dataset"]
    assert [share.index for share in shares] == list(range(6))
    assert shares[0].holder == earner.payees[0].address
    assert shares[1].holder == earner.track.model


def test_the_account_says_the_same_of_its_shares(world, earner):
    account = world.contracts.open_royalties(world.creator, earner.track)
    start = 0
    for index in (1, 2, 3, 4, 5, 0):  # the creator's interval is the last
        share, begins = world.chain.call(Interface.load("Split"), account, "recorded", index)
        assert (share["ppm"], begins) == (earner.shares[index], start)
        start += share["ppm"]
    with pytest.raises(Reverted):
        world.chain.call(Interface.load("Split"), account, "recorded", 6)


def test_the_first_pull_makes_the_account_where_the_royalty_went_before(world, earner):
    assert not world.chain.has_code(earner.account)
    earner.earn(WHOLE)
    before = world.chain.balance(earner.payees[2].address)
    earner.pull(2, by=world.holder)
    assert world.chain.has_code(earner.account)
    assert world.contracts.royalty(earner.track.id, 0)[0] == earner.account
    assert world.chain.balance(earner.payees[2].address) == before + 60_000
    earner.earn(WHOLE)
    earner.pull(2, by=world.holder)
    assert world.chain.balance(earner.payees[2].address) == before + 120_000


def test_opening_twice_opens_once(world, earner):
    first = world.contracts.open_royalties(world.creator, earner.track)
    assert first == earner.account == world.contracts.open_royalties(world.holder, earner.track)
    wanted = (earner.track.id, earner.track.creator, earner.track.model)
    block = world.send(world.holder, "Royalties", "open", *wanted).block
    assert world.contracts._on.said("Royalties", "Opened", block, block) == ()
    [opened] = world.contracts._on.said("Royalties", "Opened", 0, None, track=earner.track.id)
    assert opened.arguments["account"] == first
    assert (opened.arguments["creator"], opened.arguments["model"]) == (earner.track.creator, earner.track.model)


def test_nobody_puts_another_split_where_a_track_earns(world, earner):
    earner.earn(WHOLE)
    world.send(
        world.holder, "Royalties", "pull", earner.track.id, earner.track.creator, earner.track.model, NO_CURRENCY, 1
    )
    for creator, model in ((world.holder.address, earner.track.model), (earner.track.creator, 1)):
        assert world.view("Royalties", "accountOf", earner.track.id, creator, model) != earner.account
        world.send(world.holder, "Royalties", "open", earner.track.id, creator, model)
    assert earner.there() == WHOLE - 40_000
    with pytest.raises(NotFound):
        world.view("Royalties", "accountOf", earner.track.id, world.holder.address, 10**6)


@pytest.mark.parametrize("currency", ["ether", "SilentToken"])
def test_each_holder_pulls_a_share(world, earner, currency):
    coin = None if currency == "ether" else world.coin(name=currency)
    earner.earn(WHOLE * 1000, coin)
    assert earner.due(coin) == [ppm * 1000 for ppm in earner.shares]
    for index, payee in enumerate(earner.payees):
        before = earner.holds(payee.address, coin)
        earner.pull(index, coin)
        assert earner.holds(payee.address, coin) == before + earner.shares[index] * 1000
    assert earner.there(coin) == 0
    assert earner.due(coin) == [0] * 6


@pytest.mark.parametrize("amount", [1, 9_999, 123_456_789_012_345_679])
def test_what_rounding_leaves_is_less_than_a_unit_a_share(world, scene, amount):
    earner = scene.track(opened=True)
    coin = world.coin()
    earner.earn(amount, coin)
    expected = [amount * ppm // WHOLE for ppm in earner.shares]
    assert earner.due(coin) == expected
    for index, wanted in enumerate(expected):
        if wanted:
            earner.pull(index, coin)
        else:
            with pytest.raises(NothingDue):
                earner.pull(index, coin)
    assert 0 <= earner.there(coin) == amount - sum(expected) < len(earner.shares)


def test_what_rounding_left_counts_with_what_comes_later(world, scene):
    earner, coin = scene.track(opened=True), world.coin()
    income = 0
    for amount in (7, 999_989, 5):
        earner.earn(amount, coin)
        income += amount
        for index, wanted in enumerate(earner.due(coin)):
            if wanted:
                earner.pull(index, coin)
        paid = [income * ppm // WHOLE for ppm in earner.shares]
        assert earner.there(coin) == income - sum(paid)


def test_a_share_is_paid_once(world, earner):
    earner.earn(WHOLE)
    earner.pull(3)
    with pytest.raises(NothingDue):
        earner.pull(3)
    with pytest.raises(NothingDue):
        earner.pull(3, world.coin())
    earner.earn(50)
    assert earner.due()[3] == 1
    earner.pull(3)


def test_there_is_no_other_share(world, earner):
    earner.earn(WHOLE)
    for _ in range(2):
        with pytest.raises(ArgumentRefused, match="no share 6"):
            world.contracts.royalty_due(earner.track.id, 6)
        with pytest.raises(ArgumentRefused, match="no share 6"):
            earner.pull(6)
        world.contracts.open_royalties(world.creator, earner.track)
    with pytest.raises(NotFound):
        world.contracts.royalty_shares(77)


def test_a_sold_right_takes_what_is_due_with_it(world, own_earner):
    heir = world.person()
    own_earner.earn(WHOLE)
    own_earner.pull(1)
    dataset, model = (world.contracts.royalty_shares(own_earner.track.id)[index].holder for index in (2, 1))
    world.give(own_earner.payees[2], "Datasets", heir.address, dataset)
    world.give(own_earner.payees[1], "Models", heir.address, model)
    assert [world.contracts.royalty_shares(own_earner.track.id)[index].payee for index in (1, 2)] == [heir.address] * 2
    before = world.chain.balance(heir.address)
    own_earner.pull(2)
    with pytest.raises(NothingDue):  # the holder before was paid this
        own_earner.pull(1)
    own_earner.earn(WHOLE)
    own_earner.pull(1)
    assert world.chain.balance(heir.address) == before + 60_000 + 40_000


def test_a_sold_track_leaves_the_shares_where_they_were(world, earner):
    shares = world.contracts.royalty_shares(earner.track.id)
    world.give(earner.payees[0], "Tracks", world.holder.address, earner.track.id)
    assert world.contracts.royalty_shares(earner.track.id) == shares
    assert world.contracts.royalty(earner.track.id, 0)[0] == earner.account


def test_a_holder_that_refuses_money_blocks_nobody(world, own_earner):
    refusing = world.make("RevertingHolder")
    dataset = world.contracts.royalty_shares(own_earner.track.id)[2].holder
    world.give(own_earner.payees[2], "Datasets", refusing, dataset)
    own_earner.earn(WHOLE)
    with pytest.raises(PaymentRefused, match=str(refusing)):
        own_earner.pull(2)
    for index in (0, 1, 3, 4, 5):
        own_earner.pull(index)
    assert own_earner.there() == own_earner.due()[2] == 60_000
    coin = world.coin()
    own_earner.earn(WHOLE, coin)
    own_earner.pull(2, coin)
    assert world.contracts.tokens(refusing, coin) == 60_000


def test_a_holder_that_pulls_again_while_it_is_paid_gets_one_share(world, own_earner):
    greedy = world.make("ReenteringHolder")
    dataset = world.contracts.royalty_shares(own_earner.track.id)[2].holder
    world.give(own_earner.payees[2], "Datasets", greedy, dataset)
    again = Interface.load("Split").call("pull", NO_CURRENCY, 2)
    world.tell("ReenteringHolder", greedy, "arm", own_earner.account, again, 3)
    own_earner.earn(WHOLE)
    own_earner.pull(2)
    assert world.know("ReenteringHolder", greedy, "tries") == 2
    assert world.know("ReenteringHolder", greedy, "successes") == 0
    assert world.chain.balance(greedy) == 60_000
    assert own_earner.there() == WHOLE - 60_000


@pytest.mark.parametrize("name", ["FeeToken", "ReenteringToken"])
def test_a_strange_token_harms_no_other_currency(world, scene, name):
    earner, strange, good = scene.track(opened=True), world.coin(name=name), world.coin()
    for coin in (strange, good, None):
        earner.earn(WHOLE, coin)
    again = Interface.load("Split").call("pull", strange, 2)
    if name == "ReenteringToken":
        world.tell(name, strange, "arm", earner.account, again, 5)
    for index in range(6):
        with contextlib.suppress(NothingDue):  # a token that calls back has paid this share amid another
            earner.pull(index, strange)
    for coin in (good, None):
        assert earner.due(coin) == earner.shares
        for index in (0, 2):
            earner.pull(index, coin)
        assert earner.there(coin) == WHOLE - 749_999 - 60_000


def test_a_token_that_does_not_pay_leaves_its_shares_due(world, earner):
    coin = world.coin(name="FalseToken")
    earner.earn(WHOLE, coin)
    with pytest.raises(PaymentRefused, match=str(coin)):
        earner.pull(0, coin)
    assert earner.due(coin) == earner.shares
