"""Tracks that earn for six holders, and how much each of them holds."""

from __future__ import annotations

from dataclasses import dataclass

from world import CID, World, fresh, terms

from ledger.address import Address
from ledger.contracts import TrackEntry
from ledger.keys import LocalSigner


class Scene:
    """A model of two datasets and a parent, and a creator who is licensed to generate with it."""

    def __init__(self, world: World) -> None:
        """In parts per million: datasets 60,000 and 20,000, parent 30,000 and its dataset 100,001, model 40,000."""
        self.world = world
        holders = [world.person() for _ in range(3)]
        asked = ((100_000, holders[0]), (50_000, holders[1]), (100_001, holders[2]))
        one, two, three = (world.dataset(terms(royalty_ppm=ppm), owner) for ppm, owner in asked)
        parent = world.model(three, royalty_ppm=30_000)
        trainer, creator = world.person(), world.person()
        for dataset in (one, two):
            world.buy(trainer, dataset)
        world.grant(world.trainer, parent, trainer.address)
        parts = [(one.id, 600_000), (two.id, 400_000)]
        self.model = world.contracts.record_model(
            trainer, fresh(), fresh(), CID, parts, parents=[parent.id], royalty_ppm=40_000
        )
        world.grant(trainer, self.model, creator.address, ["generate"])
        self.shares = [749_999, 40_000, 60_000, 20_000, 30_000, 100_001]
        self.payees = [creator, trainer, holders[0], holders[1], world.trainer, holders[2]]

    def track(self, *, opened: bool = False) -> Earning:
        """A new track, and its account if wanted."""
        track = self.world.track(self.model, self.payees[0])
        account = self.world.contracts.royalty(track.id, 0)[0]
        if opened:
            self.world.send(self.world.creator, "Royalties", "open", track.id, track.creator, track.model)
        return Earning(self.world, track, account, self.shares, self.payees)


@dataclass
class Earning:
    """A track: its account, its shares in parts per million, and who holds them."""

    world: World
    track: TrackEntry
    account: Address
    shares: list[int]
    payees: list[LocalSigner]

    def earn(self, amount: int, currency: Address | None = None) -> None:
        """Let money come in."""
        if currency is None:
            self.world.pay(self.account, amount)
        else:
            self.world.tell("Token", currency, "mint", self.account, amount)

    def due(self, currency: Address | None = None) -> list[int]:
        """What each share may fetch."""
        places = range(len(self.shares))
        return [self.world.contracts.royalty_due(self.track.id, place, currency) for place in places]

    def pull(self, index: int, currency: Address | None = None, by: LocalSigner | None = None) -> None:
        """Pay a share out."""
        self.world.contracts.pull_royalty(by or self.world.creator, self.track.id, index, currency)

    def there(self, currency: Address | None = None) -> int:
        """What lies in the account."""
        return self.holds(self.account, currency)

    def holds(self, who: Address, currency: Address | None = None) -> int:
        """What somebody has."""
        return self.world.chain.balance(who) if currency is None else self.world.contracts.tokens(who, currency)
