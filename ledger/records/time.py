"""Times in records: RFC 3339, UTC, whole seconds, one spelling only: ``2026-11-23T10:00:00Z``."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ledger.errors import Malformed

_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


def timestamp(moment: datetime) -> str:
    """Write an aware datetime; fractions of a second are cut off.

    Raises :class:`Malformed` for a naive one, and for one that UTC puts outside the years 1 to 9999.
    """
    if moment.utcoffset() is None:
        raise Malformed(f"the time {moment.isoformat()} has no time zone; pass an aware datetime")
    try:
        return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
    except OverflowError:
        raise Malformed(f"the time {moment.isoformat()} lies outside the years 1 to 9999 in UTC") from None


def parse_timestamp(text: str) -> datetime:
    """Read what :func:`timestamp` writes, as a datetime in UTC. Raises :class:`Malformed` for any other spelling."""
    if not _FORM.fullmatch(text):
        raise Malformed(f"not a time: {text!r}; expected the form 2026-11-23T10:00:00Z")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Malformed(f"not a time: {text!r} names no moment of the calendar") from None
