"""A chain on which everything happens that the directory tells of; digests of made-up bytes stand for files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from api.home import Home
from api.settings import Settings
from ledger.abi import Interface
from ledger.address import Address
from ledger.chain import Chain
from ledger.cid import Cid
from ledger.contracts import Contracts
from ledger.digest import Digest
from ledger.keys import LocalSigner
from ledger.records import Terms

ANNA, BEN, CARL, DORA = (LocalSigner((number + 10).to_bytes(32)) for number in range(4))
TERMS = Terms(price=10**15, royalty_ppm=50_000, uses=("train", "generate"))
NEW_TERMS = Terms(price=2**96 - 1, royalty_ppm=10_000, uses=("train",), until="2031-01-01T00:00:00Z")
ETHER = 10**18


def digest(text: str) -> Digest:
    return Digest.of(text.encode())


def cid(text: str) -> str:
    return str(Cid.of_raw(text.encode()))


@dataclass
class Trade:
    """Acts on the contracts of an open chain. ``told`` are the tokens of the tracks, in order."""

    contracts: Contracts
    told: list[int]

    @property
    def chain(self) -> Chain:
        return self.contracts.chain

    def begin(self, pay: Callable[[Address], object] | None = None) -> None:
        """Two datasets, and a model of both: CARL's. ``pay`` gives an account an ether, where there is no faucet."""
        for signer in (ANNA, BEN, CARL, DORA):
            if pay is None:
                self.chain.fund(signer.address, ETHER)
            else:
                pay(signer.address)
        for signer, name in ((ANNA, "a"), (BEN, "b")):
            self.contracts.register_dataset(signer, digest(name), digest(f"{name} record"), cid(name), TERMS)
            self.license(CARL, self.contracts.dataset(1 if name == "a" else 2).id)
        shares = [(1, 400_000), (2, 600_000)]
        self.contracts.record_model(CARL, digest("w"), digest("run"), cid("run"), shares, royalty_ppm=70_000)

    def license(self, who: LocalSigner, dataset: int) -> None:
        terms = self.contracts.dataset(dataset).terms
        record = f"license {who.address} {dataset} {self.chain.block_number}"
        self.contracts.buy_license(who, "dataset", dataset, terms.uses, digest(record), cid(record), terms)

    def mint(self, name: str) -> int:
        made = (digest(f"{name} claim"), digest(f"{name} audio"), digest(f"{name} record"), cid(name), 1)
        entry = self.contracts.mint_track(CARL, *made, royalty_ppm=100_000)
        self.told.append(entry.id)
        return entry.id

    def give(self, track: int, giver: LocalSigner, taker: Address) -> None:
        tracks = Interface.load("Tracks")
        words = (giver.address, taker, track)
        self.chain.send(giver, tracks, self.contracts.deployment.tracks, "transferFrom", *words)

    def go_on(self, name: str) -> None:
        """Everything else, once."""
        contracts = self.contracts
        first, second, third = (self.mint(f"{name} {number}") for number in range(3))
        contracts.list_track(CARL, first, 10**15)
        contracts.list_track(CARL, second, 10**15, until=2**40 - 2)
        contracts.list_track(CARL, second, 2 * 10**15)
        contracts.list_track(CARL, third, 5)
        contracts.buy_track(DORA, first, 10**15)
        contracts.list_track(DORA, first, 7)
        contracts.unlist_track(CARL, second)
        self.give(third, CARL, BEN.address)  # its offer is stale now
        contracts.move_track(CARL, third, cid("elsewhere"))
        contracts.change_dataset_terms(ANNA, 1, NEW_TERMS)
        contracts.change_model_terms(CARL, 1, Terms(1, 70_000, ("generate",)))
        self.license(DORA, 2)


def home_of(folder: Path) -> Home:
    return Home(Settings(home=folder, passphrase="open sesame"))
