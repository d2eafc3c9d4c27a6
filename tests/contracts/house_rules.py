"""What people may try with datasets, licenses, models and tracks, rightly or wrongly: the rules of the machine.

Each is asked of the model first, and then of the contracts on the EVM in this process. Tokens are picked by a number:
9 is a token that nobody has.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from house_account import WINDOW
from house_licenses import FOREVER, Offer
from house_model import House, Work
from house_street import CID, NAMES, Pair, Street, terms
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule

from ledger import voucher as vouchers
from ledger.address import Address
from ledger.anchor import Anchor, Leaf
from ledger.cid import Cid
from ledger.digest import Digest
from ledger.merkle import InclusionProof
from ledger.voucher import Voucher

DAY = 86_400
CONTENT = Digest(Cid.parse(CID).digest)
USES = [("train",), ("generate",), ("train", "generate"), ("train", "generate", "commercial"), ("commercial",), ()]

people = st.sampled_from(NAMES)
rightful = st.one_of(st.none(), st.none(), people)
"""Who acts: None for whoever may."""
picks = st.sampled_from([0, 0, 1, 1, 2, 3, 4, 5, 6, 9])
kinds = st.sampled_from(["dataset", "model"])
ends = st.sampled_from([None, None, None, 0, 100, DAY, 9 * DAY, -1])
"""Seconds from now; None for no end."""
uses = st.sampled_from(USES)
royalties = st.sampled_from([0, 0, 1, 50_000, 333_333, 1_000_000])
wei = st.sampled_from([0, 1, 999, 1_000_003, 10**15 + 7])
offers = st.builds(
    lambda price, ppm, uses, end: (price, ppm, uses, end),
    wei,
    royalties,
    st.sampled_from([USES[3], USES[3], USES[2], USES[0], USES[5]]),
    ends,
)
seldom = st.sampled_from([False] * 5 + [True])
cuts = st.lists(st.integers(1, 999_999), unique=True, max_size=2).map(sorted)


class WorkRules(RuleBasedStateMachine):
    written = Bundle("written")
    anchored = Bundle("anchored")

    def __init__(self, street: Street) -> None:
        super().__init__()
        self.pair = Pair(street)
        self.clock, self.contracts, self.fresh = street.clock, self.pair.contracts, self.pair.fresh
        self.who = street.people

    @property
    def house(self) -> House:
        return self.pair.house

    # -- words that the rules use

    def pick(self, kind: str, number: int) -> int:
        """A token of a kind."""
        known = [*(self.house.tracks if kind == "track" else self.house.subjects[kind])]
        return len(known) + 1 if number == 9 or not known else known[number % len(known)]

    def name(self, address: Address) -> str:
        return next(name for name, person in self.who.items() if person.address == address)

    def owner(self, kind: str, id: int) -> str:
        """Who may act for a token; for one that is not there, ada tries."""
        tokens: dict[int, Any] = self.house.tracks if kind == "track" else self.house.subjects[kind]
        return self.name(tokens[id].owner) if id in tokens else "ada"

    def licensee(self, kind: str, ids: Sequence[int], use: str) -> str:
        """Somebody who may use most of the tokens."""
        return max(NAMES, key=lambda name: sum(self.house.licensed(self.at(name), kind, id, use) for id in ids))

    def at(self, name: str) -> Address:
        return self.who[name].address

    def until(self, seconds: int | None) -> int:
        return FOREVER if seconds is None else self.house.now + seconds

    def offer(self, drawn: tuple[int, int, tuple[str, ...], int | None]) -> Offer:
        price, ppm, some, end = drawn
        return Offer(price, ppm, some, self.until(end))

    def both(self, who: str, said: Any, done: Any) -> tuple[Any, Any] | None:
        return self.pair.both(who, said, done, sys._getframe(1).f_code.co_name)

    # -- a house that is open for business

    @initialize(first=offers, second=offers, price=wei, royalty=royalties)
    def open_for_business(self, first: Any, second: Any, price: int, royalty: int) -> None:
        """Two datasets, of ada's and ben's; cleo trains a model on both, and offers it."""
        for by, (_, ppm, _, _) in (("ada", first), ("ben", second)):
            self.register(by, (price, ppm // 4, USES[3], None), False)
            self.buy_license("dataset", 0 if by == "ada" else 1, "cleo", USES[2], 0, 0)
        self.record_model(None, [0, 1], [], [600_001], royalty // 4, False, False)
        self.change_terms("model", 0, None, (price, 0, USES[3], None), False)
        self.mint_track(None, 0, 100_003, False, False)

    # -- datasets, models and licenses

    @rule(by=people, drawn=offers, again=seldom)
    def register(self, by: str, drawn: Any, again: bool) -> None:
        root = next(iter(self.house.digests["root"])) if again else self.fresh()
        offer = self.offer(drawn)
        given = self.both(
            by,
            lambda: self.house.register(self.at(by), root, offer),
            lambda: self.contracts.register_dataset(self.who[by], root, self.fresh(), CID, terms(offer)),
        )
        if given:
            id, entry = given
            assert (entry.id, entry.owner, entry.terms, entry.consent) == (id, self.at(by), terms(offer), True)

    @rule(kind=kinds, number=picks, by=rightful, drawn=offers, other=seldom)
    def change_terms(self, kind: str, number: int, by: str | None, drawn: Any, other: bool) -> None:
        """A model's royalty stays; ``other`` tries to change it."""
        id, offer = self.pick(kind, number), self.offer(drawn)
        by = by or self.owner(kind, id)
        if kind == "model" and id in self.house.subjects["model"] and not other:
            fixed = self.house.subjects["model"][id].offer.royalty_ppm
            offer = Offer(offer.price, fixed, offer.uses, offer.until)
        verb = self.contracts.change_dataset_terms if kind == "dataset" else self.contracts.change_model_terms
        given = self.both(
            by,
            lambda: self.house.change_terms(self.at(by), kind, id, offer),
            lambda: verb(self.who[by], id, terms(offer)),
        )
        if given:
            assert given[1].terms == terms(offer)

    @rule(number=picks, by=rightful, really=seldom)
    def withdraw_consent(self, number: int, by: str | None, really: bool) -> None:
        """``really``: as a rule the last dataset only, so that the others can go on being licensed."""
        id = self.pick("dataset", number) if really else max(self.house.subjects["dataset"])
        by = by or self.owner("dataset", id)
        self.both(
            by,
            lambda: self.house.withdraw_consent(self.at(by), id),
            lambda: self.contracts.withdraw_consent(self.who[by], id),
        )

    @rule(kind=st.sampled_from(["dataset", "model", "track"]), number=picks, by=rightful, to=people)
    def transfer(self, kind: str, number: int, by: str | None, to: str) -> None:
        id = self.pick(kind, number)
        by, to_whom = by or self.owner(kind, id), self.at(to)
        self.both(
            by,
            lambda: self.house.transfer(self.at(by), kind, id, to_whom),
            lambda: self.pair.raw(by, f"{kind.capitalize()}s", "transferFrom", self.at(by), to_whom, id),
        )

    @rule(kind=kinds, number=picks, by=people, some=uses, wrong=st.sampled_from([0] * 5 + [1, 2, 3]), more=seldom)
    def buy_license(self, kind: str, number: int, by: str, some: Any, wrong: int, more: bool) -> None:
        """``wrong``: another price, royalty or end is agreed to than is on offer; ``more``: too much is sent."""
        id = self.pick(kind, number)
        subject = self.house.subjects[kind].get(id)
        deal = subject.offer if subject else Offer(until=FOREVER)
        end = self.until(12_345) if wrong == 3 else deal.until
        deal = Offer(deal.price + (wrong == 1), abs(deal.royalty_ppm - (wrong == 2)), some, end)
        sent = deal.price + bool(more)
        record = self.fresh()
        address = getattr(self.contracts.deployment, f"{kind}s")
        mask = sum(1 << USES[3].index(use) for use in some)
        words = (deal.price, Address(bytes(20)), deal.until, deal.royalty_ppm)
        given = self.both(
            by,
            lambda: self.house.buy_license(self.at(by), kind, id, some, deal, sent),
            (lambda: self.pair.raw(by, "Licenses", "buy", address, id, mask, words, record, CONTENT, value=sent))
            if more
            else (lambda: self.contracts.buy_license(self.who[by], kind, id, some, record, CID, terms(deal))),
        )
        if given:
            entry, held = given[1], self.house.held[kind, id, self.at(by)]
            assert (entry.id, entry.uses, entry.price) == (held.issued, some, deal.price)
            assert entry.royalty_ppm == deal.royalty_ppm

    @rule(kind=kinds, number=picks, by=rightful, to=people, some=uses, end=ends)
    def grant(self, kind: str, number: int, by: str | None, to: str, some: Any, end: int | None) -> None:
        id, until = self.pick(kind, number), self.until(end)
        by, last = by or self.owner(kind, id), None if until == FOREVER else until
        given = self.both(
            by,
            lambda: self.house.grant(self.at(by), kind, id, self.at(to), some, until),
            lambda: self.contracts.grant_license(self.who[by], kind, id, self.at(to), some, last, self.fresh(), CID),
        )
        if given:
            assert (given[1].valid_until, given[1].uses, given[1].price) == (last, some, 0)

    @rule(seconds=st.sampled_from([1, 99, 101, DAY, WINDOW - 1, WINDOW, 10 * DAY]))
    def wait(self, seconds: int) -> None:
        self.clock.time += seconds

    @rule(
        by=rightful,
        of=st.lists(picks, max_size=3),
        parents=st.lists(picks, max_size=2),
        cut=cuts,
        ppm=royalties,
        mixed=seldom,
        again=seldom,
    )
    def record_model(
        self, by: str | None, of: list[int], parents: list[int], cut: list[int], ppm: int, mixed: bool, again: bool
    ) -> None:
        """``mixed``: datasets and parents in whatever order; a cut too many or too few makes the shares uneven."""
        ids, begun = [self.pick("dataset", number) for number in of], [self.pick("model", number) for number in parents]
        if not mixed:
            ids, begun = sorted({*ids}), sorted({*begun})
        bounds = [0, *cut[: max(0, len(ids) - 1)], 1_000_000]
        datasets = [(id, high - low) for id, low, high in zip(ids, bounds, bounds[1:], strict=False)]
        by = by or self.licensee("dataset", ids, "train")
        weights = next(iter(self.house.digests["weights"])) if again else self.fresh()
        given = self.both(
            by,
            lambda: self.house.record(self.at(by), weights, ppm, datasets, begun),
            lambda: self.contracts.record_model(
                self.who[by], weights, self.fresh(), CID, datasets, parents=begun, royalty_ppm=ppm
            ),
        )
        if given:
            id, entry = given
            assert (entry.id, entry.datasets, entry.parents) == (id, tuple(datasets), tuple(begun))
            assert self.pair.owed(id) == self.house.subjects["model"][id].dues
            for kind, named in (("dataset", [id for id, _ in datasets]), ("model", begun)):
                assert all(self.contracts.is_licensed(kind, id, self.at(by), "train") for id in named)

    @rule(number=st.integers(0, 1), drawn=offers, granted=st.booleans(), end=st.sampled_from([None, None, DAY]))
    def train_after_changes(self, number: int, drawn: Any, granted: bool, end: int | None) -> None:
        """Cleo, who bought a license, trains when the terms have changed since; she may have been granted another."""
        self.change_terms("dataset", number, None, drawn, False)
        if granted:
            self.grant("dataset", number, None, "cleo", USES[0], end)
        self.record_model("cleo", [number], [], [], 0, False, False)

    # -- tracks

    def minted(self, given: tuple[Any, Any] | None) -> None:
        """A track is its creator's by a license, and has an account of its own."""
        if given:
            id, entry = given
            kept = self.house.tracks[id]
            assert (entry.id, entry.owner, entry.creator) == (id, kept.owner, kept.creator)
            assert self.contracts.is_licensed("model", entry.model, entry.creator, "generate")
            self.pair.accounts[id] = self.contracts.royalty(id, 0)[0]

    def work(self, number: int, ppm: int, heard: bool, claimed: bool) -> Work:
        """A track; ``heard``: its audio is minted already, ``claimed``: its claim is."""
        claim = next(iter(self.house.tracks.values())).work.claim if claimed and self.house.tracks else self.fresh()
        audio = next(iter(self.house.digests["audio"]), self.fresh()) if heard else self.fresh()
        return Work(claim, audio, self.pick("model", number), ppm)

    @rule(by=rightful, number=picks, ppm=royalties, heard=seldom, claimed=seldom)
    def mint_track(self, by: str | None, number: int, ppm: int, heard: bool, claimed: bool) -> None:
        work = self.work(number, ppm, heard, claimed)
        by = by or self.licensee("model", [work.model], "generate")
        self.minted(
            self.both(
                by,
                lambda: self.house.mint(self.at(by), work),
                lambda: self.contracts.mint_track(
                    self.who[by], work.claim, work.audio, self.fresh(), CID, work.model, work.royalty_ppm
                ),
            )
        )

    @rule(
        target=written,
        by=rightful,
        number=picks,
        ppm=royalties,
        owner=rightful,
        end=ends,
        forged=seldom,
        claimed=seldom,
    )
    def write_voucher(
        self, by: str | None, number: int, ppm: int, owner: str | None, end: int | None, forged: bool, claimed: bool
    ) -> Any:
        work = self.work(number, ppm, False, claimed)
        creator = by or self.licensee("model", [work.model], "generate")
        signer = "deployer" if forged else creator
        voucher = Voucher(
            work.claim,
            work.audio,
            self.fresh(),
            work.model,
            work.royalty_ppm,
            self.at(creator),
            self.at(owner) if owner else None,
            self.until(end),
            CONTENT,
        )
        digest = voucher.digest(self.contracts.chain.chain_id, self.contracts.deployment.tracks)
        signature = self.who[signer].sign_digest(digest)
        if not forged:
            vouchers.verify(voucher, signature, self.contracts.chain.chain_id, self.contracts.deployment.tracks)
        return voucher, signature, self.at(signer), work

    @rule(target=written, by=people, number=picks, owner=rightful, end=ends, forged=seldom, void=seldom)
    def write_and_submit(
        self, by: str, number: int, owner: str | None, end: int | None, forged: bool, void: bool
    ) -> Any:
        voucher = self.write_voucher(None, number, 50_000, owner, end, forged, False)
        if void:
            self.cancel_vouchers(None, voucher)
        self.mint_by_voucher(by, voucher)
        return voucher

    @rule(by=people, voucher=written)
    def mint_by_voucher(self, by: str, voucher: Any) -> None:
        paper, signature, signer, work = voucher
        self.minted(
            self.both(
                by,
                lambda: self.house.mint_by_voucher(
                    self.at(by), paper.creator, signer, work, paper.owner, paper.deadline
                ),
                lambda: self.contracts.mint_by_voucher(self.who[by], paper, signature),
            )
        )

    @rule(by=rightful, voucher=written)
    def cancel_vouchers(self, by: str | None, voucher: Any) -> None:
        """Only the creator's own call makes a voucher void; anybody else's makes void their own for that claim."""
        paper = voucher[0]
        by = by or self.name(paper.creator)
        self.both(
            by,
            lambda: self.house.cancel_vouchers(self.at(by), paper.claim),
            lambda: self.contracts.cancel_vouchers(self.who[by], paper.claim),
        )

    @rule(target=anchored, by=rightful, number=picks, ppm=royalties, count=st.integers(1, 5), heard=seldom)
    def anchor(self, by: str | None, number: int, ppm: int, count: int, heard: bool) -> Any:
        works = [self.work(number, ppm, heard and place == 0, False) for place in range(count)]
        leaves = Anchor(Leaf(work.claim, work.audio, self.fresh()) for work in works)
        model = works[0].model
        by = by or self.licensee("model", [model], "generate")
        self.anchor_again(by, (leaves, works, by))
        return leaves, works, by

    @rule(by=rightful, batch=anchored)
    def anchor_again(self, by: str | None, batch: Any) -> None:
        leaves, works, creator = batch
        by = by or creator
        model, ppm, content = works[0].model, works[0].royalty_ppm, Digest(leaves.content.digest)
        self.both(
            by,
            lambda: self.house.anchor(self.at(by), leaves.root, works, model, ppm),
            lambda: self.contracts.anchor_tracks(self.who[by], leaves.root, len(leaves), model, ppm, content),
        )

    @rule(target=anchored, number=picks, ppm=royalties, count=st.integers(1, 5), place=st.integers(0, 4))
    def anchor_and_mint(self, number: int, ppm: int, count: int, place: int) -> Any:
        """Out of a batch that nothing has happened to since."""
        batch = self.anchor(None, number, ppm, count, False)
        self.mint_anchored(None, batch, place, False)
        return batch

    @rule(by=rightful, batch=anchored, place=st.integers(0, 4), elsewhere=seldom)
    def mint_anchored(self, by: str | None, batch: Any, place: int, elsewhere: bool) -> None:
        """``elsewhere``: the leaf is said to lie at another place."""
        leaves, works, creator = batch
        by, place = by or creator, place % len(works)
        proof, leaf = leaves.proof(place), leaves.leaf(place)
        proof = InclusionProof(place + elsewhere, len(works), proof.path)
        self.minted(
            self.both(
                by,
                lambda: self.house.mint_anchored(self.at(by), leaves.root, proof.index, works[place]),
                lambda: self.contracts.mint_anchored(self.who[by], leaves.root, leaf, proof, CID),
            )
        )
