"""What the pages say, in Spanish: one module for each part, with the keys of :mod:`api.pages.english`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.pages.spanish import account, anchored, check, creator, fields, holder, market, provenance, site, training

PARTS: Final[tuple[Mapping[str, str], ...]] = (
    site.TEXTS,
    fields.TEXTS,
    check.TEXTS,
    provenance.TEXTS,
    anchored.TEXTS,
    account.TEXTS,
    holder.TEXTS,
    creator.TEXTS,
    training.TEXTS,
    market.TEXTS,
)
TEXTS: Final[Mapping[str, str]] = {key: text for part in PARTS for key, text in part.items()}
