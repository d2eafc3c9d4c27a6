"""A currency as a person reads it: ether, or a token by its address, with what the token calls itself beside it.

Anybody can deploy a token that calls itself like another. So its own word stands in quotation marks, reduced to what
cannot deceive the eye, and never without the address, which is what counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from api.amounts import ether_from_wei, units_from_whole, whole_from_units

if TYPE_CHECKING:
    from ledger.address import Address

_LONGEST: Final = 16
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$.+-_/")


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency.

    address: a token's; None for ether. symbol: what the token calls itself, made harmless by :func:`harmless`; None
    where it says nothing. decimals: of a whole unit, as the token says; None where amounts stay in the smallest unit.
    """

    address: Address | None
    symbol: str | None
    decimals: int | None

    @property
    def short(self) -> str:
        """For people, where the full address would be too long: ``“USDC” (0x123456…abcdef)``."""
        if self.address is None:
            return "ETH"
        text = str(self.address)
        where = f"({text[:8]}…{text[-6:]})"
        return where if self.symbol is None else f"“{self.symbol}” {where}"

    def amount(self, units: int) -> str:
        """An amount in whole units, or in the smallest where nobody knows how many make one; without the currency."""
        if self.address is None:
            return ether_from_wei(units)
        return str(units) if self.decimals is None else whole_from_units(units, self.decimals)

    def money(self, units: int) -> str:
        """An amount with its currency."""
        return f"{self.amount(units)} {self.short}"

    def units(self, text: str) -> int:
        """What :meth:`amount` wrote, as a person writes it. Raises :class:`~api.errors.UsageError`."""
        from api import terms

        if self.address is None or self.decimals is None:
            return terms.price(text, self.address)
        return units_from_whole(text, self.decimals)


ETHER: Final = Currency(None, "ETH", 18)


def unnamed(address: Address | None) -> Currency:
    """A currency of which nobody has asked more than where it is."""
    return ETHER if address is None else Currency(address, None, None)


def harmless(symbol: str | None) -> str | None:
    """A token's word with all but plain letters, digits and a few signs escaped, and not longer than it may be."""
    if symbol is None:
        return None
    plain = ""
    for sign in symbol:
        said = sign if sign in _PLAIN else f"\\u{ord(sign):04x}"
        if len(plain) + len(said) > _LONGEST:
            return f"{plain}…"
        plain += said
    return plain
