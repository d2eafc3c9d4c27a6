"""A chain with the contracts on it, people with money, and a clock that stands still until a test moves it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from adversaries import adversary

from ledger.address import Address
from ledger.chain import Chain
from ledger.contracts import Contracts, DatasetEntry, LicenseEntry, ModelEntry, TrackEntry
from ledger.digest import Digest
from ledger.keys import LocalSigner
from ledger.records import Terms, timestamp

ETHER = 10**18
PRICE = 1000
WHOLE = 1_000_000
CID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
NO_CURRENCY = Address(bytes(20))
FOREVER = 2**40 - 1


class Clock(Protocol):
    """A chain's time, Unix time in seconds."""

    def now(self) -> int:
        """What the next block will say."""

    def go_to(self, time: int) -> None:
        """Let the next block say this."""


def fresh() -> Digest:
    """A digest that nobody has seen."""
    return Digest(os.urandom(32))


def terms(price: int = PRICE, *, until: int | None = None, **others: Any) -> Terms:
    """Terms under which everything is for sale; ``until`` is Unix time."""
    end = None if until is None else timestamp(datetime.fromtimestamp(until, UTC))
    defaults = {"royalty_ppm": 50_000, "uses": ("train", "generate", "commercial")}
    return Terms(price=price, until=end, **(defaults | others))


@dataclass
class World:
    """The contracts on one chain.

    Attributes:
        bank: whose money people get on a chain without a faucet.
        holder, trainer, creator: people who are there from the beginning.
    """

    chain: Chain
    clock: Clock
    bank: LocalSigner | None
    contracts: Contracts = field(init=False)
    holder: LocalSigner = field(init=False)
    trainer: LocalSigner = field(init=False)
    creator: LocalSigner = field(init=False)

    def person(self, wei: int = ETHER) -> LocalSigner:
        """Somebody new, with money."""
        signer = LocalSigner.generate()
        self.pay(signer.address, wei)
        return signer

    def pay(self, account: Address, wei: int) -> None:
        """Send ether to an account."""
        if self.bank is None:
            self.chain.fund(account, wei)
        else:
            self.chain.transact(self.bank, account, b"", value=wei)

    # -- what most tests begin with

    def dataset(self, on: Terms | None = None, owner: LocalSigner | None = None) -> DatasetEntry:
        """A dataset of the holder's."""
        return self.contracts.register_dataset(owner or self.holder, fresh(), fresh(), CID, on or terms())

    def buy(
        self, buyer: LocalSigner, subject: DatasetEntry | ModelEntry, uses: Sequence[str] = ("train",)
    ) -> LicenseEntry:
        """Buy a license of a dataset or model, on the terms that the entry says."""
        kind = "dataset" if isinstance(subject, DatasetEntry) else "model"
        return self.contracts.buy_license(buyer, kind, subject.id, uses, fresh(), CID, subject.terms)

    def grant(
        self,
        owner: LocalSigner,
        subject: DatasetEntry | ModelEntry,
        licensee: Address,
        uses: Sequence[str] = ("train",),
        until: int | None = None,
    ) -> LicenseEntry:
        """Grant a license."""
        kind = "dataset" if isinstance(subject, DatasetEntry) else "model"
        return self.contracts.grant_license(owner, kind, subject.id, licensee, uses, until, fresh(), CID)

    def record(self, trainer: LocalSigner, *datasets: DatasetEntry, **others: Any) -> ModelEntry:
        """A model of datasets in equal parts."""
        count = len(datasets)
        shares = [(dataset.id, WHOLE // count + (place < WHOLE % count)) for place, dataset in enumerate(datasets)]
        return self.contracts.record_model(trainer, fresh(), fresh(), CID, shares, **others)

    def model(self, *datasets: DatasetEntry, **others: Any) -> ModelEntry:
        """A model of the trainer's, who buys what it takes."""
        datasets = datasets or (self.dataset(),)
        for dataset in datasets:
            self.buy(self.trainer, dataset)
        return self.record(self.trainer, *datasets, **others)

    def track(self, model: ModelEntry, creator: LocalSigner | None = None, royalty_ppm: int = 100_000) -> TrackEntry:
        """A track; the trainer's own unless another creator, who is licensed, is named."""
        return self.contracts.mint_track(
            creator or self.trainer, fresh(), fresh(), fresh(), CID, model.id, royalty_ppm=royalty_ppm
        )

    # -- calls that the typed verbs do not offer

    def send(self, signer: LocalSigner, contract: str, function: str, *arguments: Any, value: int = 0) -> Any:
        """Call one of the contracts in a transaction; refusals are explained."""
        return self.contracts._on.send(signer, contract, function, *arguments, value=value)

    def view(self, contract: str, function: str, *arguments: Any) -> Any:
        """What a view function returns."""
        return self.contracts._on.view(contract, function, *arguments)

    def at(self, contract: str) -> tuple:
        """Interface and address of a contract."""
        return self.contracts._on._at[contract]

    def give(self, signer: LocalSigner, contract: str, to: Address, id: int) -> None:
        """Transfer a dataset, model or track."""
        self.send(signer, contract, "transferFrom", signer.address, to, id)

    # -- contracts that are none of ours

    def make(self, name: str, *arguments: Any) -> Address:
        """One of the adversaries."""
        return self.chain.create(self.creator, adversary(name), *arguments)

    def tell(self, name: str, address: Address, function: str, *arguments: Any, by: LocalSigner | None = None) -> None:
        """Call an adversary's own function."""
        self.chain.send(by or self.creator, adversary(name), address, function, *arguments)

    def know(self, name: str, address: Address, function: str, *arguments: Any) -> Any:
        """What an adversary's view function returns."""
        return self.chain.call(adversary(name), address, function, *arguments)

    def through(self, account: Address, contract: str, function: str, *arguments: Any, value: int = 0) -> None:
        """Let an adversary call one of the contracts; refusals are explained."""
        interface, address = self.at(contract)
        with self.contracts._on._explained():
            self.chain.send(
                self.creator,
                adversary("Guardian"),
                account,
                "ask",
                address,
                interface.call(function, *arguments),
                value=value,
            )

    def coin(self, *rich: Address, name: str = "Token", amount: int = 10**9) -> Address:
        """A token of which some have plenty."""
        token = self.make(name)
        for account in rich:
            self.tell(name, token, "mint", account, amount)
        return token
