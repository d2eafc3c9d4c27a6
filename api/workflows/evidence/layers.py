"""Layers of an audit, told as each is done, for whoever watches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ledger.evidence import Evidence
    from ledger.findings import Finding


class Telling(Protocol):
    """Hears of a layer: ``decoded``, ``manifest``, ``watermark``, ``digest``, ``fingerprint``, ``chain``, in order.

    A layer that was not needed is not told: ``fingerprint``, where the digest is certain.

    With it comes what it found. That is preliminary, since a later layer may explain it; the outcome is what counts.
    """

    def __call__(self, layer: str, findings: Sequence[Finding], evidence: Sequence[Evidence]) -> None:
        """Hear of it."""


def untold(layer: str, findings: Sequence[Finding], evidence: Sequence[Evidence]) -> None:
    """Nobody watches."""
