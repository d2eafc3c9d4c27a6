"""Track records of what was generated here, unsigned, under the digest of the file: ``generate`` writes them, ``mint``
signs them.

Before it does, it signs a manifest into the file, and so makes another file: a draft of that one is kept beside the
first. ``DIGEST.signed`` holds the digest of the file with the manifest, under the digests of both.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from api.errors import NotGenerated
from api.home import Home
from ledger import file
from ledger.digest import Digest
from ledger.errors import Malformed

if TYPE_CHECKING:
    from ledger.records import TrackRecord


def keep(home: Home, record: TrackRecord) -> None:
    """Write the record down, unless one for the same file is there."""
    path = _path(home, record.audio)
    if not path.exists():
        file.write(path, lambda out: out.write(record.payload()))


def known(home: Home, audio: Digest) -> bool:
    """Whether a file of this digest was generated in this home, minted or not."""
    return (home.path / "drafts" / f"{audio}.json").exists()  # an audit makes no folders


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


def keep_signed(home: Home, record: TrackRecord, before: TrackRecord) -> None:
    """Write down the record of a file with a manifest, and that it came from another."""
    keep(home, record)
    for audio in (record.audio, before.audio):
        file.write(_link(home, audio), lambda out: out.write(str(record.audio).encode()))


def signed(home: Home, audio: Digest) -> TrackRecord | None:
    """The record of the file with a manifest: of this very file, or of what became of it; None without one."""
    from ledger.errors import MalformedRecord

    link = _link(home, audio)
    try:
        target = Digest.parse(link.read_text())
    except FileNotFoundError:
        return None
    except (Malformed, ValueError):
        raise MalformedRecord(f"{link} holds no digest; delete it, and mint again") from None
    return find(home, target, f"{audio} with its manifest")


def _link(home: Home, audio: Digest) -> Path:
    return home.folder("drafts") / f"{audio}.signed"


def _path(home: Home, audio: Digest) -> Path:
    return home.folder("drafts") / f"{audio}.json"
