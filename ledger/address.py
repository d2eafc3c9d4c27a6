"""Addresses: who acts on chain."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ledger.errors import Malformed

_HEX = re.compile(r"0x[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A 20-byte account address. ``str()`` gives the checksummed form of EIP-55."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 20:
            raise Malformed(f"an address has 20 bytes, not {len(self.raw)}")

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``0x`` and 40 hex digits. In mixed case the EIP-55 checksum must hold, else :class:`Malformed`."""
        if not _HEX.fullmatch(text):
            raise Malformed(f"not an address: {text!r}; expected 0x and 40 hex digits")
        address = cls(bytes.fromhex(text[2:]))
        digits = text[2:]
        if digits not in (digits.lower(), digits.upper()) and str(address) != text:
            raise Malformed(f"address {text} fails its EIP-55 checksum")
        return address

    def __str__(self) -> str:
        from eth_utils.address import to_checksum_address

        return str(to_checksum_address(self.raw))
