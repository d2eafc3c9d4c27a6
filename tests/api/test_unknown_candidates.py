"""Candidates of a bundle that its own answers of the chain do not know: they are passed over, and hide no others."""

from __future__ import annotations

from typing import Any

from api.workflows.bundling import _Known
from ledger.address import Address
from ledger.anchor import Anchor, Leaf
from ledger.anchored import Anchored
from ledger.chain import Chain
from ledger.contracts import Contracts
from ledger.deployment import NOUNS, Deployment
from ledger.digest import Digest
from ledger.index import Place
from ledger.recorded import RecordedNetwork, RecordedStore, Transcript

SOMEBODY = Address(b"\xab" * 20)


class Nothing(dict[str, Any]):
    """Answers to whatever is asked: there is no contract that would answer."""

    def __contains__(self, asked: object) -> bool:
        return True

    def __getitem__(self, asked: str) -> str:
        return "0x"


def test_candidates_that_the_chain_does_not_know_are_passed_over() -> None:
    said = Transcript(1, 10)
    contract = Address(b"\x11" * 20)
    said.answers |= {"calls": Nothing(), "codes": {str(contract): True}}
    deployment = Deployment(chain_id=1, block=1, **dict.fromkeys(NOUNS, contract))
    leaf = Leaf(*(Digest.of(name) for name in (b"claim", b"audio", b"record")))
    batch = Anchor([leaf])
    anchored = Anchored(SOMEBODY, batch.root, leaf, batch.proof(0))
    contracts = Contracts(Chain(RecordedNetwork(said), confirmations=1), deployment)
    known = _Known((7, anchored, Place(SOMEBODY, batch.root, 0)), contracts, RecordedStore({}, {}))
    assert list(known.candidates(None)) == []
    assert known.anchored_audio(leaf.audio) is known.anchored_watermark(anchored.token) is None
