"""Where a transaction is: looked up on the chain by all the hashes it may have been mined under."""

from __future__ import annotations

import time
from collections.abc import Iterable

from ledger.address import Address
from ledger.errors import NotFound
from ledger.network import Network
from ledger.submission import State, Status

_LOOKS = 3
_PAUSE = 0.2


def look(network: Network, hashes: Iterable[str], confirmations: int) -> Status:
    """How far a transaction has come; ``hashes`` are its forms, the newest first.

    A receipt counts only while its block is the one that the chain has at that height: after a reorganisation some
    nodes still show receipts of blocks that are there no more.
    """
    newest = None
    for tx in hashes:
        newest = newest or tx
        try:
            receipt = network.receipt(tx)
            if network.instant:
                return Status(State.FINAL, tx, receipt, network.block_number() - receipt.block)
            if network.block_hash(receipt.block) != receipt.block_hash:
                continue
        except NotFound:
            continue
        blocks = max(0, network.block_number() - receipt.block)  # one node of many may lag behind
        return Status(State.FINAL if blocks >= confirmations else State.MINED, tx, receipt, blocks)
    return Status(State.PENDING, newest or "")


def is_dropped(network: Network, account: Address, nonce: int, hashes: tuple[str, ...], confirmations: int) -> bool:
    """Whether a transaction can be mined no more, since another one has its nonce, as deep as ``confirmations``.

    It is asked for several times after the nonce, since one node of many may know the one before the other; and while
    a node knows it at all, if only in a block that was left, it may come back.
    """
    if network.nonce_at_depth(account, confirmations) <= nonce:
        return False
    for attempt in range(_LOOKS):
        if attempt:
            time.sleep(_PAUSE)
        if any(network.knows(tx) for tx in hashes):
            return False
    return True


def turns_up(network: Network, tx: str) -> bool:
    """Whether a node knows a transaction after all that it has just refused; asked several times for the same reason.

    Raises :class:`ledger.errors.ChainUnreachable`.
    """
    for attempt in range(_LOOKS):
        if attempt:
            time.sleep(_PAUSE)
        if network.knows(tx):
            return True
    return False
