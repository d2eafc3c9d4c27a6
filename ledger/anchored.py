"""Tracks that were anchored and not minted: a leaf, whose it is, and the proof that leads from it to a root on chain.

Whoever has these and asks the chain needs no other leaf. The record lies in the store as one raw block, so that the
digest in the leaf is its address too. It needs no signature: its creator put the root over it on chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ledger import unixfs
from ledger.address import Address
from ledger.anchor import Leaf
from ledger.cid import Cid
from ledger.contracts.entries import TrackEntry
from ledger.digest import Digest
from ledger.errors import Malformed, MalformedRecord, NotFound
from ledger.merkle import InclusionProof

if TYPE_CHECKING:
    from ledger.anchor import Anchor
    from ledger.contracts import AnchorEntry, Contracts
    from ledger.records import TrackRecord
    from ledger.store import ContentStore

_MOST_LEVELS = 20
"""Of a tree with as many leaves as an anchor may have."""


@dataclass(frozen=True, slots=True)
class Anchored:
    """A track in a batch that ``creator`` anchored under ``root``."""

    creator: Address
    root: Digest
    leaf: Leaf
    proof: InclusionProof

    @property
    def token(self) -> int:
        """The number that it will have once it is minted: its watermark."""
        return token_of(self.creator, self.leaf.claim)

    def entry(self, contracts: Contracts) -> TrackEntry:
        """The track as far as the chain has it: it belongs to its creator still, and its block is the anchor's.

        If it was minted since, the entry is that of the token. Raises what a chain does,
        :class:`~ledger.errors.ProofInvalid` where the proof does not lead to the root, and :class:`NotFound` where this
        was not anchored, or the model of the batch was not recorded by then.
        """
        batch = contracts.anchor(self.creator, self.root)
        if self.proof.size != batch.size:
            raise NotFound(f"batch {self.root} has {batch.size} leaves, not {self.proof.size}")
        self.proof.verify(self.leaf.raw, self.root)
        require_model(contracts, batch)
        minted = contracts.track_by_watermark(self.token.to_bytes(8))
        if minted is not None:
            return minted
        return TrackEntry(
            id=self.token,
            claim=self.leaf.claim,
            audio=self.leaf.audio,
            record=self.leaf.record,
            cid=str(Cid.of_digest(self.leaf.record.raw)),
            model=batch.model,
            creator=self.creator,
            owner=self.creator,
            royalty_ppm=batch.royalty_ppm,
            block=batch.block,
            time=batch.time,
            tx=batch.tx,
            anchored=self,
        )

    def to_json(self) -> dict[str, Any]:
        """As in a bundle."""
        return {
            "creator": str(self.creator),
            "root": str(self.root),
            "leaf": self.leaf.raw.hex(),
            "index": self.proof.index,
            "size": self.proof.size,
            "path": [str(node) for node in self.proof.path],
        }

    @classmethod
    def of(cls, said: Any) -> Anchored:
        """Read what :meth:`to_json` gives. Raises :class:`Malformed`."""
        try:
            index, size, path = said["index"], said["size"], said["path"]
            if set(said) != {"creator", "root", "leaf", "index", "size", "path"}:
                raise Malformed("an anchored track has other fields")
            if type(index) is not int or type(size) is not int or len(path) > _MOST_LEVELS:
                raise Malformed("the proof of an anchored track is none")
            proof = InclusionProof(index, size, tuple(Digest.parse(node) for node in path))
            leaf = Leaf.of(bytes.fromhex(said["leaf"]))
            read = cls(Address.parse(said["creator"]), Digest.parse(said["root"]), leaf, proof)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Malformed(f"an anchored track is none: {error!r}"[:300]) from None
        if read.to_json() != said:
            raise Malformed("an anchored track is in another spelling")
        return read


def require_model(contracts: Contracts, batch: AnchorEntry) -> None:
    """Raise :class:`NotFound` unless the model of a batch was recorded by then, which no contract asks."""
    model = contracts.model(batch.model)
    if model.block > batch.block:
        raise NotFound(f"model {model.id} was recorded in block {model.block}, after batch {batch.root} was anchored")


def prove(batch: AnchorEntry, leaves: Anchor, index: int) -> Anchored:
    """The track at a place among the leaves of a batch, from 0. Raises :class:`NotFound` beyond the last one."""
    return Anchored(batch.creator, batch.root, leaves.leaf(index), leaves.proof(index))


def token_of(creator: Address, claim: Digest) -> int:
    """The token of a creator's claim (``idOf`` in contracts/Vouchers.sol)."""
    return int.from_bytes(Digest.of(creator.raw + claim.raw).raw[:8])


def deposit(store: ContentStore, record: TrackRecord) -> Cid:
    """Store a record under its own digest, for whoever has its leaf. Raises :class:`MalformedRecord` for a long one."""
    payload = record.payload()
    if len(payload) > unixfs.CHUNK:
        raise MalformedRecord(f"the record is {len(payload)} bytes long; anchored ones have at most {unixfs.CHUNK}")
    return store.add_bytes(payload)


def fetch(store: ContentStore, digest: Digest) -> TrackRecord:
    """The record of an anchored track, by the digest in its leaf.

    Raises :class:`~ledger.errors.BlockMissing`, :class:`DigestMismatch` where the block was altered, and
    :class:`MalformedRecord` for what is no track's.
    """
    from ledger.records import TrackRecord, read

    record = read(store.get(Cid.of_digest(digest.raw)))
    if not isinstance(record, TrackRecord):
        raise MalformedRecord(f"the record {digest} is a {type(record).__name__}, not a track's")
    return record
