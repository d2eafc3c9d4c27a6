"""What was sent to a chain, what it may cost, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ledger.address import Address
from ledger.network import Receipt


@dataclass(frozen=True, slots=True)
class Quote:
    """What a transaction may cost, as the chain stands now.

    Attributes:
        gas: the most gas it may use.
        fee_per_gas: the most it pays for each gas, in wei, tip included (EIP-1559's ``maxFeePerGas``).
        tip_per_gas: what of that goes to whoever makes the block, in wei (``maxPriorityFeePerGas``).
        most_wei: the most that leaves the account: the value sent, and ``gas`` times ``fee_per_gas``.
    """

    gas: int
    fee_per_gas: int
    tip_per_gas: int
    most_wei: int


@dataclass(frozen=True, slots=True)
class Submission:
    """A transaction that was signed and handed in. Account and nonce stay; a faster one in its place has another hash.

    Attributes:
        tx: its hash, ``0x`` and 64 hex digits.
        account: who sent it.
        nonce: its turn among all transactions of the account, from 0.
        to: whom it calls; None for a new contract.
        data: the call.
        value: wei sent along.
        gas: the most gas it may use.
        fee_per_gas: as in :class:`Quote`, in wei.
        tip_per_gas: as in :class:`Quote`, in wei.
        replaced: hashes of the slower ones before it, oldest first; one of them may be mined instead.
    """

    tx: str
    account: Address
    nonce: int
    to: Address | None
    data: bytes
    value: int
    gas: int
    fee_per_gas: int
    tip_per_gas: int
    replaced: tuple[str, ...] = ()

    @property
    def hashes(self) -> tuple[str, ...]:
        """Every hash under which it may be mined, newest first."""
        return (self.tx, *reversed(self.replaced))


class State(StrEnum):
    """How far a transaction has come."""

    PENDING = "pending"
    """Sent, but in no block of the chain; or its block is there no more."""
    MINED = "mined"
    """In a block that has too few blocks on it to be trusted for good."""
    FINAL = "final"
    """In a block with as many blocks on it as were asked for."""


@dataclass(frozen=True, slots=True)
class Status:
    """How far a transaction has come, and its receipt where it has one.

    Attributes:
        state: pending, mined or final.
        tx: the hash that was mined; while pending, the newest one.
        receipt: None while pending.
        blocks: how many blocks lie on the transaction's own; 0 while pending.
    """

    state: State
    tx: str
    receipt: Receipt | None = None
    blocks: int = 0
