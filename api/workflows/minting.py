"""Mint a generated file: store it, sign its Track record, put it on chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from api import claims
from api.errors import NotCreator
from api.home import Home
from ledger.digest import Digest

if TYPE_CHECKING:
    from ledger.contracts import TrackEntry
    from ledger.keys import Signer


@dataclass(frozen=True, slots=True)
class Minted:
    """The outcome of :func:`mint`."""

    entry: TrackEntry
    already: bool


def mint(home: Home, path: Path, *, signer: Signer, now: Callable[[], datetime]) -> Minted:
    """Mint the track whose claim ``generate`` wrote down for this very file; a minted file is not minted again."""
    from ledger.archive import publish
    from ledger.records import TrackRecord, timestamp

    audio = Digest.of_file(path)
    with home.changing("tracks"), home.ledger() as ledger:
        known = ledger.contracts.track_by_audio(audio)
        if known is not None:
            return Minted(known, already=True)
        generated = claims.find(home, audio, str(path))
        claim = generated.claim
        if claim.creator != signer.address:
            raise NotCreator(f"{path} was generated for {claim.creator}; mint it with that key, not {signer.address}")
        record = TrackRecord(
            claim=claim,
            audio=audio,
            pcm=generated.pcm,
            size=generated.size,
            iscc=generated.iscc,
            fingerprint=generated.fingerprint,
            audio_cid=ledger.store.add_file(path),
            attention=generated.attention,
            watermark=claim.watermark.hex(),
            model_record=generated.model_record,
            created=timestamp(now()),
        )
        cid = publish(ledger.store, record, signer)
        home.fund(ledger, signer)
        entry = ledger.contracts.mint_track(signer, claim.digest, audio, record.digest, str(cid), claim.model)
        return Minted(entry, already=False)
