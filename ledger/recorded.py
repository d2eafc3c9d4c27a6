"""A chain and a store whose answers are written down while somebody asks, and give the same answers again later.

What is written down is what was asked and answered in the chain's own words: calls, log entries, times and hashes of
blocks. Whoever asks again gets them through the very code that read the chain; what nobody asked the first time could
not be checked (:class:`Unverifiable`), and is never taken for a no.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ledger.address import Address
from ledger.cid import Cid
from ledger.errors import (
    AnswerInvalid,
    BlockMissing,
    ChainUnreachable,
    DigestMismatch,
    Malformed,
    NotFound,
    Reverted,
    Unverifiable,
)
from ledger.network import Log
from ledger.store import ContentStore

if TYPE_CHECKING:
    from ledger.network import Network, Receipt
    from ledger.receipts import Sealed

T = TypeVar("T")
_KINDS = ("calls", "codes", "logs", "blocks", "proofs")


@dataclass
class Transcript:
    """What a chain answered, as JSON: by kind, then by what was asked.

    ``calls``: ``TO DATA BLOCK`` (or ``latest``) to ``0x`` and what it returned, or ``revert 0x`` and why not.
    ``codes``: an address to whether a contract is there. ``logs``: ``ADDRESS TOPICS FIRST LAST`` to a list of entries.
    ``blocks``: a number to time and hash. ``proofs``: the number of a block with log entries to what proves them
    (:mod:`ledger.proofs`).
    """

    chain_id: int
    head: int
    answers: dict[str, dict[str, Any]] = field(default_factory=lambda: {kind: {} for kind in _KINDS})

    def to_json(self) -> dict[str, Any]:
        """As in a bundle."""
        return {"chainId": self.chain_id, "head": self.head, **self.answers}

    @classmethod
    def read(cls, value: Any) -> Transcript:
        """Raises :class:`Malformed`: its parts are looked at when they are asked for."""
        kinds = {"chainId": int, "head": int, **dict.fromkeys(_KINDS, dict)}
        if not isinstance(value, dict) or set(value) != set(kinds):
            raise Malformed("chain: expected " + ", ".join(kinds))
        for name, kind in kinds.items():
            if type(value[name]) is not kind:
                raise Malformed(f"chain.{name}: not of the kind {kind.__name__}")
        return cls(value["chainId"], value["head"], {kind: value[kind] for kind in _KINDS})


class _Silent:
    """What an audit never asks of a chain."""

    instant = False

    def _unasked(self, *_: Any) -> NoReturn:
        raise ChainUnreachable("a chain that was written down is for reading alone")

    balance = nonce = nonce_at_depth = fees = estimate = send = knows = sent = _unasked

    def receipt(self, tx: str) -> Receipt:
        """None is written down."""
        self._unasked()

    def sealed(self, block: int) -> Sealed:
        """Proofs of log entries are written down instead."""
        self._unasked()

    def close(self) -> None:
        """Nothing is held."""


class RecordingNetwork(_Silent):
    """A network that passes on what it is asked, and writes down the answers. Its last block is that at its making."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.chain_id = network.chain_id
        self.transcript = Transcript(network.chain_id, network.block_number())
        self.block_hash(self.transcript.head)

    def block_number(self) -> int:
        """Number of the last block."""
        return self.transcript.head

    def timestamp(self, block: int) -> int:
        """Unix time of a block."""
        return int(self._block(block)["time"])

    def block_hash(self, block: int) -> str:
        """Hash of a block."""
        return str(self._block(block)["hash"])

    def code(self, address: Address) -> bytes:
        """The code at an address; whether there is any is written down."""
        code = self._network.code(address)
        self.transcript.answers["codes"][str(address)] = bool(code)
        return code

    def call(self, to: Address | None, data: bytes, sender: Address, block: int | None) -> bytes:
        """What a call returns."""
        try:
            result = self._network.call(to, data, sender, block)
        except Reverted as reverted:
            self.transcript.answers["calls"][_call(to, data, block)] = "revert 0x" + reverted.data.hex()
            raise
        self.transcript.answers["calls"][_call(to, data, block)] = "0x" + result.hex()
        return result

    def logs(self, address: Address, topics: Sequence[bytes | None], first: int, last: int) -> tuple[Log, ...]:
        """Log entries."""
        found = self._network.logs(address, topics, first, last)
        for log in found:
            self._block(log.block)
        self.transcript.answers["logs"][_logs(address, topics, first, last)] = [_written(log) for log in found]
        return found

    def prove(self) -> None:
        """Write down proofs of all log entries so far, where the network gives what they are made from."""
        from ledger.proofs import prove

        prove(self.transcript, self._network)

    def _block(self, block: int) -> Mapping[str, Any]:
        blocks = self.transcript.answers["blocks"]
        if str(block) not in blocks:
            time, named = self._network.timestamp(block), self._network.block_hash(block)
            blocks[str(block)] = {"time": time, "hash": named}
        known: Mapping[str, Any] = blocks[str(block)]
        return known


class RecordedNetwork(_Silent):
    """A :class:`ledger.network.Network` that gives the answers of a transcript."""

    def __init__(self, transcript: Transcript) -> None:
        self._said = transcript
        self.chain_id = transcript.chain_id

    def block_number(self) -> int:
        """Number of the last block, then."""
        return self._said.head

    def timestamp(self, block: int) -> int:
        """Unix time of a block."""
        return self._answer("blocks", str(block), lambda said: _number(said["time"]))

    def block_hash(self, block: int) -> str:
        """Hash of a block."""
        return self._answer("blocks", str(block), lambda said: "0x" + _bytes(said["hash"], 32).hex())

    def code(self, address: Address) -> bytes:
        """Something where a contract is, nothing where none is."""
        return self._answer("codes", str(address), lambda said: b"\0" if said is True else b"")

    def call(self, to: Address | None, data: bytes, sender: Address, block: int | None) -> bytes:
        """What a call returned. Raises :class:`Reverted` as it did."""
        said = self._answer("calls", _call(to, data, block), str)
        result = self._read(said.removeprefix("revert "), _bytes, "calls")
        if said.startswith("revert "):
            raise Reverted(result)
        return result

    def logs(self, address: Address, topics: Sequence[bytes | None], first: int, last: int) -> tuple[Log, ...]:
        """Log entries; each is one that was asked for, whatever is written."""
        found = self._answer("logs", _logs(address, topics, first, last), lambda said: tuple(map(_log, list(said))))
        for log in found:
            fits = all(wanted in (None, got) for wanted, got in zip(topics, log.topics, strict=False))
            if log.address != address or not first <= log.block <= last or len(log.topics) < len(topics) or not fits:
                raise AnswerInvalid("chain.logs: an entry is not what was asked for")
        return found

    def _answer(self, kind: str, asked: str, read: Callable[[Any], T]) -> T:
        answers = self._said.answers[kind]
        if asked not in answers:
            if kind == "blocks" and not 0 <= int(asked) <= self._said.head:
                raise NotFound(f"no block {asked}: the last one is {self._said.head}")
            raise ChainUnreachable(f"the bundle does not say what the chain answers of {kind}: {asked[:200]}")
        return self._read(answers[asked], read, kind)

    def _read(self, said: Any, read: Callable[[Any], T], kind: str) -> T:
        try:
            return read(said)
        except (KeyError, TypeError, ValueError, Malformed) as error:
            raise AnswerInvalid(f"chain.{kind}: {error!r}"[:300]) from None


class RecordingStore(ContentStore):
    """A store that passes on what it is asked, and keeps the blocks, and which were missing or altered."""

    def __init__(self, store: ContentStore) -> None:
        self._store = store
        self.blocks: dict[Cid, bytes] = {}
        self.held: dict[str, str] = {}

    def put(self, cid: Cid, block: bytes) -> None:
        """Nothing is written while somebody only looks."""
        raise NotImplementedError

    def get(self, cid: Cid) -> bytes:
        """A block."""
        try:
            block = self._store.get(cid)
        except DigestMismatch:
            self.held[str(cid)] = "altered"
            raise
        except Unverifiable:
            self.held[str(cid)] = "missing"
            raise
        self.blocks[cid] = block
        return block

    def has(self, cid: Cid) -> bool:
        """Whether a block is there."""
        there = self._store.has(cid)
        self.held.setdefault(str(cid), "held" if there else "missing")
        return there


class RecordedStore(ContentStore):
    """The blocks of a bundle, verified when it was opened, and what it says of others."""

    def __init__(self, blocks: Mapping[Cid, bytes], held: Mapping[str, str]) -> None:
        self._blocks, self._held = blocks, held

    def put(self, cid: Cid, block: bytes) -> None:
        """A bundle does not change."""
        raise NotImplementedError

    def get(self, cid: Cid) -> bytes:
        """A block. What the bundle says was altered is so on its word alone."""
        if cid in self._blocks:
            return self._blocks[cid]
        said = self._held.get(str(cid))
        if said == "altered":
            raise DigestMismatch(f"block {cid} was altered in the store that the bundle was made from")
        if said == "missing":
            raise BlockMissing(f"block {cid} was not in the store that the bundle was made from")
        raise BlockMissing(f"block {cid} is not in the bundle")

    def has(self, cid: Cid) -> bool:
        """Whether the block was there; the bundle need not hold it."""
        if cid not in self._blocks and str(cid) not in self._held:
            raise BlockMissing(f"the bundle does not say whether block {cid} was there")
        return cid in self._blocks or self._held[str(cid)] in ("held", "altered")


def _call(to: Address | None, data: bytes, block: int | None) -> str:
    return f"{to} 0x{data.hex()} {'latest' if block is None else block}"


def _logs(address: Address, topics: Sequence[bytes | None], first: int, last: int) -> str:
    wanted = ",".join("*" if topic is None else "0x" + topic.hex() for topic in topics)
    return f"{address} {wanted} {first} {last}"


def _written(log: Log) -> dict[str, Any]:
    return {
        "address": str(log.address),
        "topics": ["0x" + topic.hex() for topic in log.topics],
        "data": "0x" + log.data.hex(),
        "block": log.block,
        "tx": log.tx,
    }


def _log(said: Mapping[str, Any]) -> Log:
    return Log(
        Address.parse(said["address"]),
        tuple(_bytes(topic, 32) for topic in said["topics"]),
        _bytes(said["data"]),
        _number(said["block"]),
        "0x" + _bytes(said["tx"], 32).hex(),
    )


def _bytes(text: Any, length: int | None = None) -> bytes:
    if not isinstance(text, str) or not text.startswith("0x") or text != text.lower():
        raise ValueError("expected 0x and lower-case hex digits")
    data = bytes.fromhex(text[2:])
    if length is not None and len(data) != length:
        raise ValueError(f"expected {length} bytes, not {len(data)}")
    return data


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("expected a whole number")
    return value
