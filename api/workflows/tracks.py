"""Find a track by what a person has of it: its number, or the file that was minted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from api.errors import UsageError
from api.home import Ledger
from ledger.digest import Digest

if TYPE_CHECKING:
    from ledger.contracts import TrackEntry

_NUMBER = re.compile(r"[0-9a-f]{16}")


def find(ledger: Ledger, text: str) -> TrackEntry:
    """The track with this watermark (16 hex digits, which are its token), or minted from this very file.

    Raises :class:`UsageError` for what is neither, and :class:`NotFound`.
    """
    from ledger.errors import NotFound

    if _NUMBER.fullmatch(text):
        entry = ledger.contracts.track_by_watermark(bytes.fromhex(text))
        missing = f"track {text}: no track on this chain has this watermark"
        if text.isdecimal():
            missing += " (these digits are read as hex, not as a decimal token)"
    elif Path(text).is_file():
        entry = ledger.contracts.track_by_audio(Digest.of_file(Path(text)))
        missing = (
            f"{text}: this very file was not minted on this chain; `stemmata audit` tells which track a copy is of"
        )
    else:
        raise UsageError(f"TRACK {text!r}: give the 16 hex digits of its watermark, as `mint` says them, or its file")
    if entry is None:
        raise NotFound(missing)
    return entry
