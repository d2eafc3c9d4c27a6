"""Copies of a minted track in other formats, each with tags and a manifest of its own whose parent is the track."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from api import credentialing
from api.errors import NotCreator, NotMinted, OutputExists, UsageError
from api.home import Home, Ledger
from api.outputs import require_folder
from ledger.digest import Digest
from ledger.errors import ManifestElsewhere

if TYPE_CHECKING:
    from gen.tags import Tags
    from ledger.contracts import TrackEntry
    from ledger.keys import Signer
    from ledger.records import TrackRecord


FORMATS = (".mp3", ".flac", ".m4a", ".ogg", ".opus")


@dataclass(frozen=True, slots=True)
class Edition:
    """How a copy is made. ``bitrate_kbps`` means nothing to FLAC; ``mining``: whether it may be trained on."""

    bitrate_kbps: int = 192
    title: str = ""
    artist: str = ""
    mining: bool = False


@dataclass(frozen=True, slots=True)
class Published:
    """The outcome of :func:`publish`; ``sidecar`` is the manifest beside a file whose format holds none."""

    entry: TrackEntry
    sidecar: Path | None
    already: bool


def publish(home: Home, track: Path, out: Path, edition: Edition, *, signer: Signer, now: datetime) -> Published:
    """Write a copy of a minted file in the format of ``out``'s suffix, tagged and then signed, whole or not at all.

    A copy of the same track that is there already stays. Raises :class:`NotMinted` for a file that is no minted track,
    :class:`NotCreator` where the signer neither made nor owns it, :class:`OutputExists`, and what encoding raises.
    """
    from ledger import credentials, manifest
    from ledger.archive import fetch
    from ledger.records import TrackRecord

    suffix = out.suffix.lower()
    if suffix not in FORMATS:
        raise UsageError(f"{out}: copies are made as {', '.join(FORMATS)}")
    require_folder(out)
    audio = Digest.of_file(track)
    with home.acting(signer.address) as ledger:
        entry = ledger.contracts.track_by_audio(audio)
        if entry is None:
            raise NotMinted(f"{track} is no minted track; `stemmata mint` it first, and publish the file as it is then")
        if signer.address not in (entry.creator, entry.owner):
            raise NotCreator(f"{signer.address} neither made track {entry.claim} nor owns it")
        original = credentials.read(track)
        if original is None or original.origin is None:
            raise NotMinted(f"{track} was minted without a manifest that a copy could name as its parent")
        beside = None if suffix in manifest.EMBEDDED else out.with_name(f"{out.name}.c2pa")
        if out.exists():
            there = None
            with contextlib.suppress(ManifestElsewhere):
                there = credentials.read(out)
            if there is None or there.state == "invalid" or there.parents != (original.id,):
                raise OutputExists(f"{out} exists and is no copy of this track; name another file")
            return Published(entry, beside, already=True)
        record = fetch(ledger.store, TrackRecord, entry.cid, entry.record, entry.creator)
        _write(home, ledger, record, track, out, beside, edition, signer, now)
        return Published(entry, beside, already=False)


def _write(
    home: Home,
    ledger: Ledger,
    record: TrackRecord,
    track: Path,
    out: Path,
    beside: Path | None,
    edition: Edition,
    signer: Signer,
    now: datetime,
) -> None:
    from gen.file import replacing

    pen = credentialing.pen(home, signer, now)
    with tempfile.TemporaryDirectory(dir=home.folder("tmp")) as folder:
        encoded = Path(folder) / f"copy{out.suffix.lower()}"
        _encode(track, encoded, edition, credentialing.tags(record, edition.title, edition.artist))
        with replacing(out) as target:
            store = credentialing.sign_copy(ledger, record, encoded, target, pen, track, mining=edition.mining)
            if beside is not None:
                with replacing(beside) as manifest:
                    manifest.write(store)


def _encode(track: Path, target: Path, edition: Edition, tags: Tags) -> None:
    from gen.audio import encode, load

    encode(target, load(track), edition.bitrate_kbps, tags)
