"""A chain with the contracts on it, and people with money."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ledger.chain import Chain
from ledger.contracts import Contracts, DatasetEntry, ModelEntry
from ledger.digest import Digest
from ledger.keys import LocalSigner

ETHER = 10**18
PRICE = 1000
CID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"


@dataclass
class Clock:
    """Wall-clock time that a test may move."""

    now: float

    def __call__(self) -> float:
        return self.now


def fresh() -> Digest:
    """A digest that nobody has seen."""
    return Digest(os.urandom(32))


@dataclass
class World:
    chain: Chain
    contracts: Contracts
    clock: Clock
    holder: LocalSigner
    trainer: LocalSigner
    creator: LocalSigner

    def person(self) -> LocalSigner:
        signer = LocalSigner.generate()
        self.chain.fund(signer.address, ETHER)
        return signer

    def dataset(self, uses: tuple[str, ...] = ("train", "generate", "commercial"), price: int = PRICE) -> DatasetEntry:
        return self.contracts.register_dataset(self.holder, fresh(), fresh(), CID, price, 50_000, uses)

    def model(self) -> ModelEntry:
        dataset = self.dataset()
        self.contracts.buy_license(self.trainer, dataset.id, ["train"], fresh(), CID, PRICE)
        return self.contracts.record_model(self.trainer, fresh(), fresh(), CID, [(dataset.id, 1_000_000)])

    def at(self, contract: str) -> tuple:
        """Interface and address of a contract, for calls that the typed verbs do not offer."""
        return self.contracts._on._at[contract]
