"""Mint a generated file: store it, sign its Track record, put it on chain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from api import drafts
from api.errors import NotCreator
from api.home import Home
from ledger.digest import Digest

if TYPE_CHECKING:
    from ledger.contracts import TrackEntry
    from ledger.keys import Signer


ROYALTY_PPM = 100_000
"""What a sale pays as royalty if nothing else is said: a tenth."""


@dataclass(frozen=True, slots=True)
class Minted:
    """The outcome of :func:`mint`."""

    entry: TrackEntry
    already: bool


def mint(home: Home, path: Path, *, signer: Signer, royalty_ppm: int = ROYALTY_PPM) -> Minted:
    """Mint the track whose claim ``generate`` wrote down for this very file; a minted file is not minted again.

    ``royalty_ppm`` is the part of each later sale's price that is asked as royalty (ERC-2981), in parts per million.
    Raises :class:`~ledger.errors.DigestMismatch` where the file changes meanwhile, and
    :class:`~ledger.errors.BlockMissing` where the fingerprint that ``generate`` stored is gone; nothing is minted then.
    """
    from ledger.archive import publish
    from ledger.errors import AlreadyRegistered, BlockMissing, DigestMismatch

    audio = Digest.of_file(path)
    with home.changing("tracks"), home.acting(signer.address) as ledger:
        known = ledger.contracts.track_by_audio(audio)
        if known is not None:
            if signer.address not in (known.creator, known.owner):
                raise AlreadyRegistered(f"{path}: {known.creator} minted this file, as track {known.claim}", known.id)
            return Minted(known, already=True)
        record = replace(drafts.find(home, audio, str(path)), royalty_ppm=royalty_ppm)
        creator = record.claim.creator
        if creator != signer.address:
            raise NotCreator(f"{path} was generated for {creator}; mint it with that key, not {signer.address}")
        if ledger.store.add_file(path) != record.content.cid:
            raise DigestMismatch(f"{path} changed while it was being minted; generate it again")
        if not ledger.store.has(record.fingerprint.cid):
            raise BlockMissing(
                f"the fingerprint of {path}, {record.fingerprint.cid}, is not in the store; move the file away and "
                "generate it again"
            )
        cid = publish(ledger.store, record, signer)
        home.introduce(ledger, signer)
        claim = record.claim
        entry = ledger.contracts.mint_track(
            signer, claim.digest, audio, record.digest, str(cid), claim.model, record.royalty_ppm
        )
        return Minted(entry, already=False)
