"""How the contracts spell uses, ends, currencies, terms and where a record lies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ledger.address import Address
from ledger.cid import Cid, Codec
from ledger.digest import Digest
from ledger.errors import ArgumentRefused, ChainUnreachable, MalformedCid
from ledger.records import PREFERENCES, USES, Terms, parse_timestamp, timestamp

FOREVER = 2**40 - 1
"""A time without end (``contracts/Uses.sol``)."""

ETHER = Address(bytes(20))
"""The currency that is no token."""


def mask(uses: Iterable[str]) -> int:
    """Uses as the bits of ``contracts/Uses.sol``. Raises :class:`ArgumentRefused` for one that does not exist."""
    bits = 0
    for use in uses:
        if use not in USES:
            raise ArgumentRefused(f"no use {use!r}; there are {', '.join(USES)}")
        bits |= 1 << USES.index(use)
    return bits


def uses_of(bits: int) -> tuple[str, ...]:
    """The uses in a mask."""
    return tuple(use for index, use in enumerate(USES) if bits >> index & 1)


def currency_word(currency: Address | None) -> Address:
    """A currency as the contracts name it."""
    return ETHER if currency is None else currency


def currency_of(word: Address) -> Address | None:
    """A currency; None for ether."""
    return None if word == ETHER else word


def end_word(until: int | None) -> int:
    """A last second, Unix time, as the contracts count it; None for no end."""
    return FOREVER if until is None else until


def end_of(word: int) -> int | None:
    """A last second, Unix time; None for no end."""
    return None if word == FOREVER else word


def terms_word(terms: Terms) -> tuple[Any, ...]:
    """Terms as the struct of ``contracts/Offers.sol``."""
    until = None if terms.until is None else int(parse_timestamp(terms.until).timestamp())
    preferences = PREFERENCES.index(terms.data_mining) | PREFERENCES.index(terms.inference) << 2
    uses, currency = mask(terms.uses), currency_word(terms.currency)
    return terms.price, end_word(until), terms.royalty_ppm, uses, preferences, currency


def terms_of(word: Mapping[str, Any]) -> Terms:
    """Terms as the contracts keep them. A last second beyond the year 9999 reads as no end.

    Raises :class:`ChainUnreachable` for preferences that no contract of ours takes.
    """
    until = end_of(word["until"])
    return Terms(
        price=word["price"],
        royalty_ppm=word["royaltyPpm"],
        uses=uses_of(word["uses"]),
        currency=currency_of(word["currency"]),
        until=None if until is None or until > _LAST_SECOND else timestamp(datetime.fromtimestamp(until, UTC)),
        data_mining=_preference(word["preferences"] & 3),
        inference=_preference(word["preferences"] >> 2),
    )


def _preference(place: int) -> str:
    if place >= len(PREFERENCES):
        raise ChainUnreachable(f"what the chain answers is not what the contract says: preference {place}")
    return PREFERENCES[place]


def content_word(cid: str) -> Digest:
    """The digest in the CID of a block that holds a whole record, which is all that the chain keeps of it.

    Raises :class:`ArgumentRefused` for a CID of another kind: it could not be told from the digest again.
    """
    try:
        parsed = Cid.parse(cid)
        digest = Digest(parsed.digest)
    except MalformedCid as error:
        raise ArgumentRefused(f"where the record lies: {error}") from None
    if parsed.version != 1 or parsed.codec is not Codec.RAW:
        raise ArgumentRefused(f"where the record lies: {cid} is not the CID of one raw block")
    return digest


def content_of(word: bytes) -> str:
    """The CID of a block that holds a whole record: version 1, raw, SHA-256."""
    return str(Cid.of_digest(word))


_LAST_SECOND = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
