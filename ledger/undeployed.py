"""Signatures of contracts that are not there yet (ERC-6492): who makes the contract, and what it takes for a signature.

A wallet may have an address before it has code, since the factory that will make it, and with what, decide its address
(EIP-1014). Such a signature says how to make it, and is wrapped so that nobody takes it for another. It is tried in a
call that leaves no trace: make the contract, then ask it (ERC-1271).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from ledger.address import Address
from ledger.errors import SignatureInvalid

_SUFFIX: Final = bytes.fromhex("6492" * 16)


@dataclass(frozen=True, slots=True)
class Undeployed:
    """``factory``, called with ``data``, makes the contract; ``signature`` is what that takes for its own."""

    factory: Address
    data: bytes
    signature: bytes

    @classmethod
    def parse(cls, signature: bytes) -> Self | None:
        """What a signature says; None for one that is not wrapped. Raises :class:`SignatureInvalid`."""
        if not signature.endswith(_SUFFIX):
            return None
        from eth_abi.abi import decode
        from eth_abi.exceptions import DecodingError

        try:
            factory, data, inner = decode(("address", "bytes", "bytes"), signature[: -len(_SUFFIX)])
        except (DecodingError, OverflowError):
            raise SignatureInvalid("the signature is wrapped as in ERC-6492, and not what that has inside") from None
        return cls(Address.parse(factory), data, inner)

    def trial(self, account: Address, question: bytes) -> bytes:
        """Code that calls the factory, asks the account, and gives what that returns, as if it made a contract of it.

        It reverts where the account does; an account that has no code then returns nothing. ``data`` and ``question``
        are 64 KiB each at most.
        """
        tail = self.data + question
        asked, made = len(question).to_bytes(2), len(self.data).to_bytes(2)
        size = len(tail).to_bytes(3)
        parts = (
            b"\x62" + size + b"\x60" + bytes([_LENGTH]) + _ZERO + b"\x39",  # CODECOPY all that follows to memory
            _ZERO + _ZERO + b"\x61" + made + _ZERO + _ZERO + b"\x73" + self.factory.raw + b"\x5a\xf1\x50",  # CALL, POP
            _ZERO + _ZERO + b"\x61" + asked + b"\x61" + made + b"\x73" + account.raw + b"\x5a\xfa",  # STATICCALL
            b"\x60" + bytes([_LENGTH - 11]) + b"\x57" + _ZERO + _ZERO + b"\xfd",  # JUMPI over a REVERT
            b"\x5b\x3d" + _ZERO + _ZERO + b"\x3e" + b"\x3d" + _ZERO + b"\xf3",  # RETURNDATACOPY, RETURN
        )
        return b"".join(parts) + tail


_ZERO: Final = b"\x60\x00"
_LENGTH: Final = 96
