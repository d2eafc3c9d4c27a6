"""How pages write times and sizes."""

from __future__ import annotations

from datetime import UTC, datetime


def when(seconds: float | None) -> str | None:
    """Unix time as a day and a minute, in UTC; None for no time."""
    return None if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def size(count: int) -> str:
    """Bytes in the largest unit that has one before the point."""
    for unit, scale in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= scale:
            return f"{count / scale:.4g} {unit}"
    return f"{count} B"
