"""Where results go: looked at before the work that makes them."""

from __future__ import annotations

from pathlib import Path

from api.errors import UsageError


def require_folder(out: Path, option: str = "") -> None:
    """Raise :class:`UsageError` unless the folder that ``out`` is to be written to is there; ``option`` named it."""
    if not out.absolute().parent.is_dir():
        named = f"{option} {out}" if option else str(out)
        raise UsageError(f"{named}: the folder {out.parent} does not exist; make it first")
