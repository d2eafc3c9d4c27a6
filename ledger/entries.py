"""What the contracts know of a dataset, a license, a model and a track."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ledger.address import Address
from ledger.digest import Digest
from ledger.errors import ArgumentRefused

SubjectKind = Literal["dataset", "model"]
"""What a license is for."""

USES = ("train", "generate", "commercial")
"""Every use there is, in the order of its bits in ``contracts/Uses.sol``."""

FOREVER = 2**64 - 1
"""The contracts' way to say that a license has no end."""


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
        price_wei: what a license costs.
        royalty_ppm: royalty asked, in parts per million.
        uses: uses on offer.
        consent: False once withdrawn.
        block, time, tx: block of the registration, its Unix time in seconds, and the transaction.
    """

    id: int
    root: Digest
    record: Digest
    cid: str
    holder: Address
    owner: Address
    price_wei: int
    royalty_ppm: int
    uses: tuple[str, ...]
    consent: bool
    block: int
    time: int
    tx: str


@dataclass(frozen=True, slots=True)
class LicenseEntry:
    """A license on chain.

    Attributes:
        id: counted from 1, over datasets and models together.
        subject_kind, subject_id: the token that it is for.
        licensee: who may use it.
        uses: for what.
        valid_from, valid_until: Unix time in seconds, both included; None for no end.
        price_wei: what was paid.
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
    price_wei: int
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
        datasets: pairs of a dataset's id and its share in parts per million; the shares make 1,000,000.
        block, time, tx: block of the recording, its Unix time in seconds, and the transaction.
    """

    id: int
    weights: Digest
    record: Digest
    cid: str
    trainer: Address
    owner: Address
    datasets: tuple[tuple[int, int], ...]
    block: int
    time: int
    tx: str


@dataclass(frozen=True, slots=True)
class TrackEntry:
    """A track on chain.

    Attributes:
        id: the token: the claim as a number, most significant byte first.
        claim: digest of the claim; its first 8 bytes are the watermark.
        audio: digest of the audio file.
        record: digest of the signed track record.
        cid: where the record lies.
        model: the model that generated it.
        creator: who minted it.
        owner: who owns the token now.
        block, time, tx: block of the minting, its Unix time in seconds, and the transaction.
    """

    id: int
    claim: Digest
    audio: Digest
    record: Digest
    cid: str
    model: int
    creator: Address
    owner: Address
    block: int
    time: int
    tx: str


def mask(uses: Iterable[str]) -> int:
    """Uses as the bits of ``contracts/Uses.sol``. Raises :class:`ArgumentRefused` for one that does not exist."""
    bits = 0
    for use in uses:
        if use not in USES:
            raise ArgumentRefused(f"no use {use!r}; there are {', '.join(USES)}")
        bits |= 1 << USES.index(use)
    return bits


def uses_of(bits: int) -> tuple[str, ...]:
    """The uses in a mask."""
    return tuple(use for index, use in enumerate(USES) if bits >> index & 1)
