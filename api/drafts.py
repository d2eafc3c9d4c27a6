"""Track records of what was generated here, unsigned, under the digest of the file: ``generate`` writes them, ``mint``
signs them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from api.errors import NotGenerated
from api.home import Home
from ledger import file
from ledger.digest import Digest

if TYPE_CHECKING:
    from ledger.records import TrackRecord


def keep(home: Home, record: TrackRecord) -> None:
    """Write the record down, unless one for the same file is there."""
    path = _path(home, record.audio)
    if not path.exists():
        file.write(path, lambda out: out.write(record.payload()))


def find(home: Home, audio: Digest, name: str) -> TrackRecord:
    """The record of a file by its digest; ``name`` is the file's, for the error."""
    from ledger.errors import MalformedRecord
    from ledger.records import TrackRecord, read

    path = _path(home, audio)
    if not path.exists():
        raise NotGenerated(
            f"{name}: no claim is known for this file. Only the very file that `stemmata generate` wrote, in this "
            "home, can be minted; a converted or edited copy cannot"
        )
    record = read(path.read_bytes())
    if not isinstance(record, TrackRecord):
        raise MalformedRecord(f"{path} is no draft of a track; delete it, and generate the track again to mint it")
    return record


def _path(home: Home, audio: Digest) -> Path:
    return home.folder("drafts") / f"{audio}.json"
