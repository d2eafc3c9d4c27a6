"""What the contracts know of a dataset, a license, a model, a track, a royalty share, an offer and a key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ledger.address import Address
from ledger.digest import Digest
from ledger.records import Terms

if TYPE_CHECKING:
    from ledger.anchored import Anchored

SubjectKind = Literal["dataset", "model"]
"""What a license is for."""

HolderKind = Literal["account", "dataset", "model"]
"""Who holds a royalty share: an account, or a dataset's or model's owner; in the order of ``contracts/Shares.sol``."""


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """A dataset on chain.

    Attributes:
        id: the token, counted from 1.
        root: Merkle root over the recordings.
        record: digest of the signed dataset record.
        cid: where the record lies.
        holder: who registered it.
        owner: who owns the token now, and is paid for licenses.
        terms: what a license is sold for now.
        registered_terms: what it was sold for in the beginning, as the record says.
        consent: False once withdrawn.
        block, time, tx: block of the registration, its Unix time in seconds, and the transaction.
    """

    id: int
    root: Digest
    record: Digest
    cid: str
    holder: Address
    owner: Address
    terms: Terms
    registered_terms: Terms
    consent: bool
    block: int
    time: int
    tx: str

    @property
    def in_force(self) -> Terms:
        """The terms as they hold: once consent is withdrawn nothing is sold, and nothing allowed without a license."""
        if self.consent:
            return self.terms
        return replace(self.terms, uses=(), data_mining="notAllowed", inference="notAllowed")


@dataclass(frozen=True, slots=True)
class LicenseEntry:
    """A license on chain.

    Attributes:
        id: its number among the licenses of this licensee for this subject, from 1.
        subject_kind, subject_id: the token that it is for.
        licensee: who may use it.
        uses: for what.
        valid_from, valid_until: Unix time in seconds, both included; None for no end.
        royalty_ppm: part of later income that was agreed to, in parts per million.
        price: what was paid, in the currency's smallest unit.
        currency: an ERC-20 token; None for ether.
        record: digest of the signed license record.
        cid: where the record lies.
        block, time, tx: block of the issue, its Unix time in seconds, and the transaction.
    """

    id: int
    subject_kind: SubjectKind
    subject_id: int
    licensee: Address
    uses: tuple[str, ...]
    valid_from: int
    valid_until: int | None
    royalty_ppm: int
    price: int
    currency: Address | None
    record: Digest
    cid: str
    block: int
    time: int
    tx: str


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model on chain.

    Attributes:
        id: the token, counted from 1.
        weights: digest of the weights file.
        record: digest of the signed training record.
        cid: where the record lies.
        trainer: who trained and recorded it.
        owner: who owns the token now.
        royalty_ppm: part of a track's income that its holder asks, in parts per million.
        datasets: pairs of a dataset's id and its share in the training, in parts per million; 1,000,000 in all.
        parents: the models that the training began from.
        terms: what a license is sold for now; no uses where nothing is on offer.
        block, time, tx: block of the recording, its Unix time in seconds, and the transaction.
    """

    id: int
    weights: Digest
    record: Digest
    cid: str
    trainer: Address
    owner: Address
    royalty_ppm: int
    datasets: tuple[tuple[int, int], ...]
    parents: tuple[int, ...]
    terms: Terms
    block: int
    time: int
    tx: str


@dataclass(frozen=True, slots=True)
class TrackEntry:
    """A track on chain: minted, or proved to be in a batch that was anchored.

    Attributes:
        id: the token: the watermark as a number, most significant byte first.
        claim: digest of the claim; with the creator it makes the watermark.
        audio: digest of the audio file.
        record: digest of the signed track record.
        cid: where the record lies.
        model: the model that generated it.
        creator: who generated it, and minted it or let it be minted.
        owner: who owns the token now.
        royalty_ppm: part of each sale's price that is asked as royalty (ERC-2981), in parts per million.
        block, time, tx: block of the minting, its Unix time in seconds, and the transaction.
        anchored: its leaf and proof, where it was not minted: it has no token, and the block is that of the anchor.
    """

    id: int
    claim: Digest
    audio: Digest
    record: Digest
    cid: str
    model: int
    creator: Address
    owner: Address
    royalty_ppm: int
    block: int
    time: int
    tx: str
    anchored: Anchored | None = None


@dataclass(frozen=True, slots=True)
class AnchorEntry:
    """A batch of tracks that was anchored.

    Attributes:
        root, size: Merkle root over the leaves, and how many there are.
        creator: who anchored it.
        model: the model that generated all of them.
        royalty_ppm: as of a track.
        content: digest in the CID of the file of leaves.
        block, time, tx: block of the anchoring, its Unix time in seconds, and the transaction.
    """

    root: Digest
    size: int
    creator: Address
    model: int
    royalty_ppm: int
    content: Digest
    block: int
    time: int
    tx: str


@dataclass(frozen=True, slots=True)
class ShareEntry:
    """A share of what a track earns.

    Attributes:
        index: its place: 0 the creator, 1 the model's holder, then what the model owes, in its order.
        kind, holder: an account's address, or the token of a dataset or model.
        payee: who is paid now.
        ppm: parts per million of the income.
    """

    index: int
    kind: HolderKind
    holder: Address | int
    payee: Address
    ppm: int


@dataclass(frozen=True, slots=True)
class ListingEntry:
    """A track for sale.

    Attributes:
        track: the token.
        seller: who offers it, and owned it then.
        price: in the currency's smallest unit.
        currency: an ERC-20 token; None for ether.
        until: last second of the offer, Unix time; None for no end.
    """

    track: int
    seller: Address
    price: int
    currency: Address | None
    until: int | None


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """Companion keys that an account published, and has from there on.

    Attributes:
        account: whose they are.
        record: digest of the signed key record.
        cid: where the record lies.
        block, time, tx: block of the publication, its Unix time in seconds, and the transaction.
    """

    account: Address
    record: Digest
    cid: str
    block: int
    time: int
    tx: str


@dataclass(frozen=True, slots=True)
class KeyEnd:
    """The end of an account's key; whatever comes in its block or later is not the account's any more.

    Attributes:
        account: whose key ended.
        successor: the account that goes on; None where the key was revoked.
        by: who ended it and signed the record: the key itself, or its recovery.
        record: digest of the signed key record.
        cid: where the record lies.
        block, time, tx: block of the end, its Unix time in seconds, and the transaction.
    """

    account: Address
    successor: Address | None
    by: Address
    record: Digest
    cid: str
    block: int
    time: int
    tx: str
