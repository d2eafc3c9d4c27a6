"""Anchor many generated tracks at once: one root on chain, under which each can be proved, and minted later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from api import pins
from api.errors import UsageError
from api.home import Home
from api.workflows import minting

if TYPE_CHECKING:
    from ledger.contracts import AnchorEntry
    from ledger.keys import Signer
    from ledger.records import TrackRecord


@dataclass(frozen=True, slots=True)
class Batch:
    """The outcome of :func:`anchor`: what is on chain, and the record of each file."""

    entry: AnchorEntry
    records: tuple[TrackRecord, ...]
    already: bool


def anchor(
    home: Home,
    paths: Sequence[Path],
    *,
    signer: Signer,
    royalty_ppm: int,
    marking: minting.Marking,
    now: Callable[[], datetime],
) -> Batch:
    """Anchor tracks of one model that ``generate`` wrote in this home for this key; the same files are one batch.

    As :func:`api.workflows.minting.mint` it signs a manifest into each file, stores it, and goes on where it was
    stopped. Records are stored under their own digests, and the leaves as one file. Each track may be minted later, at
    the same royalty, and is found by then as part of the batch.

    Raises :class:`UsageError` for tracks of several models, and what minting each file would.
    """
    from ledger.anchor import Anchor, Leaf
    from ledger.anchored import deposit
    from ledger.digest import Digest
    from ledger.errors import NotFound

    with home.changing("tracks"), home.acting(signer.address) as ledger:
        records = tuple(
            minting.prepare(home, ledger, path, signer=signer, royalty_ppm=royalty_ppm, marking=marking, now=now())
            for path in paths
        )
        models = {record.claim.model for record in records}
        if len(models) != 1:
            raise UsageError(f"a batch is of one model; these are of models {', '.join(map(str, sorted(models)))}")
        leaves = {Leaf(record.claim.digest, record.audio, record.digest).raw for record in records}
        batch = Anchor(map(Leaf.of, sorted(leaves)))
        try:
            return Batch(ledger.contracts.anchor(signer.address, batch.root), records, already=True)
        except NotFound:
            pass
        kept = [deposit(ledger.store, record) for record in records]
        pins.keep(home, kept, f"records of anchored batch 0x{batch.root}")
        ledger.store.add_bytes(batch.file())
        home.introduce(ledger, signer)
        content = Digest(batch.content.digest)
        ledger.contracts.anchor_tracks(signer, batch.root, len(batch), models.pop(), royalty_ppm, content)
        return Batch(ledger.contracts.anchor(signer.address, batch.root), records, already=False)
