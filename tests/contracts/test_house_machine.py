"""Whatever people do, the contracts do what their model says (``house_model.py``), and refuse what it refuses.

After every step all money is where the model has it, and at the end of each example all that the contracts tell is
compared with all that the model knows. The rules about datasets, models and tracks are in ``house_rules.py``.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from house_account import WHOLE, Account, Share
from house_rules import FOREVER, WorkRules, cuts, ends, people, picks, rightful, seldom, wei
from house_street import MovingClock, Street
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from ledger import shares as trees
from ledger.address import Address
from ledger.chain import Chain
from ledger.digest import Digest

places = st.sampled_from([0, 0, 1, 1, 2, 3, 4])
tills = st.sampled_from(["licenses", "market"])


class HouseMachine(WorkRules):
    # -- what a track earns

    def account(self, number: int) -> tuple[int, Account]:
        """A track that exists, and its account."""
        tracks = [*self.house.accounts]
        id = tracks[number % len(tracks)]
        return id, self.house.accounts[id]

    def shareholder(self, account: Account, place: int) -> str:
        """Who holds a recorded share."""
        return self.name(self.house.payee(account.recorded[min(place, len(account.recorded) - 1)]))

    @rule(number=picks, by=people, amount=wei)
    def send_ether(self, number: int, by: str, amount: int) -> None:
        """Before and after the account is made."""
        id, _ = self.account(number)
        self.both(
            by,
            lambda: self.house.send(self.at(by), id, amount),
            lambda: self.contracts.chain.transact(self.who[by], self.pair.accounts[id], b"", value=amount),
        )

    @rule(number=picks, by=people)
    def open_account(self, number: int, by: str) -> None:
        """As often as anybody likes."""
        id, account = self.account(number)
        account.opened = True
        track = self.contracts.track(id)
        given = self.both(by, lambda: None, lambda: self.contracts.open_royalties(self.who[by], track))
        assert given == (None, self.pair.accounts[id])

    @rule(number=picks, place=places, by=people, amount=wei)
    def pull_after_income(self, number: int, place: int, by: str, amount: int) -> None:
        self.send_ether(number, by, amount)
        self.pull(number, place, by)

    def pull(self, number: int, place: int, by: str) -> None:
        """Anybody may ask; exactly what is due goes to whoever holds the share: purses are looked into after."""
        id, _ = self.account(number)
        self.both(
            by,
            lambda: self.house.pull(id, 0, place),
            lambda: self.contracts.pull_royalty(self.who[by], id, place),
        )

    @rule(number=picks, amount=wei)
    def pull_all(self, number: int, amount: int) -> None:
        """When every share is pulled, less than one wei per share is left."""
        self.send_ether(number, "dora", amount)
        _, account = self.account(number)
        for place in range(len(account.recorded)):
            self.pull(number, place, "ada")
        if account.adopted == 0:
            assert account.balance < len(account.recorded)

    # -- epochs

    def tree(self, shares: tuple[Share, ...]) -> trees.ShareTree:
        return trees.ShareTree([trees.Share(share.kind, share.holder, share.ppm) for share in shares])

    @rule(number=picks, place=places, by=rightful, cut=cuts, holders=st.lists(people, min_size=3, max_size=3))
    def propose(self, number: int, place: int, by: str | None, cut: list[int], holders: list[str]) -> None:
        """New shares: the owner of dataset 1, and two people. The account has to be there."""
        id, account = self.account(number)
        if not account.opened:
            self.open_account(number, "ada")
        by, bounds = by or self.shareholder(account, place), [0, *cut, WHOLE]
        parts = [high - low for low, high in pairwise(bounds)]
        named = [("dataset", 1), *(("account", self.at(name)) for name in holders)]
        shares = tuple(Share(*holder, ppm) for holder, ppm in zip(named, parts, strict=False))
        tree = self.tree(shares)
        root, proof = Digest(tree.root), tree.proof(place % len(shares))
        self.both(
            by,
            lambda: self.house.decide(self.at(by), id, place).propose(shares, self.house.now),
            lambda: self.contracts.propose_shares(self.who[by], id, place, root, proof),
        )

    @rule(number=picks, place=places, by=rightful, other=seldom)
    def object_to(self, number: int, place: int, by: str | None, other: bool) -> None:
        """``other``: to shares that are not the proposed ones."""
        id, account = self.account(number)
        if account.proposed is None:
            self.propose(number, 0, None, [600_000], ["ada", "ben", "cleo"])
        by = by or self.shareholder(account, place)
        nobody = (Share("account", self.at("ada"), WHOLE),)
        shares = nobody if other or account.proposed is None else account.proposed
        root = Digest(self.tree(shares).root)
        self.both(
            by,
            lambda: self.house.decide(self.at(by), id, place).object(shares, self.house.now),
            lambda: self.contracts.object_to_shares(self.who[by], id, place, root),
        )

    @rule(number=picks, place=places, by=rightful, on=seldom)
    def refuse_all(self, number: int, place: int, by: str | None, on: bool) -> None:
        id, account = self.account(number)
        if not account.opened:
            self.open_account(number, "ada")
        by = by or self.shareholder(account, place)
        self.both(
            by,
            lambda: self.house.decide(self.at(by), id, place).refuse(place, on, self.house.now),
            lambda: self.contracts.refuse_shares(self.who[by], id, place, on),
        )

    @rule(number=picks, by=people, patient=st.booleans())
    def adopt(self, number: int, by: str, patient: bool) -> None:
        """``patient``: after the window of a proposal."""
        id, account = self.account(number)
        if not account.opened or (patient and account.proposed is None):
            self.propose(number, 0, None, [400_000], ["ben", "cleo", "dora"])
        if patient:
            self.clock.time = max(self.clock.time, account.counts_from)
        self.both(
            by,
            lambda: account.adopt(self.house.now),
            lambda: self.contracts.adopt_shares(self.who[by], id),
        )

    @rule(number=picks, place=places, by=people, ahead=seldom, amount=wei)
    def pull_proven(self, number: int, place: int, by: str, ahead: bool, amount: int) -> None:
        """A share of the newest epoch, after some income; ``ahead``: an epoch that is not there yet."""
        id, account = self.account(number)
        if not account.accepted:
            self.adopt(number, by, True)
        if not account.accepted:
            return
        self.send_ether(number, by, amount)
        epoch, place = len(account.accepted), place % len(account.accepted[-1])
        proof = self.tree(account.accepted[-1]).proof(place)
        self.both(
            by,
            lambda: self.house.pull(id, epoch + ahead, place),
            lambda: self.contracts.pull_share(self.who[by], id, epoch + ahead, proof),
        )

    # -- market and tills

    def for_sale(self, number: int) -> int:
        """A track that is listed, first by this rule where none is; 9 for one that nobody has."""
        if number != 9 and not self.house.listings:
            self.list_track(number, None, 1_000_003, None)
        listed = [*self.house.listings]
        return listed[number % len(listed)] if listed and number != 9 else self.pick("track", number)

    @rule(number=picks, by=rightful, price=wei, end=ends)
    def list_track(self, number: int, by: str | None, price: int, end: int | None) -> None:
        id, until = self.pick("track", number), self.until(end)
        by, last = by or self.owner("track", id), None if until == FOREVER else until
        self.both(
            by,
            lambda: self.house.list_track(self.at(by), id, price, until),
            lambda: self.contracts.list_track(self.who[by], id, price, until=last),
        )

    @rule(number=picks, by=rightful)
    def unlist_track(self, number: int, by: str | None) -> None:
        """Mostly one that is for sale: of many tracks, few are."""
        id = self.for_sale(number)
        listing = self.house.listings.get(id)
        by = by or (self.name(listing.seller) if listing else "ada")
        self.both(
            by,
            lambda: self.house.unlist(self.at(by), id),
            lambda: self.contracts.unlist_track(self.who[by], id),
        )

    @rule(number=picks, by=people, wrong=seldom, more=seldom)
    def buy_track(self, number: int, by: str, wrong: bool, more: bool) -> None:
        """``wrong``: another price is agreed to than is asked; ``more``: too much is sent."""
        self.buy(self.for_sale(number), by, wrong, more)

    def buy(self, id: int, by: str, wrong: bool, more: bool) -> None:
        price = (self.house.listings[id].price if id in self.house.listings else 0) + wrong
        sent, ether = price + more, Address(bytes(20))
        given = self.both(
            by,
            lambda: self.house.buy_track(self.at(by), id, price, sent),
            (lambda: self.pair.raw(by, "Market", "buy", id, ether, price, value=sent))
            if more
            else (lambda: self.contracts.buy_track(self.who[by], id, price)),
        )
        if given:
            assert given[1].owner == self.at(by)
            assert self.contracts.royalty(id, price) == (self.pair.accounts[id], given[0])

    @rule(number=st.integers(0, 6), price=wei, to=people, by=people)
    def buy_what_came_back(self, number: int, price: int, to: str, by: str) -> None:
        """A forgotten offer does not sell a track that went away and came back."""
        id = self.account(number)[0]
        self.list_track(number, None, price, None)
        lender = self.owner("track", id)
        self.transfer("track", number, lender, to)
        self.transfer("track", number, to, lender)
        self.buy(id, by, False, False)

    @rule(till=tills, by=people)
    def withdraw(self, till: Any, by: str) -> None:
        self.both(
            by,
            lambda: self.house.withdraw(self.at(by), till),
            lambda: self.contracts.withdraw(self.who[by], till=till),
        )

    # -- at any time

    @invariant()
    def money_is_where_the_model_has_it(self) -> None:
        self.pair.check_money()

    def teardown(self) -> None:
        if sys.exception() is None:
            self.pair.check_everything()


EVERY_DAY = settings(
    max_examples=3,
    stateful_step_count=20,
    derandomize=True,
    deadline=None,
    print_blob=True,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
THOROUGH = settings(EVERY_DAY, max_examples=25, stateful_step_count=50)


@pytest.fixture
def street(tmp_path: Any) -> Iterator[Street]:
    clock = MovingClock()
    with Chain.open_embedded(tmp_path, clock=clock) as chain:
        yield Street(chain, clock)


def test_contracts_and_model_agree(street: Street) -> None:
    run_state_machine_as_test(lambda: HouseMachine(street), settings=EVERY_DAY)


@pytest.mark.slow
def test_contracts_and_model_agree_for_long(street: Street) -> None:
    run_state_machine_as_test(lambda: HouseMachine(street), settings=THOROUGH)
    tried = Counter(rule for rule, _ in street.happened.elements())
    never = [rule for rule, times in tried.items() if times > 10 and not street.happened[rule, "done"]]
    assert not never, f"what is tried so often is allowed now and then: {never}"
