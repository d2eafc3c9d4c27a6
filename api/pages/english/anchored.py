"""What the page of a track that was anchored and not minted says, in English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, str]] = {
    "anchored.kind": "Anchored track",
    "anchored.title": "Anchored track {name}",
    "anchored.said": "Its creator has put it on record together with others, by one digest over all of them. It has no "
    "token yet.",
    "anchored.token": "token",
    "anchored.token.none": "none yet; its creator may mint it, and then this address leads there",
    "anchored.by": "anchored by",
    "anchored.at": "anchored",
    "anchored.royalty": "royalty of each sale, once it is minted",
    "anchored.get.audio": "The file as it was anchored",
    "anchored.get.record": "The record",
    "anchored.get.proof": "The leaf and its proof (JSON)",
    "anchored.batch": "Its place in the batch",
    "anchored.batch.said": "The leaf is these three digests, one after the other. With the digests on the way up it "
    "leads to the root on chain (a Merkle tree as in RFC 9162).",
    "anchored.root": "root of the batch, on chain",
    "anchored.place": "place",
    "anchored.place.said": "leaf {index} of {size}, counted from 0",
    "anchored.leaf.claim": "SHA-256 of the claim",
    "anchored.leaf.audio": "SHA-256 of the file",
    "anchored.leaf.record": "SHA-256 of the record",
    "anchored.path": "Digests on the way up: {count}",
    "anchored.open": "What is not known",
    "anchored.open.when": "When it was made: it is proved that it was there by the block of the batch, and not since "
    "when.",
    "anchored.open.money": "What it earns: nobody owns it, sells it or is owed anything for it before it is minted.",
    "anchored.open.others": "Whether another anchored the same file elsewhere: leaves are found that lie in this "
    "service's store.",
    "anchored.proof": "The track's record lies under the root that its creator put on chain; all others are signed. "
    "What they say agrees with the chain, read up to block {block}.",
}
