"""Datasets, licenses and models in plain Python: what the NatSpec of those three contracts promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from house_account import WHOLE, Share, unless

from ledger.address import Address
from ledger.digest import Digest
from ledger.errors import (
    AlreadyRegistered,
    ArgumentRefused,
    ConsentWithdrawn,
    LicenseMissing,
    NotFound,
    NotOwner,
    PriceNotMet,
    UseNotOffered,
)

FOREVER = 2**40 - 1

Part = tuple[int, int]
"""A dataset, and its part of a training in parts per million."""


@dataclass(frozen=True)
class Offer:
    """What licenses are sold for, and until when those that are sold now are valid."""

    price: int = 0
    royalty_ppm: int = 0
    uses: tuple[str, ...] = ()
    until: int = 0


@dataclass
class Subject:
    """A dataset, or a model with all that a track made with it owes beside the model's own royalty."""

    owner: Address
    offer: Offer
    consent: bool = True
    dues: tuple[Share, ...] = ()


@dataclass
class Held:
    """Licenses of one licensee for one subject: the last second of each use, and the royalty agreed to for training."""

    until: dict[str, int] = field(default_factory=dict)
    royalty_ppm: int = 0
    issued: int = 0


class Licensing:
    """Who holds which datasets and models, on what terms they are licensed, and who is licensed until when."""

    def __init__(self, clock: Callable[[], float], wei: dict[Address, int]) -> None:
        self._clock, self.wei = clock, wei
        self.subjects: dict[str, dict[int, Subject]] = {"dataset": {}, "model": {}}
        self.digests: dict[str, dict[Digest, int]] = {"root": {}, "weights": {}, "audio": {}}
        self.held: dict[tuple[str, int, Address], Held] = {}
        self.credit: dict[str, Counter[Address]] = {"licenses": Counter(), "market": Counter()}

    @property
    def now(self) -> int:
        return int(self._clock())

    # -- datasets and models

    def register(self, who: Address, root: Digest, offer: Offer) -> int:
        """A root is registered once; the caller becomes the holder."""
        self._once("root", root)
        self._in_time(offer.until)
        return self._new("dataset", "root", root, Subject(who, offer))

    def change_terms(self, who: Address, kind: str, id: int, offer: Offer) -> None:
        """For licenses sold from now on. Only the owner may: while consent stands; and a model's royalty stays."""
        subject = self._owned(who, kind, id)
        unless(subject.consent, ConsentWithdrawn(f"dataset {id} has been withdrawn"))
        same = kind == "dataset" or offer.royalty_ppm == subject.offer.royalty_ppm
        unless(same, ArgumentRefused(f"the royalty of model {id} stays at {subject.offer.royalty_ppm} ppm"))
        self._in_time(offer.until)
        subject.offer = offer

    def withdraw_consent(self, who: Address, id: int) -> None:
        """For good. Licenses that exist stay valid."""
        subject = self._owned(who, "dataset", id)
        unless(subject.consent, ConsentWithdrawn(f"dataset {id} has been withdrawn"))
        subject.consent = False

    def record(
        self, who: Address, weights: Digest, royalty_ppm: int, datasets: Sequence[Part], parents: Sequence[int]
    ) -> int:
        """A model exists only if its trainer was licensed to train on every dataset and parent.

        It owes to the holder of each dataset that dataset's part of the royalty agreed to, rounded up; to the holder of
        each parent that model's royalty; and to everybody whom the parent owes as much as the parent does.
        """
        self._once("weights", weights)
        ids, whole = [id for id, _ in datasets], sum(ppm for _, ppm in datasets)
        unless(bool(ids or parents), ArgumentRefused("a run names a dataset or a parent"))
        unless(whole == (WHOLE if ids else 0), ArgumentRefused(f"add up to {whole} ppm; they make 1000000"))
        self._ascending(ids)
        royalties = {id: self._royalty(who, "dataset", id) for id in ids}
        for id, ppm in datasets:
            unless(ppm > 0, ArgumentRefused(f"dataset {id} has no share; leave it out"))
        self._ascending(parents)
        for parent in parents:
            self._royalty(who, "model", parent)
        dues = [Share("dataset", id, -(-ppm * royalties[id] // WHOLE)) for id, ppm in datasets]
        for parent in parents:
            model = self.subjects["model"][parent]
            dues += [Share("model", parent, model.offer.royalty_ppm), *model.dues]
        owed = royalty_ppm + sum(due.ppm for due in dues)
        unless(owed <= WHOLE, ArgumentRefused(f"{owed} ppm are more than the whole, 1000000"))
        model = Subject(who, Offer(royalty_ppm=royalty_ppm), dues=tuple(due for due in dues if due.ppm))
        return self._new("model", "weights", weights, model)

    # -- licenses

    def buy_license(self, who: Address, kind: str, id: int, uses: tuple[str, ...], deal: Offer, sent: int) -> None:
        """On just the terms that the buyer agrees to. The owner is credited."""
        unless(sent == deal.price, PriceNotMet(f"{deal.price} wei are asked; {sent} were sent"))
        subject = self._open(kind, id)
        offer = subject.offer
        unless(bool(uses) and {*uses} <= {*offer.uses}, UseNotOffered(f"token {id} is on offer for "))
        agreed = (deal.price, deal.royalty_ppm, deal.until) == (offer.price, offer.royalty_ppm, offer.until)
        unless(agreed, PriceNotMet(f"token {id} costs {offer.price} wei, with a royalty of {offer.royalty_ppm} ppm"))
        self._in_time(offer.until)
        self.wei[who] -= offer.price
        self.credit["licenses"][subject.owner] += offer.price
        self._issue(who, kind, id, uses, offer.until, offer.royalty_ppm)

    def grant(self, who: Address, kind: str, id: int, licensee: Address, uses: tuple[str, ...], until: int) -> None:
        """Without payment. It never raises the royalty of a license to train that is still valid."""
        subject = self._open(kind, id)
        unless(subject.owner == who, NotOwner(f"{who} does not own token {id}"))
        unless(bool(uses), ArgumentRefused("name nothing that exists"))
        self._in_time(until)
        royalty_ppm = subject.offer.royalty_ppm
        held = self.held.get((kind, id, licensee), Held())
        if held.until.get("train", 0) >= self.now:
            royalty_ppm = min(royalty_ppm, held.royalty_ppm)
        self._issue(licensee, kind, id, uses, until, royalty_ppm)

    def licensed(self, who: Address, kind: str, id: int, use: str) -> bool:
        """By a license that is valid now, or as the owner. For what does not exist, nobody is."""
        subject = self.subjects[kind].get(id)
        held = self.held.get((kind, id, who), Held())
        return held.until.get(use, 0) >= self.now or (subject is not None and subject.owner == who)

    # -- what several verbs ask

    def subject(self, kind: str, id: int) -> Subject:
        """The dataset or model with this number."""
        unless(id in self.subjects[kind], NotFound(f"no token {id} in this contract"))
        return self.subjects[kind][id]

    def _owned(self, who: Address, kind: str, id: int) -> Subject:
        subject = self.subject(kind, id)
        unless(subject.owner == who, NotOwner(f"{who} does not own token {id}"))
        return subject

    def _open(self, kind: str, id: int) -> Subject:
        subject = self.subject(kind, id)
        unless(subject.consent, ConsentWithdrawn(f"dataset {id} has been withdrawn"))
        return subject

    def _in_time(self, until: int) -> None:
        unless(until >= self.now, ArgumentRefused(f"the end has passed already, at Unix time {until}"))

    def _once(self, noun: str, digest: Digest) -> None:
        taken = self.digests[noun].get(digest)
        if taken is not None:
            raise AlreadyRegistered(f"{noun} {digest} is registered already", taken)

    def _new(self, kind: str, noun: str, digest: Digest, subject: Subject) -> int:
        id = len(self.subjects[kind]) + 1
        self.digests[noun][digest], self.subjects[kind][id] = id, subject
        return id

    def _issue(self, who: Address, kind: str, id: int, uses: tuple[str, ...], until: int, royalty_ppm: int) -> None:
        """A use that is licensed for longer already stays as it is; end and royalty to train are of one license."""
        held = self.held.setdefault((kind, id, who), Held())
        held.issued += 1
        if "train" in uses and until >= held.until.get("train", 0):
            held.royalty_ppm = royalty_ppm
        for use in uses:
            held.until[use] = max(until, held.until.get(use, 0))

    def _may(self, who: Address, kind: str, id: int, use: str) -> None:
        unless(self.licensed(who, kind, id, use), LicenseMissing(f"no valid license: {kind} {id}, use {use}, {who}"))

    def _royalty(self, who: Address, kind: str, id: int) -> int:
        """What a trainer agreed to by a license that is valid still; for an owner without one, the present terms."""
        self._may(who, kind, id, "train")
        held = self.held.get((kind, id, who), Held())
        return held.royalty_ppm if held.until.get("train", 0) >= self.now else self.subjects[kind][id].offer.royalty_ppm

    def _ascending(self, ids: Sequence[int]) -> None:
        for before, id in pairwise(ids):
            unless(before < id, ArgumentRefused(f"{id}: datasets and parents are named once each, in ascending order"))
