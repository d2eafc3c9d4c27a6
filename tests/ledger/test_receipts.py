"""Blocks as their hashes bind them: Geth's headers and receipts, and proofs that hold for what is there and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import rlp
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import ProofInvalid
from ledger.receipts import BlockProof, Sealed

# Answers of Geth, from the tests of ethereum/execution-apis at 033ca6e6 (CC0): headers of five forks, one whole block.
GETH: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "blocks" / "geth.json").read_text())
LATEST = GETH["headers"]["latest"]


@pytest.fixture(scope="module")
def sealed() -> Sealed:
    return Sealed.of_json(LATEST, GETH["receipts"][::-1])  # by place, in whatever order they come


@pytest.fixture(scope="module")
def proof(sealed: Sealed) -> BlockProof:
    return BlockProof.of(sealed, sealed.transactions[1:])


@pytest.mark.parametrize("fork", GETH["headers"])
def test_a_header_of_any_fork_has_the_hash_that_geth_gives_it(fork: str) -> None:
    said = GETH["headers"][fork]
    proof = BlockProof(Sealed.of_json(said, []).header, (), {})
    assert (proof.hash, proof.number, proof.time) == (said["hash"], int(said["number"], 16), int(said["timestamp"], 16))


def test_the_receipts_of_a_block_have_the_root_in_its_header(proof: BlockProof) -> None:
    for said in GETH["receipts"][1:]:
        found = proof.entries([said["transactionHash"]])[said["transactionHash"]]
        told = [(log["address"], log["topics"], log["data"]) for log in said["logs"]]
        plain = [(one.address.raw, list(one.topics), one.data) for one in found]
        assert [(_hex(address), list(map(_hex, topics)), _hex(data)) for address, topics, data in plain] == told
    assert [len(found) for found in proof.entries([GETH["receipts"][1]["transactionHash"]]).values()] == [10]


def test_receipts_that_the_header_does_not_bind_prove_nothing(sealed: Sealed) -> None:
    fewer = Sealed(sealed.header, sealed.receipts[:-1], sealed.transactions[:-1])
    with pytest.raises(ProofInvalid, match="not those that the header binds"):
        BlockProof.of(fewer, fewer.transactions)


def test_a_proof_reads_back_and_holds_no_more_than_it_was_asked_for(sealed: Sealed, proof: BlockProof) -> None:
    assert BlockProof.read(proof.to_json()) == proof
    with pytest.raises(ProofInvalid, match="place of transaction"):
        proof.entries(sealed.transactions[:1])
    for odd in ({"header": 7}, {"nodes": [None]}, {"places": {"0x": -1}}, {"places": {"0x": True}}, {"more": 1}):
        with pytest.raises((LookupError, TypeError, ValueError, AttributeError)):
            BlockProof.read({**proof.to_json(), **odd})


@settings(deadline=None)
@given(data=st.data())
def test_no_bit_of_a_node_can_be_changed(proof: BlockProof, data: st.DataObject) -> None:
    which = data.draw(st.integers(0, len(proof.nodes) - 1))
    node = proof.nodes[which]
    place, bit = data.draw(st.integers(0, len(node) - 1)), data.draw(st.integers(0, 7))
    altered = node[:place] + bytes([node[place] ^ 1 << bit]) + node[place + 1 :]
    nodes = (*proof.nodes[:which], altered, *proof.nodes[which + 1 :])
    faults = 0
    for tx in proof.places:
        try:
            assert BlockProof(proof.header, nodes, proof.places).entries([tx]) == proof.entries([tx])
        except ProofInvalid:
            faults += 1
    assert faults >= 1


def test_a_place_with_no_receipt_is_no_proof(sealed: Sealed, proof: BlockProof) -> None:
    for place in (0, 4, 200, 1 << 70):
        with pytest.raises(ProofInvalid):
            BlockProof(proof.header, proof.nodes, {"0x": place}).entries(["0x"])


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"


def _bound_to(node: bytes) -> BlockProof:
    """A header that binds a trie with a root of somebody's choice."""
    from eth_utils.crypto import keccak

    fields = rlp.decode(Sealed.of_json(LATEST, []).header)
    return BlockProof(rlp.encode([*fields[:5], keccak(node), *fields[6:]]), (node,), {"0x": 0})


def _nested(depth: int) -> bytes:
    data = b"\x80"
    for _ in range(depth):
        size = len(data)
        head = bytes([0xC0 + size]) if size < 56 else bytes([0xF7 + (size.bit_length() + 7) // 8])
        data = head + (b"" if size < 56 else size.to_bytes((size.bit_length() + 7) // 8)) + data
    return data


@pytest.mark.parametrize(
    "node",
    [
        b"",
        b"\xff" * 9,
        rlp.encode(b"no list"),
        rlp.encode([b"\x20", b"no receipt"]),
        rlp.encode([b"\x20\x80", b""]),
        rlp.encode([b"\x20\x80", rlp.encode([b"", b"", b"", [[b"short", [], b""]]])]),
        rlp.encode([b"\x20\x80", rlp.encode([b"", b"", b"", [[bytes(20), [[]], []]]])]),
        rlp.encode([b"\x20\x80", b"\x02"]),
        rlp.encode([b""] * 17),
        rlp.encode([b""] * 5),
        pytest.param(_nested(40_000), id="nested"),
    ],
)
def test_a_trie_of_somebodys_choice_ends_in_an_error_of_ours(node: bytes) -> None:
    with pytest.raises(ProofInvalid):
        _bound_to(node).entries(["0x"])


@pytest.mark.parametrize("header", [b"", b"\xff" * 9, rlp.encode(b"no list"), rlp.encode([b""] * 5), _nested(40_000)])
def test_a_header_of_somebodys_choice_ends_in_an_error_of_ours(header: bytes) -> None:
    with pytest.raises(ProofInvalid, match="a header is none"):
        _ = BlockProof(header, (), {}).number
