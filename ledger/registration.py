"""When a record was registered, and how firmly: blocks on it, the batch that anchored it before, time stamps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ledger import timestamp
from ledger.anchor import Leaf, place_in
from ledger.errors import Invalid, Malformed, StampUncheckable, TimestampInvalid, Unverifiable
from ledger.findings import Finding, Status

if TYPE_CHECKING:
    from ledger.contracts import Contracts, TrackEntry
    from ledger.envelope import Envelope
    from ledger.store import ContentStore

# What is wrong may be quoted from what somebody published, and be of any length.
_LONGEST_DETAIL = 1000
# Seconds by which the clocks of a chain and of an authority may differ.
_DRIFT = 900


def depth(contracts: Contracts, subject: str, entry: TrackEntry) -> Finding:
    """Whether the block of a minting lies deep enough to be final. Raises what a chain does."""
    found = contracts.depth(entry.block)
    word = "minted" if entry.anchored is None else "anchored"
    where = f"{word} in block {entry.block} ({found.hash}), under {found.blocks} blocks"
    if found.blocks < found.final:
        return Finding("confirmations", Status.UNVERIFIABLE, subject, f"{where}; final under {found.final}")
    return Finding("confirmations", Status.OK, subject, where)


def anchored(contracts: Contracts, store: ContentStore, subject: str, entry: TrackEntry) -> Iterator[Finding]:
    """The batch in which a track was anchored before it was minted, proved from the published leaves, if there is one.

    Leaves that are out of reach, or not those that were anchored, are notes: the minting stands by itself. A track
    that was not minted brings its proof, which held when its entry was made.
    """
    if entry.anchored is not None:
        proof, root = entry.anchored.proof, entry.anchored.root
        where = f"leaf {proof.index} of {proof.size} in batch {root}, anchored in block {entry.block}"
        yield Finding("anchor", Status.OK, subject, where)
        detail = f"anchored in block {entry.block} under root {root}, not minted"
        yield Finding("minting", Status.NOTE, subject, detail)
        return
    leaf = Leaf(entry.claim, entry.audio, entry.record).raw
    for anchor in contracts.anchors_of(entry.creator):
        if anchor.model != entry.model or anchor.block > entry.block:
            continue
        batch = f"batch {anchor.root}, anchored in block {anchor.block}"
        try:
            place = place_in(store, anchor, leaf)
        except Unverifiable as error:
            detail = f"the leaves of {batch} are out of reach: {error}"
        except (Invalid, Malformed) as error:
            detail = f"the leaves of {batch} are not those: {error}"
        else:
            if place is None:
                continue
            yield Finding("anchor", Status.OK, subject, f"leaf {place} of {anchor.size} in {batch}")
            return
        yield Finding("anchor", Status.NOTE, subject, detail[:_LONGEST_DETAIL])


def stamped(subject: str, time: int, envelope: Envelope, trust: Sequence[bytes]) -> Iterator[Finding]:
    """What the time stamps on a record say (RFC 3161), registered at Unix ``time``; a warning where one does not hold,
    and a note where nobody who is trusted vouches for its authority, or nothing here can check it.

    They decide nothing: the block's time says when a record was registered. ``trust``: roots in PEM.
    """
    for token in timestamp.tokens(envelope):
        try:
            stamp = timestamp.read(token, envelope.pae, trust)
        except TimestampInvalid as error:
            yield Finding("time stamp", Status.WARNING, subject, str(error)[:_LONGEST_DETAIL])
            continue
        except StampUncheckable as error:
            yield Finding("time stamp", Status.NOTE, subject, str(error)[:_LONGEST_DETAIL])
            continue
        late = stamp.time.timestamp() > time + _DRIFT
        whose = "which is trusted" if stamp.trusted else "for whom no root that is trusted here vouches"
        detail = f"signed by {stamp.time:%Y-%m-%dT%H:%M:%SZ}, says {stamp.authority}, {whose}"
        detail += "; that is after the block that registered it" if late else ""
        status = Status.WARNING if late else Status.OK if stamp.trusted else Status.NOTE
        yield Finding("time stamp", status, subject, detail[:_LONGEST_DETAIL])
