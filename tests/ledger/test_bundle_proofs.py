"""Proofs in a bundle that a stranger wrote: whatever lies there ends in an error of ours, and soon."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import rlp

from ledger import bundle, canonical
from ledger.deployment import NOUNS
from ledger.errors import Malformed, ProofInvalid
from ledger.proofs import check
from ledger.receipts import BlockProof, Sealed
from ledger.recorded import Transcript

ALONE = Path(__file__).parents[2] / "scripts" / "verify_proofs.py"
CONTRACT = "0x" + "11" * 20


def sealed(*receipts: bytes) -> BlockProof:
    """Block 9, made at 5, with these receipts of transactions aa…, ab… and so on."""
    from trie import HexaryTrie

    trie = HexaryTrie({})
    for place, receipt in enumerate(receipts):
        trie[rlp.encode(place)] = receipt
    header = rlp.encode([b"\1" * 32] * 5 + [trie.root_hash] + [b""] * 2 + [b"\x09"] + [b""] * 2 + [b"\5"] + [b""] * 3)
    named = tuple(f"0x{0xAA + place:02x}" + "aa" * 31 for place in range(len(receipts)))
    return BlockProof.of(Sealed(header, receipts, named), named)


def transcript(proof: BlockProof, **answers: Any) -> Transcript:
    said = Transcript(1, 10)
    said.answers["proofs"]["9"] = proof.to_json()
    said.answers["blocks"]["9"] = {"hash": proof.hash, "time": proof.time}
    said.answers.update(answers)
    return said


@pytest.mark.parametrize("block", [3, None, [], "0x"])
def test_a_block_that_is_none_is_an_invalid_proof(block: Any) -> None:
    with pytest.raises(ProofInvalid, match="block 9"):
        check(transcript(sealed(b"\2"), blocks={"9": block}))


@pytest.mark.parametrize("claim", [5, "ab", ["ab"], None])
def test_a_claim_that_is_none_is_malformed(claim: Any) -> None:
    said: dict[str, Any] = {
        "format": bundle.FORMAT,
        "audio": "00" * 32,
        "made": "2026-01-01T00:00:00Z",
        "searchedSpeed": False,
        "deployment": {"block": 1, "chain_id": 1, **dict.fromkeys(NOUNS, CONTRACT)},
        "final": 1,
        "chain": Transcript(1, 1).to_json(),
        "claims": [claim],
        "candidates": [],
        "forgotten": [],
        "blocks": [],
        "held": {},
        "view": {"findings": [], "evidence": []},
    }
    with pytest.raises(Malformed, match="claim"):
        bundle._read({"bundle.json": canonical.encode(said)})


@pytest.mark.parametrize("reader", ["ours", "alone"])
def test_a_receipt_is_read_once_for_all_its_entries(reader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or else somebody's receipt with n entries costs n times its length. Two receipts, three entries in each."""
    logs = [[bytes.fromhex(CONTRACT[2:]), [bytes([topic]) * 32], b""] for topic in range(3)]
    receipts = [b"\x02" + rlp.encode([bytes([place]), b"\1", bytes(256), logs]) for place in range(2)]
    proof = sealed(*receipts)
    entries = [
        {"address": CONTRACT, "topics": ["0x" + bytes([topic] * 32).hex()], "data": "0x", "block": 9, "tx": tx}
        for topic in range(3)
        for tx in proof.places
    ]
    said, alone = transcript(proof, logs={"all": entries}), runpy.run_path(str(ALONE))
    decoded: list[bytes] = []
    decode = rlp.decode

    def count(data: bytes) -> Any:
        decoded.append(data)
        return decode(data)

    monkeypatch.setattr(rlp, "decode", count)
    if reader == "ours":
        assert (found := check(said)).entries == 6 and not found.unproved
    else:
        alone["proved"]("9", said.answers["blocks"]["9"], proof.to_json(), entries)
    assert [decoded.count(receipt[1:]) for receipt in receipts] == [1, 1]
    changed = [*entries, {**entries[0], "data": "0x00"}]
    with pytest.raises((ProofInvalid, ValueError), match="is not in block 9"):
        if reader == "ours":
            check(transcript(proof, logs={"all": changed}))
        else:
            alone["proved"]("9", said.answers["blocks"]["9"], proof.to_json(), changed)
