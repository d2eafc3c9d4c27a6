"""How pages write times, lengths and sizes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from api.pages.language import Words
    from ledger.records import TrackRecord


def when(seconds: float | None) -> str | None:
    """Unix time as a day and a minute, in UTC; None for no time."""
    return None if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def length(record: TrackRecord | None, words: Words) -> str:
    """How long a track is, in words; empty where nobody knows."""
    if record is None:
        return ""
    minutes, seconds = divmod(round(record.claim.frames / record.claim.rate), 60)
    if not minutes:
        return words("track.seconds", count=seconds)
    return words("track.minutes", minutes=minutes, seconds=seconds)


def size(count: int) -> str:
    """Bytes in the largest unit that has one before the point."""
    for unit, scale in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= scale:
            return f"{count / scale:.4g} {unit}"
    return f"{count} B"
