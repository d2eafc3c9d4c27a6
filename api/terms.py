"""Terms as people write them: prices in a currency, last days, uses, and what is allowed without a license."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from api.amounts import WEI_PER_ETHER, ether_from_wei, percent_from_ppm, wei_from_ether
from api.errors import UsageError

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.records import Terms

ETHER = "ether"
NEVER = "never"
NOTHING = "none"
_MOST_ETHER = 10**9
ALLOWED = {"mining": "data_mining", "inference": "inference"}
"""What may be allowed without a license, and the field of the terms that says so."""


def address(option: str, text: str) -> Address:
    """An account or contract by its address. Raises :class:`UsageError` that names the option."""
    from ledger.address import Address
    from ledger.errors import Malformed

    try:
        return Address.parse(text)
    except Malformed as error:
        raise UsageError(f"{option} {text!r}: {error}") from None


def currency(text: str | None) -> Address | None:
    """An ERC-20 token by its address; None for ``ether``, or where nothing was said."""
    if text is None or text == ETHER:
        return None
    token = address("--currency", text)
    if not any(token.raw):
        raise UsageError(f"--currency {text}: no token has this address; leave it out, or write {ETHER}")
    return token


def price(text: str, token: Address | None) -> int:
    """A price in the currency's smallest unit: decimal ether, or whole units of a token.

    How many decimals a token shows is the token's own word, and some have none; so nothing is scaled here. More than a
    billion ether is refused: somebody has said wei.
    """
    if token is None:
        wei = wei_from_ether(text)
        if wei > _MOST_ETHER * WEI_PER_ETHER:
            raise UsageError(f"price {text!r}: more ether than there is; prices are said in ether, not in wei")
        return wei
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"--price {text!r}: with --currency, a whole number of the token's smallest unit")
    return int(text)


def until(text: str | None, now: datetime) -> str | None:
    """The last second of a day (``2027-12-31``, UTC), or a moment as records write it; None for ``never``."""
    from ledger.errors import Malformed
    from ledger.records import parse_timestamp, timestamp

    if text is None or text == NEVER:
        return None
    try:
        end = parse_timestamp(text if "T" in text else f"{text}T23:59:59Z")
    except Malformed:
        raise UsageError(
            f"--until {text!r}: a day such as 2027-12-31, a moment such as 2027-12-31T12:00:00Z, or {NEVER}"
        ) from None
    if end <= now.astimezone(UTC):
        raise UsageError(f"--until {text}: that is over already")
    return timestamp(end)


def moment(seconds: int) -> str:
    """Unix time as records write it."""
    from ledger.records import timestamp

    return timestamp(datetime.fromtimestamp(seconds, UTC))


def uses(words: Sequence[str]) -> tuple[str, ...]:
    """Uses in the order in which records list them, each once; nothing for ``none`` alone."""
    from ledger.records import USES

    if NOTHING in words and len(set(words)) > 1:
        raise UsageError(f"--use {NOTHING} ends the offer; leave the other uses out")
    return tuple(use for use in USES if use in words)


def allow(terms: Terms, words: Sequence[str]) -> Terms:
    """The terms with the preferences of ERC-7517 set: ``mining``, or ``inference=constrained``."""
    from ledger.records import PREFERENCES

    for word in words:
        what, _, value = word.partition("=")
        if what not in ALLOWED or (value or "allowed") not in PREFERENCES:
            raise UsageError(
                f"--allow {word}: {' or '.join(ALLOWED)}, and if need be = with one of {', '.join(PREFERENCES)}"
            )
        value = value or "allowed"
        terms = replace(terms, data_mining=value) if what == "mining" else replace(terms, inference=value)
    return terms


def amount(units: int, token: Address | None) -> str:
    """An amount as :func:`price` reads it."""
    return ether_from_wei(units) if token is None else str(units)


def money(units: int, token: Address | None) -> str:
    """An amount with its currency, for people."""
    return f"{ether_from_wei(units)} ETH" if token is None else f"{units} of token {token}"


def as_json(terms: Terms) -> dict[str, Any]:
    """Terms as one object."""
    return {
        "price": amount(terms.price, terms.currency),
        "currency": None if terms.currency is None else str(terms.currency),
        "share": percent_from_ppm(terms.royalty_ppm),
        "uses": list(terms.uses),
        "until": terms.until if terms.uses else None,
        "allow": {word: getattr(terms, field) for word, field in ALLOWED.items()},
    }


def as_text(terms: Terms) -> str:
    """Terms in one line."""
    parts = [f"{percent_from_ppm(terms.royalty_ppm)} % of royalties"]
    if terms.uses:
        parts.insert(0, f"{money(terms.price, terms.currency)} to {', '.join(terms.uses)}")
        if terms.until is not None:
            parts.append(f"until {terms.until}")
    else:
        parts.insert(0, "not on offer")
    for word, field in ALLOWED.items():
        if getattr(terms, field) != "notAllowed":
            parts.append(f"{word} {getattr(terms, field)} without a license")
    return ", ".join(parts)
