"""The actions whose gas ``benchmarks/gas.py`` tells, in their situations.

Keys, digests and their order are fixed, so that every run gives the same figures on both chains. None of what differs
between situations by chance, digests, addresses and signatures, has zero bytes, which cost less.
"""

from __future__ import annotations

import hashlib
import json
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
from ledger.network import Receipt
from ledger.voucher import Voucher, sign

WEI = 10**18
PRICE = WEI // 20
TRAIN, GENERATE = 1, 2
TOKEN = Path(__file__).resolve().parent.parent / "tests" / "contracts" / "adversaries.json"


@dataclass(frozen=True)
class Row:
    """What one action cost in one situation."""

    action: str
    situation: str
    gas: int


class Recorder(Chain):
    """A chain that remembers what each transaction used."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.used: list[int] = []

    def transact(self, *arguments: Any, **options: Any) -> Receipt:
        receipt = super().transact(*arguments, **options)
        self.used.append(receipt.gas)
        return receipt


class Meter:
    """A deployment, people with fixed keys, and what their transactions cost."""

    def __init__(self, chain: Recorder, rich: LocalSigner) -> None:
        self.chain, self._rich, self._people, self._labels = chain, rich, 0, 0
        self.on: Deployment = deploy(chain, self.person())
        self.contracts = Contracts(chain, self.on)
        self._interfaces = {noun: Interface.load(noun.capitalize()) for noun in NOUNS}
        self.rows = [Row("deploy", noun, gas) for noun, gas in zip(NOUNS, chain.used[-len(NOUNS) :], strict=True)]

    def person(self) -> LocalSigner:
        """Somebody new, with two ether; without zero bytes in the address, as in :meth:`fresh`."""
        while True:
            self._people += 1
            person = LocalSigner(hashlib.sha256(b"gas: person %d" % self._people).digest())
            if all(person.address.raw):
                self.chain.transact(self._rich, person.address, b"", value=2 * WEI)
                return person

    def fresh(self) -> Digest:
        """A digest that was not used before; without zero bytes, so that all cost the same."""
        self._labels += 1
        return _digest(b"gas: digest %d" % self._labels)

    def send(self, who: LocalSigner, noun: str, function: str, *arguments: Any, value: int = 0) -> int:
        """Call a contract; gives the gas that it used."""
        at = getattr(self.on, noun)
        return self.chain.send(who, self._interfaces[noun], at, function, *arguments, value=value).gas

    def note(self, action: str, situation: str, gas: int) -> None:
        self.rows.append(Row(action, situation, gas))


def _digest(data: bytes) -> Digest:
    return Digest(hashlib.sha256(data).digest().replace(b"\0", b"\1"))


def measure(chain: Recorder, rich: LocalSigner) -> list[Row]:
    """Every action in its situations, on a chain that is new."""
    meter = Meter(chain, rich)
    trainer = _rights(meter)
    _mints(meter, trainer)
    _anchors(meter, trainer)
    _tokens(meter)
    _royalties(meter)
    _market(meter, trainer)
    _keys(meter)
    return meter.rows


def _register(meter: Meter, who: LocalSigner, royalty_ppm: int = 50_000, currency: Address = ETHER) -> int:
    cid = str(Cid.of_digest(meter.fresh().raw))
    terms = (PRICE, FOREVER, royalty_ppm, TRAIN, 0, currency)
    return meter.send(who, "datasets", "register", meter.fresh(), meter.fresh(), terms, cid)


def _newest(meter: Meter, noun: str) -> int:
    return int(meter.chain.call(Interface.load(noun.capitalize()), getattr(meter.on, noun), "count"))


def _buy(meter: Meter, who: LocalSigner, dataset: int, royalty_ppm: int = 50_000, currency: Address = ETHER) -> int:
    deal = (PRICE, currency, FOREVER, royalty_ppm)
    digests = meter.fresh(), meter.fresh()
    value = PRICE if currency == ETHER else 0
    return meter.send(who, "licenses", "buy", meter.on.datasets, dataset, TRAIN, deal, *digests, value=value)


def _grant(meter: Meter, owner: LocalSigner, model: int, licensee: LocalSigner) -> int:
    grant = (meter.on.models, model, licensee.address, GENERATE, FOREVER, meter.fresh(), meter.fresh())
    return meter.send(owner, "licenses", "grant", *grant)


def _record(meter: Meter, who: LocalSigner, datasets: list[int]) -> int:
    share = 1_000_000 // len(datasets)
    shares = [share + 1_000_000 - share * len(datasets), *[share] * (len(datasets) - 1)]
    cid = str(Cid.of_digest(meter.fresh().raw))
    run = (meter.fresh(), meter.fresh(), 20_000, datasets, shares, [], cid)
    return meter.send(who, "models", "record", run)


def _mint(meter: Meter, who: LocalSigner, model: int) -> int:
    work = (meter.fresh(), meter.fresh(), meter.fresh(), model, 100_000)
    return meter.send(who, "tracks", "mint", work, meter.fresh())


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
    meter.note("fetch what sales earned", "of licenses", meter.send(first, "licenses", "withdraw", ETHER))
    action = "record a training run over 4 datasets"
    meter.note(action, "a new trainer", _record(meter, trainer, [1, 3, 4, 5]))
    meter.note(action, "a trainer's next", _record(meter, trainer, [1, 3, 4, 5]))
    return trainer


def _mints(meter: Meter, trainer: LocalSigner) -> None:
    creator = meter.person()
    meter.note("grant a license", "a new licensee", _grant(meter, trainer, 1, creator))
    meter.note("grant a license", "a licensee's next", _grant(meter, trainer, 1, creator))
    meter.note("mint a track", "a licensed creator's first", _mint(meter, creator, 1))
    meter.note("mint a track", "a licensed creator's next", _mint(meter, creator, 1))
    meter.note("mint a track", "the model's owner's first", _mint(meter, trainer, 1))
    meter.note("mint a track", "the model's owner's next", _mint(meter, trainer, 1))
    shop, owner = meter.person(), meter.person()
    for situation in ("a new owner", "an owner's next"):
        gas = meter.send(shop, "tracks", "mintByVoucher", *_voucher(meter, creator, owner))
        meter.note("mint a track by voucher", situation, gas)


def _voucher(meter: Meter, creator: LocalSigner, owner: LocalSigner) -> tuple[Any, bytes]:
    """A voucher and its signature, which differs between chains: one without zero bytes, so that its cost does not."""
    claim, audio, record = meter.fresh(), meter.fresh(), meter.fresh()
    content = meter.fresh()
    while True:
        voucher = Voucher(claim, audio, record, 1, 100_000, creator.address, owner.address, FOREVER, content)
        signature = sign(voucher, creator, meter.chain.chain_id, meter.on.tracks)
        if all(signature):
            return voucher.arguments, signature
        # Not a fresh one: how many it takes differs between chains, and what comes later must not.
        content = _digest(content.raw)


def _anchors(meter: Meter, trainer: LocalSigner) -> None:
    creator, newcomer = meter.person(), meter.person()
    for licensee in (creator, newcomer):
        _grant(meter, trainer, 1, licensee)
    _mint(meter, creator, 1)
    owner = meter.person()
    _buy(meter, owner, 1)
    _record(meter, owner, [1])
    situations = (
        (creator, 1, "a licensed creator's next"),
        (newcomer, 1, "a licensed creator's first"),
        (trainer, 1, "the model's owner's next"),
        (owner, _newest(meter, "models"), "the model's owner's first"),
    )
    for number, (who, model, situation) in enumerate(situations):
        leaves = [b"".join(meter.fresh().raw for _ in range(3)) for _ in range(1000)]
        tree = MerkleTree(leaves)
        gas = meter.send(who, "tracks", "anchor", tree.root, 1000, model, 100_000, meter.fresh())
        if number == 0:
            meter.note("anchor 1000 tracks", "any", gas)
        leaf = leaves[500]
        word = (leaf[:32], leaf[32:64], leaf[64:])
        path = tree.proof(500).path
        gas = meter.send(who, "tracks", "mintAnchored", tree.root, 500, word, path, meter.fresh())
        meter.note("mint one by proof", situation, gas)


def _tokens(meter: Meter) -> None:
    """The same with a price in an ERC-20 token, a plain one."""
    holder, buyer, other = meter.person(), meter.person(), meter.person()
    kept = json.loads(TOKEN.read_text("utf-8"))["Token"]
    token = Interface("Token", tuple(kept["abi"]), bytes.fromhex(kept["bytecode"]))
    at = meter.chain.create(meter.person(), token)
    for who in (buyer, other):
        meter.chain.send(who, token, at, "mint", who.address, 3 * PRICE)
        meter.chain.send(who, token, at, "approve", meter.on.licenses, 3 * PRICE)
    gas = _register(meter, holder, currency=at)
    meter.note("register a dataset", "a new holder, priced in ERC-20", gas)
    dataset = _newest(meter, "datasets")
    gas = _buy(meter, buyer, dataset, currency=at)
    meter.note("buy a license in ERC-20", "the first in this token", gas)
    gas = _buy(meter, other, dataset, currency=at)
    meter.note("buy a license in ERC-20", "a new buyer, of a holder who has sold before", gas)
    meter.note("buy a license in ERC-20", "a buyer's next", _buy(meter, other, dataset, currency=at))
    meter.note("fetch what sales earned", "in ERC-20", meter.send(holder, "licenses", "withdraw", at))


def _royalties(meter: Meter) -> None:
    """A track of ten holders: creator, the model's owner, and those of eight datasets."""
    holders = [meter.person() for _ in range(8)]
    trainer, creator, payer = meter.person(), meter.person(), meter.person()
    datasets = []
    for holder in holders:
        _register(meter, holder, 200_000)
        datasets.append(_newest(meter, "datasets"))
        _buy(meter, trainer, datasets[-1], 200_000)
    _record(meter, trainer, datasets)
    model = _newest(meter, "models")
    _grant(meter, trainer, model, creator)
    claim = meter.fresh()
    work = (claim, meter.fresh(), meter.fresh(), model, 100_000)
    meter.send(creator, "tracks", "mint", work, meter.fresh())
    track = meter.contracts.track_id(creator.address, claim)
    account: Address = meter.contracts.royalty(track, 0)[0]
    split, action = Interface.load("Split"), "pull a royalty among 10 holders"

    def pull(who: LocalSigner, index: int) -> int:
        return int(meter.chain.send(who, split, account, "pull", ETHER, index).gas)

    paid = meter.chain.transact(payer, account, b"", value=PRICE).gas
    meter.note("pay 10 holders, so that each can pull", "nobody has pulled before", paid)
    opening = meter.send(holders[0], "royalties", "pull", track, creator.address, model, ETHER, 2)
    pulls = [opening, *(pull(holders[index - 2], index) for index in range(3, 9))]
    meter.note(action, "the first of all, which makes the account", opening)
    for who, index, situation in (
        (holders[7], 9, "a holder's first"),
        (trainer, 1, "the model's owner's first"),
        (creator, 0, "the creator's first"),
    ):
        pulls.append(pull(who, index))
        meter.note(action, situation, pulls[-1])
    again = meter.chain.transact(payer, account, b"", value=PRICE).gas
    meter.note("pay 10 holders, so that each can pull", "the account is there", again)
    everybody = [creator, trainer, *holders]
    next_pulls = [pull(everybody[index], index) for index in range(10)]
    meter.note(action, "a holder's next", next_pulls[9])
    meter.note(action, "the creator's next", next_pulls[0])
    meter.note("pay 10 holders, until each has pulled", "the first time", paid + sum(pulls))
    meter.note("pay 10 holders, until each has pulled", "again", again + sum(next_pulls))
    meter.chain.transact(payer, account, b"", value=PRICE)
    meter.note(action, "a holder's next, called by somebody else", pull(payer, 9))


def _market(meter: Meter, trainer: LocalSigner) -> None:
    """Two tracks of one creator, sold to one buyer."""
    creator, buyer = meter.person(), meter.person()
    _grant(meter, trainer, 1, creator)
    for situation in ("a new buyer's, of a new seller", "a buyer's next, of a seller who has sold before"):
        claim = meter.fresh()
        work = (claim, meter.fresh(), meter.fresh(), 1, 100_000)
        meter.send(creator, "tracks", "mint", work, meter.fresh())
        track = meter.contracts.track_id(creator.address, claim)
        listing = [meter.send(creator, "market", "list", track, price, ETHER, FOREVER) for price in (2 * PRICE, PRICE)]
        approval = meter.send(creator, "tracks", "approve", meter.on.market, track)
        bought = meter.send(buyer, "market", "buy", track, ETHER, PRICE, value=PRICE)
        meter.note("buy a track", f"{situation}, the track's first sale", bought)
    meter.note("list a track", "a first time", listing[0])
    meter.note("list a track", "at another price", listing[1])
    meter.note("approve the sale", "any", approval)
    meter.note("fetch what sales earned", "of tracks", meter.send(creator, "market", "withdraw", ETHER))


def _keys(meter: Meter) -> None:
    """Companions published twice, a recovery, a rotation and a revocation."""
    old, new, recovery = meter.person(), meter.person(), meter.person()
    for situation in ("an account's first", "an account's next"):
        gas = meter.send(old, "keys", "publish", meter.fresh(), meter.fresh())
        meter.note("publish companion keys", situation, gas)
    gas = meter.send(old, "keys", "nameRecovery", old.address, recovery.address)
    meter.note("name a recovery", "of an account that has published", gas)
    gas = meter.send(old, "keys", "rotate", old.address, new.address, meter.fresh(), meter.fresh())
    meter.note("rotate a key", "by the key itself", gas)
    gas = meter.send(new, "keys", "revoke", new.address, meter.fresh(), meter.fresh())
    meter.note("revoke a key", "by the key itself", gas)
