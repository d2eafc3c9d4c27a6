"""Receipts of a block as its hash binds them, and proofs that a log entry is among them.

A block's hash is that of its header, and the header holds the root of a Merkle-Patricia trie over the receipts, by
their places. So whoever trusts the hash can check an entry without a node. Source: Ethereum Yellow Paper, sections
4.4.1 and 4.4.3 (receipts, headers) and appendix D (trie); EIP-2718 (typed receipts); for the fields that headers have
got since, EIP-1559, 4895, 4844, 4788 and 7685.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import rlp

from ledger.address import Address
from ledger.errors import Malformed, ProofInvalid

_HEADER = (
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "difficulty"),
    *("number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce"),
)
_SINCE = ("baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash")
_NUMBERS = {"difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas"}
_RECEIPTS_ROOT, _NUMBER, _TIME = (_HEADER.index(name) for name in ("receiptsRoot", "number", "timestamp"))


@dataclass(frozen=True, slots=True)
class Sealed:
    """A block as its hash binds it.

    Attributes:
        header: in RLP; the block's hash is its Keccak-256.
        receipts: each as it is in the trie, by place: in RLP, after a byte that names its type, which legacy ones lack.
        transactions: their hashes, by place.
    """

    header: bytes
    receipts: tuple[bytes, ...]
    transactions: tuple[str, ...]

    @classmethod
    def of_json(cls, block: Mapping[str, Any], receipts: Collection[Mapping[str, Any]]) -> Sealed:
        """From what a node says in JSON. Raises LookupError, TypeError or ValueError for what is no block."""
        names = (*_HEADER, *(name for name in _SINCE if block.get(name) is not None))
        ordered = sorted(receipts, key=lambda each: int(each["transactionIndex"], 16))
        return cls(
            rlp.encode([(_number if name in _NUMBERS else _bytes)(block[name]) for name in names]),
            tuple(map(_receipt, ordered)),
            tuple(str(each["transactionHash"]) for each in ordered),
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """What a contract said in a transaction."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class BlockProof:
    """That some transactions of a block had their receipts.

    Attributes:
        header: of the block, in RLP.
        nodes: of the trie, in RLP: those on the way from its root to each receipt.
        places: of the transactions, by hash. Which hash has which place is claimed: no receipt says it.
    """

    header: bytes
    nodes: tuple[bytes, ...]
    places: Mapping[str, int]

    @classmethod
    def of(cls, sealed: Sealed, transactions: Collection[str]) -> BlockProof:
        """Prove the receipts of some transactions. Raises :class:`ProofInvalid` where the header has another root."""
        from trie import HexaryTrie

        trie = HexaryTrie({})
        for place, receipt in enumerate(sealed.receipts):
            trie[rlp.encode(place)] = receipt
        places = {tx: place for place, tx in enumerate(sealed.transactions) if tx in transactions}
        nodes = {rlp.encode(node): None for place in places.values() for node in trie.get_proof(rlp.encode(place))}
        proof = cls(sealed.header, tuple(nodes), places)
        if trie.root_hash != proof._field(_RECEIPTS_ROOT):
            raise ProofInvalid("the receipts are not those that the header binds")
        return proof

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> BlockProof:
        """Read what :meth:`to_json` gives. Raises LookupError, TypeError or ValueError for what is none."""
        nodes, places = tuple(_bytes(node) for node in said["nodes"]), dict(said["places"])
        proof = cls(_bytes(said["header"]), nodes, places)
        if any(type(place) is not int or place < 0 for place in places.values()) or proof.to_json() != said:
            raise ValueError("expected header, nodes and places")
        return proof

    def to_json(self) -> dict[str, Any]:
        """As in a bundle."""
        nodes = ["0x" + node.hex() for node in self.nodes]
        return {"header": "0x" + self.header.hex(), "nodes": nodes, "places": dict(self.places)}

    @property
    def hash(self) -> str:
        """The block's: all that is left to trust."""
        return "0x" + _keccak(self.header).hex()

    @property
    def number(self) -> int:
        """The block's. Raises :class:`ProofInvalid` for a header that is none."""
        return int.from_bytes(self._field(_NUMBER))

    @property
    def time(self) -> int:
        """The block's, in Unix seconds. Raises :class:`ProofInvalid`."""
        return int.from_bytes(self._field(_TIME))

    def entries(self, transactions: Collection[str]) -> dict[str, tuple[Entry, ...]]:
        """The log entries of each of these transactions, proved. Raises :class:`ProofInvalid`."""
        from rlp.exceptions import RLPException
        from trie import HexaryTrie
        from trie import exceptions as faults

        found: dict[str, tuple[Entry, ...]] = {}
        read: dict[bytes, tuple[Entry, ...]] = {}  # however many claim a receipt, it is read once
        place = None
        try:
            trie = HexaryTrie({_keccak(node): node for node in self.nodes}, self._field(_RECEIPTS_ROOT))
            for tx in transactions:
                if tx not in self.places:
                    raise ProofInvalid(f"the place of transaction {tx[:70]} is not given")
                place = self.places[tx]
                # What is reached from the root by hash is what was hashed: nodes that belong nowhere do no harm.
                receipt = trie[rlp.encode(place)]
                if receipt not in read:
                    logs = rlp.decode(receipt[1:] if receipt[0] < 0x80 else receipt)[
                        3
                    ]  # EIP-2718: types are below 0x80
                    read[receipt] = tuple(_entry(*log) for log in logs)
                found[tx] = read[receipt]
            return found
        except faults.MissingTrieNode:
            raise ProofInvalid("nodes of the trie are missing between the root and a receipt") from None
        except (
            *(RLPException, faults.InvalidNode, faults.InvalidNibbles, faults.ValidationError, faults.BadTrieProof),
            *(LookupError, TypeError, ValueError, RecursionError, Malformed),
        ) as error:
            raise ProofInvalid(f"no receipt is at place {place}: {error!r}"[:300]) from None

    def _field(self, index: int) -> bytes:
        from rlp.exceptions import RLPException

        try:
            field = rlp.decode(self.header)[index]
        except (RLPException, LookupError, TypeError, RecursionError) as error:
            raise ProofInvalid(f"a header is none: {error!r}"[:300]) from None
        if not isinstance(field, bytes):
            raise ProofInvalid("a header is none: a list is in it")
        return field


def _entry(address: Any, topics: Any, data: Any) -> Entry:
    """Raises :class:`Malformed`, TypeError or ValueError for what is none."""
    if not isinstance(data, bytes) or not all(isinstance(topic, bytes) and len(topic) == 32 for topic in topics):
        raise ValueError("an entry is none")
    return Entry(Address(address), tuple(topics), data)


def _receipt(said: Mapping[str, Any]) -> bytes:
    """A receipt as it is in the trie (Yellow Paper, section 4.4.1; EIP-658 for its status)."""
    logs = [
        [_bytes(log["address"]), [_bytes(topic) for topic in log["topics"]], _bytes(log["data"])]
        for log in said["logs"]
    ]
    outcome = _number(said["status"]) if said.get("status") is not None else _bytes(said["root"])
    content: bytes = rlp.encode([outcome, _number(said["cumulativeGasUsed"]), _bytes(said["logsBloom"]), logs])
    kind = _number(said.get("type") or "0x0")
    return kind + content


def _number(text: str) -> bytes:
    """A quantity as RLP has it: big-endian, without zeros before it."""
    value = int(text, 16)
    return value.to_bytes((value.bit_length() + 7) // 8)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _keccak(data: bytes) -> bytes:
    from eth_utils.crypto import keccak

    return bytes(keccak(data))
