"""Attribution epochs (Epochs.sol): new shares for later income, unless a holder of a recorded share says no."""

import dataclasses

import pytest
from earning import Earning, Scene
from world import WHOLE

from ledger.abi import Interface
from ledger.digest import Digest
from ledger.errors import ArgumentRefused, NotFound, NothingDue, NotOwner, ProofInvalid, ProposalPending
from ledger.shares import Share, ShareTree, Sibling

WEEK = 7 * 24 * 3600


@pytest.fixture(scope="module")
def scene(world) -> Scene:
    return Scene(world)


@pytest.fixture
def earner(scene) -> Earning:
    """A track whose account is open, and whose shares stay with their holders."""
    return scene.track(opened=True)


@pytest.fixture
def own_scene(world) -> Scene:
    """A track whose shares may be given away."""
    return Scene(world)


@pytest.fixture
def tree(world, earner) -> ShareTree:
    return half_for_another(world, earner)


def half_for_another(world, earner) -> ShareTree:
    """Half for somebody new, the rest for the first dataset and for the model."""
    shares = world.contracts.royalty_shares(earner.track.id)
    account = Share("account", world.holder.address, 500_000)
    return ShareTree(
        [account, Share("dataset", shares[2].holder, 300_001), Share("model", earner.track.model, 199_999)]
    )


def propose(world, earner, tree, index=0):
    proposer = earner.payees[index]
    world.contracts.propose_shares(proposer, earner.track.id, index, Digest(tree.root), tree.proof(0))


def accept(world, earner, tree, currency=None):
    """Propose, wait for a week, and adopt."""
    propose(world, earner, tree)
    world.clock.go_to(world.clock.now() + WEEK)
    world.contracts.adopt_shares(world.creator, earner.track.id, currency)


def test_proposed_shares_count_for_income_after_they_are_adopted(world, earner, tree):
    earner.earn(WHOLE)
    earner.pull(1)
    accept(world, earner, tree)
    earner.earn(2 * WHOLE)
    assert earner.due() == [749_999, 0, 60_000, 20_000, 30_000, 100_001]
    payees = [world.holder, earner.payees[2], earner.payees[1]]
    for place, payee in enumerate(payees):
        before = world.chain.balance(payee.address)
        world.contracts.pull_share(world.creator, earner.track.id, 1, tree.proof(place))
        assert world.chain.balance(payee.address) == before + 2 * tree.shares[place].ppm
        with pytest.raises(NothingDue):
            world.contracts.pull_share(world.creator, earner.track.id, 1, tree.proof(place))
    for index in (0, 2, 3, 4, 5):
        earner.pull(index)
    assert earner.there() == 0


def test_a_week_has_to_pass_to_the_second(world, earner, tree):
    propose(world, earner, tree)
    proposed = world.clock.now()
    world.clock.go_to(proposed + WEEK - 1)
    with pytest.raises(NotFound, match="no epoch newer than 0"):
        world.contracts.adopt_shares(world.creator, earner.track.id)
    world.clock.go_to(proposed + WEEK)
    with pytest.raises(NotFound, match="no proposal"):
        world.contracts.object_to_shares(earner.payees[5], earner.track.id, 5, Digest(tree.root))
    world.contracts.adopt_shares(world.creator, earner.track.id)
    with pytest.raises(NotFound, match="no epoch newer than 1"):
        world.contracts.adopt_shares(world.creator, earner.track.id)


@pytest.mark.parametrize("index", [0, 1, 2, 4])
def test_any_holder_proposes_and_any_holder_objects(world, earner, tree, index):
    propose(world, earner, tree, index)
    objector = (index + 1) % 6
    world.contracts.object_to_shares(earner.payees[objector], earner.track.id, objector, Digest(tree.root))
    world.clock.go_to(world.clock.now() + WEEK)
    with pytest.raises(NotFound):
        world.contracts.adopt_shares(world.creator, earner.track.id)
    propose(world, earner, tree, objector)


def test_strangers_and_former_holders_have_no_say(world, own_scene):
    earner = own_scene.track(opened=True)
    tree = half_for_another(world, earner)
    root, proof = Digest(tree.root), tree.proof(0)
    with pytest.raises(NotOwner):
        world.contracts.propose_shares(world.holder, earner.track.id, 0, root, proof)
    with pytest.raises(NotOwner):  # a holder, but of another share
        world.contracts.propose_shares(earner.payees[2], earner.track.id, 3, root, proof)
    with pytest.raises(ArgumentRefused, match="no share 6"):
        world.contracts.propose_shares(earner.payees[2], earner.track.id, 6, root, proof)
    dataset = world.contracts.royalty_shares(earner.track.id)[2].holder
    world.give(earner.payees[2], "Datasets", world.holder.address, dataset)
    propose(world, earner, tree)
    for stranger, index in ((earner.payees[2], 2), (world.creator, 2)):
        with pytest.raises(NotOwner):
            world.contracts.object_to_shares(stranger, earner.track.id, index, root)
        with pytest.raises(NotOwner):
            world.contracts.refuse_shares(stranger, earner.track.id, index)
    world.contracts.object_to_shares(world.holder, earner.track.id, 2, root)


def test_one_proposal_at_a_time(world, earner, tree):
    propose(world, earner, tree)
    with pytest.raises(ProposalPending, match=str(Digest(tree.root))):
        propose(world, earner, tree, 3)
    other = Digest(ShareTree([Share("account", world.holder.address, WHOLE)]).root)
    with pytest.raises(NotFound, match="no proposal"):  # nobody objects to one and voids another
        world.contracts.object_to_shares(earner.payees[0], earner.track.id, 0, other)


def test_who_refuses_beforehand_need_not_watch(world, earner, tree):
    propose(world, earner, tree)
    world.contracts.refuse_shares(earner.payees[4], earner.track.id, 4)  # the present one as well
    world.contracts.refuse_shares(earner.payees[4], earner.track.id, 4)
    world.contracts.refuse_shares(earner.payees[5], earner.track.id, 5)
    with pytest.raises(ProposalPending, match="2 shares refuse"):
        propose(world, earner, tree)
    world.contracts.refuse_shares(earner.payees[5], earner.track.id, 5, False)
    with pytest.raises(ProposalPending, match="1 shares refuse"):
        propose(world, earner, tree)
    world.contracts.refuse_shares(earner.payees[4], earner.track.id, 4, False)
    accept(world, earner, tree)


def test_a_root_is_that_of_a_whole_tree(world, earner, tree):
    good = tree.proof(0)
    with pytest.raises(ProofInvalid, match="epoch 1"):
        world.contracts.propose_shares(earner.payees[0], earner.track.id, 0, Digest(bytes([1]) * 32), good)
    for ppm in (499_999, 500_001):
        part = dataclasses.replace(good, share=Share("account", world.holder.address, ppm))
        with pytest.raises(ProofInvalid, match=f"make {ppm + 500_000} ppm"):
            world.contracts.propose_shares(earner.payees[0], earner.track.id, 0, Digest(tree.root), part)


def test_each_currency_changes_over_when_it_is_adopted(world, earner, tree):
    early, late = world.coin(), world.coin()
    accept(world, earner, tree, early)
    for coin in (early, late):
        earner.earn(WHOLE, coin)
    proof = tree.proof(0)
    world.contracts.pull_share(world.creator, earner.track.id, 1, proof, early)
    assert world.contracts.tokens(world.holder.address, early) == 500_000
    with pytest.raises(NothingDue):
        world.contracts.pull_share(world.creator, earner.track.id, 1, proof, late)
    assert earner.due(early) == [0] * 6
    assert earner.due(late) == earner.shares
    world.contracts.adopt_shares(world.creator, earner.track.id, late)
    assert earner.due(late) == earner.shares  # what had come stays where it was due
    earner.earn(100, late)
    world.contracts.pull_share(world.creator, earner.track.id, 1, proof, late)
    assert world.contracts.tokens(world.holder.address, late) == 50


def test_epochs_follow_each_other_and_recorded_shares_decide(world, earner, tree):
    coin = world.coin()
    accept(world, earner, tree, coin)
    earner.earn(WHOLE, coin)
    with pytest.raises(NotOwner):  # the new shares have no say in the next epoch
        world.contracts.propose_shares(world.holder, earner.track.id, 0, Digest(tree.root), tree.proof(0))
    whole = ShareTree([Share("account", world.creator.address, WHOLE)])
    propose(world, earner, whole, 5)
    world.clock.go_to(world.clock.now() + WEEK)
    world.contracts.adopt_shares(world.creator, earner.track.id, coin)
    earner.earn(77, coin)
    world.contracts.pull_share(world.holder, earner.track.id, 2, whole.proof(0), coin)
    assert world.contracts.tokens(world.creator.address, coin) == 77
    for place in range(3):
        world.contracts.pull_share(world.holder, earner.track.id, 1, tree.proof(place), coin)
    assert earner.there(coin) == 0


def test_an_epoch_may_be_skipped(world, earner, tree):
    """A currency that was adopted for the first epoch never falls into it once the second one counts."""
    coin = world.coin()
    earner.earn(WHOLE, coin)
    accept(world, earner, tree)  # in ether
    whole = ShareTree([Share("account", world.creator.address, WHOLE)])
    accept(world, earner, whole)
    world.contracts.adopt_shares(world.creator, earner.track.id, coin)
    earner.earn(10, coin)
    with pytest.raises(NothingDue):
        world.contracts.pull_share(world.holder, earner.track.id, 1, tree.proof(0), coin)
    world.contracts.pull_share(world.holder, earner.track.id, 2, whole.proof(0), coin)
    for index in range(6):
        earner.pull(index, coin)
    assert earner.there(coin) == 0


def test_only_what_leads_to_the_root_is_paid(world, earner, tree):
    accept(world, earner, tree)
    earner.earn(WHOLE)
    pull = world.contracts.pull_share
    good = tree.proof(1)
    with pytest.raises(ArgumentRefused, match="no epoch 2"):
        pull(world.creator, earner.track.id, 2, good)
    with pytest.raises(ArgumentRefused, match="no epoch 0"):
        pull(world.creator, earner.track.id, 0, good)
    for share in (
        Share("model", good.share.holder, good.share.ppm),
        Share("dataset", good.share.holder + 1, good.share.ppm),
    ):
        with pytest.raises(ProofInvalid, match="epoch 1"):
            pull(world.creator, earner.track.id, 1, dataclasses.replace(good, share=share))
    with pytest.raises(ProofInvalid, match="ppm"):
        share = Share("dataset", good.share.holder, good.share.ppm + 1)
        pull(world.creator, earner.track.id, 1, dataclasses.replace(good, share=share))
    turned = tuple(Sibling(one.hash, one.ppm, not one.left) for one in good.path)
    with pytest.raises(ProofInvalid, match="epoch 1"):
        pull(world.creator, earner.track.id, 1, dataclasses.replace(good, path=turned))
    with pytest.raises(ProofInvalid, match="ppm"):
        pull(world.creator, earner.track.id, 1, dataclasses.replace(good, path=good.path[:-1]))
    assert earner.there() == WHOLE
    pull(world.creator, earner.track.id, 1, good)


def test_shares_of_tokens_follow_their_owners(world, own_scene):
    earner = own_scene.track(opened=True)
    tree = half_for_another(world, earner)
    accept(world, earner, tree)
    heir = world.person()
    world.give(earner.payees[2], "Datasets", heir.address, tree.shares[1].holder)
    earner.earn(WHOLE)
    before = world.chain.balance(heir.address)
    world.contracts.pull_share(world.creator, earner.track.id, 1, tree.proof(1))
    assert world.chain.balance(heir.address) == before + 300_001


def test_each_share_has_a_seat_of_its_own(world, earner):
    """Also where many are as large, and to the right of as much."""
    people = [world.person() for _ in range(5)]
    tree = ShareTree([Share("account", person.address, WHOLE // 5) for person in people])
    coin = world.coin()
    accept(world, earner, tree, coin)
    earner.earn(10, coin)
    first = world.chain.block_number
    for place, person in enumerate(people):
        world.contracts.pull_share(world.creator, earner.track.id, 1, tree.proof(place), coin)
        assert world.contracts.tokens(person.address, coin) == 2
    pulled = world.chain.events(Interface.load("Split"), earner.account, "Pulled", first, currency=coin)
    assert [event.arguments["start"] for event in pulled] == [0, 200_000, 400_000, 600_000, 800_000]
