"""The dataset, model or track that a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.errors import UsageError
from api.workflows import tracks

if TYPE_CHECKING:
    from api.home import Ledger
    from ledger.closure import Kind


def find(ledger: Ledger, kind: Kind, text: str) -> int:
    """The token that ``text`` names: a number, or of a track as :func:`api.workflows.tracks.find` takes it.

    Raises :class:`UsageError` for what is no number, and the errors of the latter.
    """
    if kind == "track":
        return tracks.find(ledger, text).id
    if not (text.isascii() and text.isdigit() and len(text) < 78 and int(text)):
        raise UsageError(f"ID {text!r}: a {kind} has a number, 1 or more")
    return int(text)
