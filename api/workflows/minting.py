"""Mint a generated file in one pass: tag it, sign its credential into it, store it, sign its record, put it on chain.

The token's number follows from the claim, so that the manifest can name the token before there is one; then the record
and the token name the file with the manifest in it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from api import credentialing, drafts
from api.certificates import trusted
from api.errors import NotCreator
from api.home import Home, Ledger
from ledger import file
from ledger.digest import Digest

if TYPE_CHECKING:
    from ledger.contracts import TrackEntry
    from ledger.keys import Signer
    from ledger.records import TrackRecord


ROYALTY_PPM = 100_000
"""What a sale pays as royalty if nothing else is said: a tenth."""


@dataclass(frozen=True, slots=True)
class Minted:
    """The outcome of :func:`mint`."""

    entry: TrackEntry
    already: bool


@dataclass(frozen=True, slots=True)
class Marking:
    """What the file is to say of itself. ``mining``: whether it allows that it is mined and trained on."""

    credential: bool = True
    mining: bool = False


def mint(
    home: Home,
    path: Path,
    *,
    signer: Signer,
    royalty_ppm: int = ROYALTY_PPM,
    marking: Marking | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Minted:
    """Mint the track whose claim ``generate`` wrote down for this very file; a minted file is not minted again.

    The file is replaced by one with the same samples, tags and a manifest, whole or not at all; that one is minted.
    Stopped at any moment, the same call goes on. The file as it was before, or made again, is recognised once its track
    is minted: the minted one takes its place. ``royalty_ppm`` is the part of each later sale's price that is asked as
    royalty (ERC-2981), in parts per million. ``now`` dates a certificate that has to be made. Where the settings name a
    time-stamp authority, it stamps the manifest and the record.

    Raises :class:`~ledger.errors.DigestMismatch` where the file changes meanwhile, and
    :class:`~ledger.errors.BlockMissing` where the fingerprint that ``generate`` stored is gone; nothing is minted then.
    """
    from ledger.archive import fetch, publish
    from ledger.errors import AlreadyRegistered
    from ledger.records import TrackRecord

    audio = Digest.of_file(path)
    with home.changing("tracks"), home.acting(signer.address) as ledger:
        known = ledger.contracts.track_by_audio(audio)
        if known is not None:
            if signer.address not in (known.creator, known.owner):
                raise AlreadyRegistered(f"{path}: {known.creator} minted this file, as track {known.claim}", known.id)
            return Minted(known, already=True)
        draft = _own(home, audio, path, signer)
        known = ledger.contracts.track_by_watermark(draft.claim.watermark)
        if known is not None:
            _put(ledger, fetch(ledger.store, TrackRecord, known.cid, known.record, known.creator), path)
            return Minted(known, already=True)
        record = _described(home, ledger, path, draft, signer, royalty_ppm, marking or Marking(), now())
        cid = publish(ledger.store, record, signer, authority=home.settings.tsa, trust=trusted(home))
        home.introduce(ledger, signer)
        claim = record.claim
        entry = ledger.contracts.mint_track(
            signer, claim.digest, record.audio, record.digest, str(cid), claim.model, record.royalty_ppm
        )
        return Minted(entry, already=False)


def prepare(
    home: Home,
    ledger: Ledger,
    path: Path,
    *,
    signer: Signer,
    royalty_ppm: int,
    marking: Marking,
    now: datetime,
) -> TrackRecord:
    """Store a file that ``generate`` wrote, with its manifest, and give its record; raises as :func:`mint`.

    Raises :class:`~ledger.errors.AlreadyRegistered` where the track is minted.
    """
    from ledger.errors import AlreadyRegistered

    draft = _own(home, Digest.of_file(path), path, signer)
    known = ledger.contracts.track_by_watermark(draft.claim.watermark)
    if known is not None:
        raise AlreadyRegistered(f"{path}: minted already, as track {known.claim}; leave it out", known.id)
    return _described(home, ledger, path, draft, signer, royalty_ppm, marking, now)


def _own(home: Home, audio: Digest, path: Path, signer: Signer) -> TrackRecord:
    draft = drafts.find(home, audio, str(path))
    creator = draft.claim.creator
    if creator != signer.address:
        raise NotCreator(f"{path} was generated for {creator}; mint it with that key, not {signer.address}")
    return draft


def _described(
    home: Home,
    ledger: Ledger,
    path: Path,
    draft: TrackRecord,
    signer: Signer,
    royalty_ppm: int,
    marking: Marking,
    now: datetime,
) -> TrackRecord:
    """The record of a file that is in the store, and that has got its manifest, if it is to have one."""
    from ledger.errors import BlockMissing, DigestMismatch

    if ledger.store.add_file(path) != draft.content.cid:
        raise DigestMismatch(f"{path} changed while it was being minted; generate it again")
    if not ledger.store.has(draft.fingerprint.cid):
        raise BlockMissing(
            f"the fingerprint of {path}, {draft.fingerprint.cid}, is not in the store; move the file away and "
            "generate it again"
        )
    if marking.credential:
        draft = _signed(home, ledger, path, draft, signer, now, mining=marking.mining)
    return replace(draft, royalty_ppm=royalty_ppm)


def _signed(
    home: Home, ledger: Ledger, path: Path, draft: TrackRecord, signer: Signer, now: datetime, *, mining: bool
) -> TrackRecord:
    """The draft of the file with its manifest, which has taken the place of the one without.

    A signature never comes out the same twice. So what was signed is in the store, and its draft written down, before
    the file is replaced; and the file is, before anything is sent.
    """
    from ledger import hashing

    record = drafts.signed(home, draft.audio)
    if record is None:
        pen = credentialing.pen(home, signer, now)
        with tempfile.TemporaryFile(dir=home.folder("tmp")) as opened:
            target = cast(BinaryIO, opened)
            credentialing.sign_original(home, ledger, draft, pen, target, mining=mining)
            size = target.seek(0, 2)
            target.seek(0)
            content = hashing.keep(ledger.store, target)
        record = replace(draft, audio=content.sha256, size=size, content=content)
        drafts.keep_signed(home, record, draft)
    if record.audio != draft.audio:
        _put(ledger, record, path)
    return record


def _put(ledger: Ledger, record: TrackRecord, path: Path) -> None:
    """Let the file of a record, which is in the store, take the place of the one that it was made from."""
    path = path.resolve()  # a link stays a link
    mode = path.stat().st_mode & 0o777
    file.write(path, lambda out: out.writelines(ledger.store.read(record.content.cid)), mode=mode)
