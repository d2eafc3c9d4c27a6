"""What Stemmata says of its own tracks in the files that leave: tags first, then the manifest."""

from __future__ import annotations

import importlib.metadata
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from api import certificates
from api.errors import UsageError
from api.home import Home, Ledger
from ledger import manifest

if TYPE_CHECKING:
    from gen.tags import Tags
    from ledger.keys import Signer
    from ledger.manifest import Pen, Statement
    from ledger.records import TrackRecord


def pen(home: Home, signer: Signer, now: datetime) -> Pen:
    """Who signs manifests for an account: its P-256 key and certificates, stamped where the settings name a service.

    Raises :class:`~ledger.errors.CertificateUnfit` where the certificates are over, and :class:`UsageError` for an
    account whose companion keys are nowhere.
    """
    account, companions = signer.address, signer.companions
    if companions is None:  # left closed, since signatures are not co-signed
        name = home.keystore().name_of(account)
        if name is None:
            raise UsageError(
                f"{account} has no key in {home.path} that could sign a manifest; mint without a credential"
            )
        companions = home.companions(name)
    chain = certificates.made(home, account, companions, now)
    chain.check_time(now)
    return manifest.Pen(companions, chain, home.settings.tsa)


def sign_original(home: Home, ledger: Ledger, draft: TrackRecord, by: Pen, target: BinaryIO, *, mining: bool) -> None:
    """Write the file of a draft, which is in the store, to ``target``, with tags and manifest.

    The manifest cannot name the CID of the file that it is in; it names that of the file as it was made.
    """
    from gen.tags import write_into_wav

    said = _statement(ledger, draft, mining=mining)
    with tempfile.TemporaryFile(dir=home.folder("tmp")) as opened:
        plain = cast(BinaryIO, opened)
        write_into_wav(ledger.store.read(draft.content.cid), draft.size, plain, tags(draft))
        plain.seek(0)
        manifest.sign(plain, target, ".wav", said, by)


def sign_copy(
    ledger: Ledger, record: TrackRecord, source: Path, target: BinaryIO, by: Pen, parent: Path, *, mining: bool
) -> bytes:
    """Write a copy in another format to ``target`` with a manifest whose parent is the minted file; its manifest store.

    Where the format holds none, the copy is written as it is.
    """
    said = _statement(ledger, record, mining=mining)
    with source.open("rb") as opened:
        return manifest.sign(opened, target, source.suffix, said, by, parent)


def tags(record: TrackRecord, title: str = "", artist: str = "") -> Tags:
    """What players show: that a model made it, under which number it is on chain, and what the user wants to say."""
    from gen.tags import Tags

    claim = record.claim
    return Tags(
        title=title,
        artist=artist,
        comment=f"Made by a trained model. Track {record.watermark} of {claim.tracks} on chain {claim.chain_id}",
        software=f"Stemmata {importlib.metadata.version('stemmata')}",
    )


def _statement(ledger: Ledger, record: TrackRecord, *, mining: bool) -> Statement:
    from ledger.archive import fetch
    from ledger.origin import Origin
    from ledger.preferences import Preferences
    from ledger.records import TrainingRunRecord

    claim = record.claim
    model = ledger.contracts.model(claim.model)
    run = fetch(ledger.store, TrainingRunRecord, model.cid, model.record, model.trainer)
    origin = Origin(
        chain_id=claim.chain_id,
        tracks=claim.tracks,
        token=record.watermark,
        claim=claim.digest,
        model_record=record.model_record,
        weights=claim.weights,
        datasets=tuple(use.record for use in run.datasets),
    )
    use = "allowed" if mining else "notAllowed"
    preferences = Preferences(data_mining=use, inference=use, training=use, generative_training=use)
    return manifest.Statement(origin, record.iscc, record.content.cid, preferences)
