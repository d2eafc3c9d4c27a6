"""Proofs in a bundle: that log entries of a transcript stand in the blocks of the hashes that it names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ledger.errors import ChainUnreachable, NotFound, ProofInvalid
from ledger.receipts import BlockProof, Entry

if TYPE_CHECKING:
    from ledger.receipts import Sealed
    from ledger.recorded import Transcript


_Content = tuple[str, tuple[str, ...], str]


class Sealing(Protocol):
    """What gives blocks as their hashes bind them: a :class:`ledger.network.Network`."""

    def sealed(self, block: int) -> Sealed:
        """A block. Raises :class:`NotFound` and :class:`ChainUnreachable`."""


@dataclass(frozen=True, slots=True)
class Proved:
    """What proofs came to.

    Attributes:
        entries: how many different log entries the transcript holds.
        unproved: how many of them stand in blocks without a proof.
        blocks: hashes of the blocks that the others were proved to be in, by number.
    """

    entries: int
    unproved: int
    blocks: Mapping[int, str]


def prove(transcript: Transcript, network: Sealing) -> None:
    """Add to a transcript the proofs of its log entries: of each block that the network gives as its hash binds it."""
    wanted: defaultdict[int, set[str]] = defaultdict(set)
    for entry in _entries(transcript):
        wanted[entry["block"]].add(entry["tx"])
    for block, transactions in sorted(wanted.items()):
        try:
            proof = BlockProof.of(network.sealed(block), transactions)
        except (ChainUnreachable, NotFound, ProofInvalid):
            continue  # some networks have headers or receipts of their own; then it stays a claim
        if proof.hash == transcript.answers["blocks"][str(block)]["hash"]:
            transcript.answers["proofs"][str(block)] = proof.to_json()


def check(transcript: Transcript) -> Proved:
    """Check every proof against the hash and time of its block, and every entry of such a block against its proof.

    Raises :class:`ProofInvalid` for the first that does not hold. Entries and blocks have been read before.
    """
    proofs = {number: _proof(transcript, number) for number in transcript.answers["proofs"]}
    told: defaultdict[str, defaultdict[str, set[_Content]]] = defaultdict(lambda: defaultdict(set))
    for entry in _entries(transcript):
        told[str(entry["block"])][entry["tx"]].add(_content(entry))
    for number in told.keys() & proofs.keys():
        proof, by_tx = proofs[number], told[number]
        for tx, held in proof.entries(by_tx).items():
            for address, _, _ in by_tx[tx] - set(map(_plain, held)):
                raise ProofInvalid(f"a log entry of {address} is not in block {number} ({proof.hash})")
    counts = {number: sum(map(len, by_tx.values())) for number, by_tx in told.items()}
    unproved = sum(count for number, count in counts.items() if number not in proofs)
    return Proved(sum(counts.values()), unproved, {proof.number: proof.hash for proof in proofs.values()})


def _proof(transcript: Transcript, number: str) -> BlockProof:
    try:
        block = dict(transcript.answers["blocks"].get(number, {}))
        proof = BlockProof.read(transcript.answers["proofs"][number])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ProofInvalid(f"the proof of block {number[:20]} is none: {error!r}"[:300]) from None
    said, bound = (number, block.get("hash"), block.get("time")), (str(proof.number), proof.hash, proof.time)
    if said != bound:
        raise ProofInvalid(
            f"block {number[:20]} is said to be {block.get('hash')}, at {block.get('time')}; the header in its proof "
            f"is that of block {proof.number}, {proof.hash}, at {proof.time}"
        )
    return proof


def _entries(transcript: Transcript) -> Iterator[Mapping[str, Any]]:
    answers: Collection[list[Mapping[str, Any]]] = transcript.answers["logs"].values()
    for answer in answers:
        yield from answer


def _content(entry: Mapping[str, Any]) -> _Content:
    return entry["address"], tuple(entry["topics"]), entry["data"]


def _plain(entry: Entry) -> _Content:
    return str(entry.address), tuple("0x" + topic.hex() for topic in entry.topics), "0x" + entry.data.hex()
