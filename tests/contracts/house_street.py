"""The contracts beside their model: what is asked of one is asked of the other, and both have to say the same."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from house_account import WHOLE, Share
from house_licenses import FOREVER, Offer
from house_model import House

from ledger.address import Address
from ledger.chain import Chain
from ledger.contracts import Contracts, deploy
from ledger.digest import Digest
from ledger.errors import AlreadyRegistered, LedgerError, Reverted
from ledger.keys import LocalSigner
from ledger.records import Terms, timestamp

CID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
RICH = 10**24
NAMES = ("ada", "ben", "cleo", "dora")


@dataclass
class Street:
    """One chain for all examples: its clock, and people with money, always the same."""

    chain: Chain
    clock: MovingClock
    people: dict[str, LocalSigner] = field(default_factory=dict)
    happened: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each rule ended how, over all examples."""

    def __post_init__(self) -> None:
        for name in (*NAMES, "deployer"):
            self.people[name] = LocalSigner(hashlib.sha256(name.encode()).digest())
            self.chain.fund(self.people[name].address, RICH)


@dataclass
class MovingClock:
    """Unix time that goes on when a rule says so."""

    time: int = 1_790_000_000

    def __call__(self) -> float:
        return self.time


class Pair:
    """New contracts on the street's chain, and a new house."""

    def __init__(self, street: Street) -> None:
        self.street, self.chain, self.people = street, street.chain, street.people
        self.contracts = Contracts(self.chain, deploy(self.chain, self.people["deployer"]))
        purses = {person.address: self.chain.balance(person.address) for person in self.people.values()}
        self.house = House(street.clock, purses)
        self.accounts: dict[int, Address] = {}
        self._digests = 0

    def fresh(self) -> Digest:
        """A digest that is new to these contracts."""
        self._digests += 1
        return Digest.of(self._digests.to_bytes(8))

    def both(self, who: str, said: Callable[[], Any], done: Callable[[], Any], rule: str) -> tuple[Any, Any] | None:
        """Ask the model, then the contracts. What both gave, or None where both refused for the same reason."""
        before = self.chain.block_number
        foretold: LedgerError | None = None
        try:
            expected = said()
        except LedgerError as refusal:
            foretold = refusal
        try:
            made = done()
        except LedgerError as refusal:
            assert foretold is not None, f"{rule}: the contracts refused, and the model did not: {refusal!r}"
            assert type(refusal) is type(foretold), f"{rule}: {refusal!r} instead of {foretold!r}"
            if not isinstance(foretold, Reverted):
                assert str(foretold) in str(refusal), f"{rule}: {refusal!r} instead of {foretold!r}"
            if isinstance(foretold, AlreadyRegistered):
                assert refusal.id == foretold.id
            self.street.happened[rule, type(foretold).__name__] += 1
            return None
        assert foretold is None, f"{rule}: the contracts did what the model refuses: {foretold!r}"
        self.house.wei[self.people[who].address] -= self._gas_since(before)
        self.street.happened[rule, "done"] += 1
        return expected, made

    def raw(self, who: str, contract: str, function: str, *arguments: Any, value: int = 0) -> None:
        """A call that no typed verb offers; refusals are explained as ever."""
        self.contracts._on.send(self.people[who], contract, function, *arguments, value=value)

    def owed(self, model: int) -> tuple[Share, ...]:
        """What a model's tracks owe beside its own royalty; how it is packed, ``contracts/Dues.sol`` says."""
        _, dues = self.contracts._on.view("Models", "duesOf", model)
        return tuple(
            Share("model" if due >> 47 else "dataset", due & (1 << 27) - 1, due >> 27 & (1 << 20) - 1) for due in dues
        )

    def _gas_since(self, block: int) -> int:
        """What the transactions since then cost: each is alone in its block, and tips nobody."""
        headers = [self.chain._network._header(number) for number in range(block + 1, self.chain.block_number + 1)]
        return sum(header.gas_used * header.base_fee_per_gas for header in headers)

    # -- what is true at any time

    def check_money(self) -> None:
        """Every wei is where the model has it: nobody's balance fell without their act, and no till is short."""
        house, chain, deployment = self.house, self.chain, self.contracts.deployment
        for account, wei in house.wei.items():
            assert chain.balance(account) == wei, f"the purse of {account}"
        for till in ("licenses", "market"):
            assert chain.balance(getattr(deployment, till)) == house.credit[till].total(), f"the till of {till}"
        for track, address in self.accounts.items():
            account = house.accounts[track]
            assert chain.balance(address) == account.received - account.released >= 0, f"the account of {track:016x}"

    def check_everything(self) -> None:
        """All that the contracts tell is what the model knows."""
        house, contracts = self.house, self.contracts
        datasets, models, tracks = contracts.datasets(), contracts.models(), contracts.tracks()
        assert [entry.id for entry in datasets] == [*house.subjects["dataset"]]
        assert {entry.root: entry.id for entry in datasets} == house.digests["root"]
        assert [entry.id for entry in models] == [*house.subjects["model"]]
        assert {entry.weights: entry.id for entry in models} == house.digests["weights"]
        assert [entry.id for entry in tracks] == [*house.tracks]
        assert {entry.audio: entry.id for entry in tracks} == house.digests["audio"]
        for kind, entries in (("dataset", datasets), ("model", models)):
            for entry in entries:
                subject = house.subjects[kind][entry.id]
                assert (entry.owner, entry.terms) == (subject.owner, terms(subject.offer))
                self._check_licenses(kind, entry.id)
        assert [entry.consent for entry in datasets] == [kept.consent for kept in house.subjects["dataset"].values()]
        for entry in tracks:
            track = house.tracks[entry.id]
            assert (entry.owner, entry.creator, entry.model) == (track.owner, track.creator, track.work.model)
            self._check_shares(entry.id)
            listing, kept = contracts.listing(entry.id), house.listings.get(entry.id)
            assert (listing and (listing.seller, listing.price)) == (kept and (kept.seller, kept.price))
        for till in ("licenses", "market"):
            for account in house.wei:
                assert contracts.due(account, till=till) == house.credit[till][account]

    def _check_licenses(self, kind: Any, id: int) -> None:
        issued = Counter(license.licensee for license in self.contracts.licenses(kind, id))
        for person in self.people.values():
            held = self.house.held.get((kind, id, person.address))
            assert issued[person.address] == (held.issued if held else 0)
            for use in ("train", "generate", "commercial"):
                licensed = self.contracts.is_licensed(kind, id, person.address, use)
                assert licensed == self.house.licensed(person.address, kind, id, use)

    def _check_shares(self, track: int) -> None:
        account = self.house.accounts[track]
        shares = self.contracts.royalty_shares(track)
        assert sum(share.ppm for share in shares) == WHOLE
        assert [(share.kind, share.holder, share.ppm) for share in shares] == [*account.recorded]
        for share in shares:
            assert share.payee == self.house.payee(account.recorded[share.index])
            if account.received:
                assert self.contracts.royalty_due(track, share.index) == account.due(0, share.index)


def terms(offer: Offer) -> Terms:
    """The model's offer as the typed verbs take it."""
    until = None if offer.until == FOREVER else timestamp(datetime.fromtimestamp(offer.until, UTC))
    return Terms(price=offer.price, royalty_ppm=offer.royalty_ppm, uses=offer.uses, until=until)
