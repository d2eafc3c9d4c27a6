"""A price as a request says it, in ether or in a token, whose decimals are the token's own word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from api.amounts import units_from_whole
from api.errors import UsageError
from ledger.tokens import MOST_DECIMALS

if TYPE_CHECKING:
    from api.home import Home
    from ledger.address import Address

Decimals = Annotated[
    int | None,
    Field(
        ge=0,
        le=MOST_DECIMALS,
        description="The price is in whole units of the token, each of so many decimals: it has to say the same of "
        "itself. Without, the price is in its smallest unit.",
    ),
]


def token_of(currency: str | None, decimals: int | None) -> Address | None:
    """The token that a price is said in; None for ether, or where nothing is said, which have no decimals to name.

    Raises :class:`~api.errors.UsageError`.
    """
    from api import terms

    token = terms.currency(currency)
    if token is None and decimals is not None:
        raise UsageError("decimals: of a token; say which with currency")
    return token


def units(price: str, token: Address | None, decimals: int | None) -> int:
    """The price in the currency's smallest unit. Raises :class:`~api.errors.UsageError` for one that is none."""
    from api import terms

    if token is None:
        return terms.price(price, None)
    if decimals is not None:
        return units_from_whole(price, decimals)
    if price.isdigit():
        return int(price)
    raise UsageError(f"price {price!r}: a whole number of the token's smallest unit, where no decimals are")


def require_decimals(home: Home, token: Address | None, decimals: int | None) -> None:
    """Raise :class:`~api.errors.UsageError` where a token says that it has other decimals than a price is meant in."""
    from ledger.tokens import describe

    if token is None or decimals is None:
        return
    with home.reading() as ledger:
        told = describe(ledger.chain, token).decimals
    if told != decimals:
        said = "none" if told is None else told
        raise UsageError(f"decimals: token {token} says {said}, not {decimals}; look again")
