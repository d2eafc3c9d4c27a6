"""What an ERC-20 token says of itself: its own word, which nobody vouches for (EIP-20, optional functions)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ledger.errors import NotFound, Refused

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.chain import Chain

MOST_DECIMALS: Final = 36
"""More are taken for no answer: amounts would be written with so many noughts that nobody can read them."""
MOST_SYMBOL: Final = 64
"""Bytes of a symbol that are read; what comes after is left out."""

# The first four bytes of the Keccak-256 of `symbol()` and `decimals()`.
_SYMBOL: Final = bytes.fromhex("95d89b41")
_DECIMALS: Final = bytes.fromhex("313ce567")
_WORD: Final = 32


@dataclass(frozen=True, slots=True)
class Told:
    """A token's own word: ``symbol`` as it gave it, whatever that is, for whoever shows it to make harmless.

    decimals: of one whole unit, 0 to :data:`MOST_DECIMALS`. None for what it does not say, or not readably.
    """

    symbol: str | None
    decimals: int | None


def describe(chain: Chain, token: Address) -> Told:
    """Ask a token; it may be anybody's contract, and answer anything.

    Raises :class:`~ledger.errors.NotFound` where there is no contract, and what a chain does that does not answer.
    """
    if not chain.has_code(token):
        raise NotFound(f"there is no contract at {token} on chain {chain.chain_id}")
    return Told(_symbol(_asked(chain, token, _SYMBOL)), _decimals(_asked(chain, token, _DECIMALS)))


def _asked(chain: Chain, token: Address, selector: bytes) -> bytes:
    try:
        return chain.ask(token, selector)
    except Refused:  # both functions are optional
        return b""


def _decimals(answer: bytes) -> int | None:
    number = int.from_bytes(answer[:_WORD])
    return number if len(answer) >= _WORD and number <= MOST_DECIMALS else None


def _symbol(answer: bytes) -> str | None:
    """A string of the ABI, or a word filled up with noughts, as old tokens have it."""
    if len(answer) == _WORD:
        raw = answer.rstrip(b"\0")
    else:
        start = int.from_bytes(answer[:_WORD])
        if len(answer) < 2 * _WORD or start + _WORD > len(answer):
            return None
        length, rest = int.from_bytes(answer[start : start + _WORD]), answer[start + _WORD :]
        if length > len(rest):
            return None
        raw = rest[:length]
    return raw[:MOST_SYMBOL].decode("utf-8", "backslashreplace") or None
