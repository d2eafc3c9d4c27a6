"""What a chain is asked for, and what it answers, whether it lives in this process or behind a wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ledger.address import Address

if TYPE_CHECKING:
    from ledger.receipts import Sealed


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a transaction.

    Attributes:
        tx: its hash, ``0x`` and 64 hex digits.
        block: number of the block it was mined in.
        block_hash: that block's hash, as ``tx``; another one at its height means that the chain was reorganised.
        succeeded: False if it was mined but reverted.
        gas: gas it used.
        contract: the contract it created, if any.
    """

    tx: str
    block: int
    block_hash: str
    succeeded: bool
    gas: int
    contract: Address | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction as its sender made it; ``to`` is None for a new contract, ``value`` and fees are in wei."""

    account: Address
    nonce: int
    to: Address | None
    data: bytes
    value: int
    gas: int
    fee_per_gas: int
    tip_per_gas: int


@dataclass(frozen=True, slots=True)
class Log:
    """One entry of a transaction's log, as the chain keeps it."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    block: int
    tx: str


@dataclass(frozen=True, slots=True)
class Depth:
    """How deep a block lies: the ``blocks`` on it, its ``hash``, and how many of them make it ``final`` here."""

    blocks: int
    hash: str
    final: int


class Network(Protocol):
    """A chain, in bytes. Any method may raise :class:`ledger.errors.ChainUnreachable`."""

    @property
    def chain_id(self) -> int:
        """Chain id (EIP-155)."""

    @property
    def instant(self) -> bool:
        """Whether :meth:`send` mines at once, for good, or leaves no trace when it raises."""

    def block_number(self) -> int:
        """Number of the last block; the genesis is 0."""

    def timestamp(self, block: int) -> int:
        """Unix time of a block, in seconds. Raises :class:`NotFound`."""

    def block_hash(self, block: int) -> str:
        """Hash of the block that the chain has at a height. Raises :class:`NotFound`."""

    def balance(self, account: Address) -> int:
        """Balance in wei."""

    def nonce(self, account: Address) -> int:
        """How many transactions the account has sent, with those that wait to be mined."""

    def nonce_at_depth(self, account: Address, depth: int) -> int:
        """How many transactions of the account are mined, in blocks with at least ``depth`` blocks on them."""

    def code(self, address: Address) -> bytes:
        """The code at an address; empty where no contract is."""

    def fees(self) -> tuple[int, int]:
        """Maximal fee and tip per gas, in wei, for the next transaction (EIP-1559)."""

    def call(self, to: Address | None, data: bytes, sender: Address, block: int | None) -> bytes:
        """What a call returns at the end of a block (None: now), without a trace. Raises :class:`Reverted`.

        Without ``to`` the data make a contract, and what is returned is its code.
        """

    def estimate(self, sender: Address, to: Address | None, data: bytes, value: int) -> int:
        """Gas that is enough for a transaction. Raises :class:`Reverted` where it would fail anyhow."""

    def send(self, raw: bytes) -> str:
        """Hand in a signed transaction; gives its hash. Raises :class:`Refused` if it does not belong here."""

    def knows(self, tx: str) -> bool:
        """Whether a transaction is mined, or waits to be."""

    def sent(self, tx: str) -> Sent | None:
        """What was sent under a hash, mined or not yet; None where nobody knows of it."""

    def receipt(self, tx: str) -> Receipt:
        """The receipt of a mined transaction. Raises :class:`NotFound`."""

    def logs(self, address: Address, topics: Sequence[bytes | None], first: int, last: int) -> tuple[Log, ...]:
        """Log entries of a contract from block ``first`` to ``last``, both included, in order; None fits any topic."""

    def sealed(self, block: int) -> Sealed:
        """A block as its hash binds it. Raises :class:`NotFound`."""

    def close(self) -> None:
        """Let go of it."""
