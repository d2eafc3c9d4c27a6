"""Gas of every action that costs some, in named situations, on Ganache or on the chain in the process.

    python benchmarks/gas.py                 # on Ganache: npm ci --prefix contracts first
    python benchmarks/gas.py --write         # and keep: benchmarks/gas.md, benchmarks/gas.json

Keys, digests and their order are fixed, so that every run gives the same figures on both chains.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.abi import Interface
from ledger.address import Address
from ledger.chain import Chain
from ledger.cid import Cid
from ledger.contracts import Contracts, deploy
from ledger.contracts.words import ETHER, FOREVER
from ledger.deployment import NOUNS, Deployment
from ledger.digest import Digest
from ledger.keys import LocalSigner
from ledger.merkle import MerkleTree
from ledger.voucher import Voucher, sign

FOLDER = Path(__file__).resolve().parent
sys.path.append(str(FOLDER.parent / "tests"))
import ganache_server  # noqa: E402

WEI = 10**18
PRICE = WEI // 20
TRAIN, GENERATE = 1, 2

# What an action may cost, and what others pay for the like, measured with the same compiler and settings.
TARGETS = {
    "register a dataset": (150_000, None),
    "buy a license": (95_000, None),
    "record a training run over 4 datasets": (190_000, None),
    "mint a track": (130_000, ("OpenZeppelin mint, 3 digests, ERC-2981, no look-up", 159_129)),
    "anchor 1000 tracks": (50_000, ("a Merkle root for 1000 in a slot", 48_321)),
    "mint one by proof": (125_000, None),
    "pull a royalty among 10 holders": (75_000, ("pushing to 10 holders at once, all ten", 367_403)),
}
# The situation that a target is read for: what most calls will be like.
READ_FOR = {
    "register a dataset": "the first of all",
    "buy a license": "a new buyer, of a holder who has sold before",
    "record a training run over 4 datasets": "a new trainer",
    "mint a track": "a licensed creator's first",
    "anchor 1000 tracks": "any",
    "mint one by proof": "a licensed creator's next",
    "pull a royalty among 10 holders": "a holder's first",
}


@dataclass(frozen=True)
class Row:
    """What one action cost in one situation."""

    action: str
    situation: str
    gas: int


class Meter:
    """A deployment, people with fixed keys, and what their transactions cost."""

    def __init__(self, chain: Chain, rich: LocalSigner) -> None:
        self.chain, self._rich, self._people, self._labels = chain, rich, 0, 0
        self.on: Deployment = deploy(chain, self.person())
        self.contracts = Contracts(chain, self.on)
        self._interfaces = {noun: Interface.load(noun.capitalize()) for noun in NOUNS}
        self.rows: list[Row] = []

    def person(self) -> LocalSigner:
        """Somebody new, with ten ether."""
        self._people += 1
        person = LocalSigner(hashlib.sha256(b"gas: person %d" % self._people).digest())
        self.chain.transact(self._rich, person.address, b"", value=10 * WEI)
        return person

    def fresh(self) -> Digest:
        """A digest that was not used before; without zero bytes, so that all cost the same."""
        self._labels += 1
        raw = hashlib.sha256(b"gas: digest %d" % self._labels).digest()
        return Digest(raw.replace(b"\0", b"\1"))

    def send(self, who: LocalSigner, noun: str, function: str, *arguments: Any, value: int = 0) -> int:
        """Call a contract; gives the gas that it used."""
        at = getattr(self.on, noun)
        return self.chain.send(who, self._interfaces[noun], at, function, *arguments, value=value).gas

    def note(self, action: str, situation: str, gas: int) -> None:
        self.rows.append(Row(action, situation, gas))


def measure(chain: Chain, rich: LocalSigner) -> list[Row]:
    """Every action in its situations, on a chain that is new."""
    meter = Meter(chain, rich)
    trainer = _rights(meter)
    _anchors(meter, trainer)
    _money(meter)
    return meter.rows


def _terms(royalty_ppm: int = 50_000) -> tuple[Any, ...]:
    return PRICE, FOREVER, royalty_ppm, TRAIN, 0, ETHER


def _register(meter: Meter, who: LocalSigner, royalty_ppm: int = 50_000) -> int:
    cid = str(Cid.of_digest(meter.fresh().raw))
    return meter.send(who, "datasets", "register", meter.fresh(), meter.fresh(), _terms(royalty_ppm), cid)


def _buy(meter: Meter, who: LocalSigner, dataset: int, royalty_ppm: int = 50_000) -> int:
    deal = (PRICE, ETHER, FOREVER, royalty_ppm)
    digests = meter.fresh(), meter.fresh()
    return meter.send(who, "licenses", "buy", meter.on.datasets, dataset, TRAIN, deal, *digests, value=PRICE)


def _record(meter: Meter, who: LocalSigner, datasets: list[int]) -> int:
    share = 1_000_000 // len(datasets)
    shares = [share + 1_000_000 - share * len(datasets), *[share] * (len(datasets) - 1)]
    cid = str(Cid.of_digest(meter.fresh().raw))
    run = (meter.fresh(), meter.fresh(), 20_000, datasets, shares, [], cid)
    return meter.send(who, "models", "record", run)


def _mint(meter: Meter, who: LocalSigner, model: int) -> int:
    work = (meter.fresh(), meter.fresh(), meter.fresh(), model, 100_000)
    return meter.send(who, "tracks", "mint", work, meter.fresh())


def _deadline(chain: Chain) -> int:
    """A time to come, without zero bytes for most of the year, so that it costs the same in every run."""
    return chain.timestamp(chain.block_number) // 2**24 * 2**24 + 2**24 + 0x010101


def _rights(meter: Meter) -> LocalSigner:
    """Datasets, licenses, a model, tracks; gives the trainer of model 1."""
    first, second = meter.person(), meter.person()
    meter.note("register a dataset", "the first of all", _register(meter, first))
    meter.note("register a dataset", "a new holder", _register(meter, second))
    meter.note("register a dataset", "a holder's next", _register(meter, first))
    for _ in range(2):
        _register(meter, first)
    trainer, other = meter.person(), meter.person()
    meter.note("buy a license", "a new buyer, of a holder who has sold nothing", _buy(meter, trainer, 1))
    meter.note("buy a license", "a new buyer, of a holder who has sold before", _buy(meter, other, 3))
    meter.note("buy a license", "a buyer's next", _buy(meter, trainer, 3))
    for dataset in (2, 4, 5):
        _buy(meter, trainer, dataset)
    new_terms = (2 * PRICE, FOREVER, 60_000, TRAIN, 0, ETHER)
    meter.note("change a dataset's terms", "any", meter.send(second, "datasets", "changeTerms", 2, new_terms))
    meter.note("withdraw consent", "any", meter.send(second, "datasets", "withdrawConsent", 2))
    meter.note("fetch what sales earned", "any", meter.send(first, "licenses", "withdraw", ETHER))
    action = "record a training run over 4 datasets"
    meter.note(action, "a new trainer", _record(meter, trainer, [1, 3, 4, 5]))
    meter.note(action, "a trainer's next", _record(meter, trainer, [1, 3, 4, 5]))
    creator = meter.person()
    grant = (meter.on.models, 1, creator.address, GENERATE, FOREVER, meter.fresh(), meter.fresh())
    meter.note("grant a license", "a new licensee", meter.send(trainer, "licenses", "grant", *grant))
    meter.note("mint a track", "a licensed creator's first", _mint(meter, creator, 1))
    meter.note("mint a track", "a licensed creator's next", _mint(meter, creator, 1))
    meter.note("mint a track", "the model's owner's first", _mint(meter, trainer, 1))
    meter.note("mint a track", "the model's owner's next", _mint(meter, trainer, 1))
    digests = [meter.fresh() for _ in range(4)]
    deadline = _deadline(meter.chain)
    voucher = Voucher(*digests[:3], 1, 100_000, creator.address, other.address, deadline, digests[3])
    signature = sign(voucher, creator, meter.chain.chain_id, meter.on.tracks)
    word = ((*digests[:3], 1, 100_000), creator.address, other.address, deadline, digests[3])
    gas = meter.send(meter.person(), "tracks", "mintByVoucher", word, signature)
    meter.note("mint a track by voucher", "a new owner", gas)
    return trainer


def _anchors(meter: Meter, trainer: LocalSigner) -> None:
    creator, newcomer = meter.person(), meter.person()
    for licensee in (creator, newcomer):
        grant = (meter.on.models, 1, licensee.address, GENERATE, FOREVER, meter.fresh(), meter.fresh())
        meter.send(trainer, "licenses", "grant", *grant)
    _mint(meter, creator, 1)
    situations = (
        (creator, "a licensed creator's next"),
        (newcomer, "a licensed creator's first"),
        (trainer, "the model's owner's next"),
    )
    for number, (who, situation) in enumerate(situations):
        leaves = [b"".join(meter.fresh().raw for _ in range(3)) for _ in range(1000)]
        tree = MerkleTree(leaves)
        gas = meter.send(who, "tracks", "anchor", tree.root, 1000, 1, 100_000, meter.fresh())
        if number == 0:
            meter.note("anchor 1000 tracks", "any", gas)
        leaf = leaves[500]
        word = (leaf[:32], leaf[32:64], leaf[64:])
        path = tree.proof(500).path
        gas = meter.send(who, "tracks", "mintAnchored", tree.root, 500, word, path, meter.fresh())
        meter.note("mint one by proof", situation, gas)


def _money(meter: Meter) -> None:
    holders = [meter.person() for _ in range(8)]
    trainer, creator, buyer = meter.person(), meter.person(), meter.person()
    datasets = []
    for holder in holders:
        _register(meter, holder, 200_000)
        datasets.append(meter.chain.call(Interface.load("Datasets"), meter.on.datasets, "count"))
        _buy(meter, trainer, datasets[-1], 200_000)
    _record(meter, trainer, datasets)
    model = meter.chain.call(Interface.load("Models"), meter.on.models, "count")
    grant = (meter.on.models, model, creator.address, GENERATE, FOREVER, meter.fresh(), meter.fresh())
    meter.send(trainer, "licenses", "grant", *grant)
    claim = meter.fresh()
    work = (claim, meter.fresh(), meter.fresh(), model, 100_000)
    meter.send(creator, "tracks", "mint", work, meter.fresh())
    track = meter.contracts.track_id(creator.address, claim)
    gas = meter.send(creator, "market", "list", track, WEI, ETHER, FOREVER)
    meter.note("list a track", "a first time", gas)
    meter.note("approve the sale", "any", meter.send(creator, "tracks", "approve", meter.on.market, track))
    gas = meter.send(buyer, "market", "buy", track, ETHER, WEI, value=WEI)
    meter.note("buy a track", "a new owner, royalty to an account of 10 holders", gas)
    account: Address = meter.contracts.royalty(track, 0)[0]
    split, action = Interface.load("Split"), "pull a royalty among 10 holders"
    gas = meter.send(holders[0], "royalties", "pull", track, creator.address, model, ETHER, 2)
    meter.note(action, "the first of all, which makes the account", gas)
    meter.note(action, "a holder's first", meter.chain.send(holders[7], split, account, "pull", ETHER, 9).gas)
    meter.note(action, "the creator's first", meter.chain.send(creator, split, account, "pull", ETHER, 0).gas)
    meter.chain.transact(buyer, account, b"", value=WEI)
    meter.note(action, "a holder's next", meter.chain.send(holders[7], split, account, "pull", ETHER, 9).gas)


@contextlib.contextmanager
def opened(kind: str) -> Iterator[tuple[Chain, LocalSigner]]:
    """A new chain of a kind, ``ganache`` or ``embedded``, and somebody rich on it."""
    if kind == "embedded":
        with tempfile.TemporaryDirectory() as folder, Chain.open_embedded(Path(folder)) as chain:
            rich = LocalSigner(hashlib.sha256(b"gas: somebody rich").digest())
            chain.fund(rich.address, 10_000 * WEI)
            yield chain, rich
        return
    server, url = ganache_server.start()
    try:
        ganache_server.wait(server, url)
        with Chain.open_rpc(url) as chain:
            rich = LocalSigner(ganache_server.RICH[0].to_bytes(32))
            for number in ganache_server.RICH[1:]:
                other = LocalSigner(number.to_bytes(32))
                chain.transact(other, rich.address, b"", value=90 * WEI)
            yield chain, rich
    finally:
        server.kill()
        server.wait()


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| action | situation | gas | at most | beside |", "|---|---|---:|---:|---|"]
    for row in rows:
        target, peer = TARGETS.get(row.action, (None, None))
        read = READ_FOR.get(row.action) == row.situation
        mark = f"**{target:,}**" if target and read else f"{target:,}" if target else ""
        beside = f"{row.gas / peer[1]:.2f} x {peer[1]:,}: {peer[0]}" if peer and read else ""
        lines.append(f"| {row.action} | {row.situation} | {row.gas:,} | {mark} | {beside} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chain", choices=("ganache", "embedded"), default="ganache")
    parser.add_argument("--write", action="store_true", help="write gas.md and gas.json beside this program")
    options = parser.parse_args()
    with opened(options.chain) as (chain, rich):
        rows = measure(chain, rich)
    print(table(rows))
    if options.write:
        figures = [{"action": row.action, "situation": row.situation, "gas": row.gas} for row in rows]
        (FOLDER / "gas.json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
        page = FOLDER / "gas.md"
        head = page.read_text("utf-8").split("| action |", maxsplit=1)[0]
        page.write_text(head + table(rows) + "\n", "utf-8")


if __name__ == "__main__":
    main()
