"""The six contracts in plain Python: what their NatSpec promises, as dictionaries and integers.

``test_house_machine.py`` holds the contracts against it. A verb does what it says, or raises the error of
:mod:`ledger.errors` that the contracts' typed verbs raise; where several would be true, the first one written here.
Nothing is changed before the last refusal. Amounts are in wei, times Unix time, shares in parts per million.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from house_account import WHOLE, Account, Share, unless
from house_licenses import Licensing, Subject

from ledger.address import Address
from ledger.digest import Digest
from ledger.errors import (
    AlreadyAnchored,
    AlreadyRegistered,
    ArgumentRefused,
    NotFound,
    NothingDue,
    NotOffered,
    NotOwner,
    PriceNotMet,
    ProofInvalid,
    Reverted,
    SignatureInvalid,
    VoucherCancelled,
)


@dataclass(frozen=True)
class Work:
    """A track as its creator describes it."""

    claim: Digest
    audio: Digest
    model: int
    royalty_ppm: int


@dataclass
class Track:
    """A track; its creator is entitled to the creator's share for good."""

    creator: Address
    owner: Address
    work: Work


@dataclass(frozen=True)
class Listing:
    seller: Address
    price: int
    until: int


class House(Licensing):
    """Datasets, licenses, models, royalties, tracks and market, and the ether of everybody who acts."""

    def __init__(self, clock: Callable[[], float], wei: dict[Address, int]) -> None:
        super().__init__(clock, wei)
        self.tracks: dict[int, Track] = {}
        self.accounts: dict[int, Account] = {}
        self.cancelled: set[tuple[Address, Digest]] = set()
        self.anchors: dict[tuple[Address, Digest], tuple[Sequence[Work], int, int]] = {}
        self.listings: dict[int, Listing] = {}
        self.approved: set[int] = set()

    # -- tracks

    @staticmethod
    def track_id(creator: Address, claim: Digest) -> int:
        """The first 64 bits of the SHA-256 of both: the watermark."""
        return int.from_bytes(hashlib.sha256(creator.raw + claim.raw).digest()[:8])

    def mint(self, creator: Address, work: Work, owner: Address | None = None) -> int:
        """A file is minted once, and a creator's claim is. The creator is licensed to generate, or owns the model."""
        unless(work.royalty_ppm <= WHOLE, ArgumentRefused(f"{work.royalty_ppm} ppm are more than the whole, 1000000"))
        self._once("audio", work.audio)
        self._may(creator, "model", work.model, "generate")
        id = self.track_id(creator, work.claim)
        unless(id not in self.tracks, AlreadyRegistered(f"claim of track {id:016x} is minted already", id))
        self.digests["audio"][work.audio] = id
        self.tracks[id] = Track(creator, owner or creator, work)
        model = self.subjects["model"][work.model]
        others = (Share("model", work.model, model.offer.royalty_ppm), *model.dues)
        rest = Share("account", creator, WHOLE - sum(share.ppm for share in others))
        self.accounts[id] = Account((rest, *others))
        return id

    def mint_by_voucher(
        self, submitter: Address, creator: Address, signer: Address, work: Work, owner: Address | None, deadline: int
    ) -> int:
        """By the creator's leave, which anybody may submit in time; it is the creator who must be licensed."""
        self._in_time(deadline)
        void = (creator, work.claim) in self.cancelled
        unless(not void, VoucherCancelled(f"{creator} has cancelled vouchers for claim {work.claim}"))
        unless(signer == creator, SignatureInvalid(f"the signature is not {creator}'s"))
        return self.mint(creator, work, owner or submitter)

    def cancel_vouchers(self, who: Address, claim: Digest) -> None:
        """Every voucher of the caller's for a claim is void."""
        self.cancelled.add((who, claim))

    def anchor(self, who: Address, root: Digest, works: Sequence[Work], model: int, royalty_ppm: int) -> None:
        """Tracks of one model, to be minted later; a license is asked for when they are."""
        unless(royalty_ppm <= WHOLE, ArgumentRefused(f"{royalty_ppm} ppm are more than the whole, 1000000"))
        unless((who, root) not in self.anchors, AlreadyAnchored(f"anchored root {root} already"))
        self.anchors[who, root] = works, model, royalty_ppm

    def mint_anchored(self, who: Address, root: Digest, index: int, work: Work) -> int:
        """A track that the caller anchored, at its place."""
        works, model, royalty_ppm = self.anchors.get((who, root), ((), 0, 0))
        unless(index < len(works) and works[index] == work, ProofInvalid(f"leaf {index} does not lead to a root"))
        return self.mint(who, Work(work.claim, work.audio, model, royalty_ppm))

    def transfer(self, who: Address, kind: str, id: int, to: Address) -> None:
        """A dataset, a model or a track. Any transfer of a track ends the approval to sell it."""
        token = self.token(kind, id)
        unless(token.owner == who, Reverted(b""))
        token.owner = to
        if kind == "track":
            self.approved.discard(id)

    # -- what tracks earn

    def send(self, who: Address, track: int, wei: int) -> None:
        """Money may come at any time, from anybody."""
        self.wei[who] -= wei
        self.accounts[track].received += wei

    def pull(self, track: int, epoch: int, place: int) -> tuple[Address, int]:
        """Anybody may ask for it; the share's holder is paid."""
        share, amount = self.accounts[track].pull(epoch, place)
        payee = self.payee(share)
        self.wei[payee] += amount
        return payee, amount

    def decide(self, who: Address, track: int, place: int) -> Account:
        """Only who holds a recorded share, and no empty one, may propose epochs, object to them and refuse them."""
        recorded = self.accounts[track].recorded
        unless(place < len(recorded), ArgumentRefused(f"there is no share {place}"))
        holds = recorded[place].ppm > 0 and self.payee(recorded[place]) == who
        unless(holds, NotOwner(f"{who} holds no share that counts now"))
        return self.accounts[track]

    def payee(self, share: Share) -> Address:
        """An account is paid itself; the share of a dataset or model goes to whoever owns the token at that moment."""
        return share.holder if isinstance(share.holder, Address) else self.subjects[share.kind][share.holder].owner

    # -- market

    def list_track(self, who: Address, track: int, price: int, until: int) -> None:
        """Only the owner may, who approves the market for it as well."""
        unless(self.token("track", track).owner == who, NotOwner(f"{who} does not own token {track}"))
        self._in_time(until)
        self.listings[track] = Listing(who, price, until)
        self.approved.add(track)

    def unlist(self, who: Address, track: int) -> None:
        """End an offer of the caller's."""
        listing = self.listings.get(track)
        unless(listing is not None and listing.seller == who, NotOffered(f"track {track} is not for sale"))
        del self.listings[track]

    def buy_track(self, who: Address, track: int, price: int, sent: int) -> int:
        """The royalty goes to the track's account, and the rest is credited to the seller. Gives the royalty."""
        unless(sent == price, PriceNotMet(f"{price} wei are asked; {sent} were sent"))
        listing = self.listings.get(track)
        if listing is None:
            raise NotOffered(f"track {track} is not for sale")
        self._in_time(listing.until)
        unless(price == listing.price, PriceNotMet(f"track {track} costs {listing.price} wei"))
        kept = self.tracks[track]
        fresh = kept.owner == listing.seller and track in self.approved
        unless(fresh, NotOffered(f"track {track}: its seller has parted with it, or not approved the sale"))
        del self.listings[track]
        self.transfer(listing.seller, "track", track, who)
        royalty = price * kept.work.royalty_ppm // WHOLE
        self.wei[who] -= price - royalty
        self.send(who, track, royalty)
        self.credit["market"][listing.seller] += price - royalty
        return royalty

    def withdraw(self, who: Address, till: str) -> int:
        """Everything that is credited to the caller."""
        amount = self.credit[till].pop(who, 0)
        unless(amount > 0, NothingDue(f"nothing is credited to {who}"))
        self.wei[who] += amount
        return amount

    def token(self, kind: str, id: int) -> Subject | Track:
        """What has this number."""
        if kind != "track":
            return self.subject(kind, id)
        unless(id in self.tracks, NotFound(f"no token {id} in this contract"))
        return self.tracks[id]
