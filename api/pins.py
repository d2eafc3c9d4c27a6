"""What this home keeps although no record on chain names it, or not yet: nothing of it is ever collected.

``pins/`` holds a file for each thing that was added or imported by hand. Beside these count what ``generate`` wrote and
``mint`` has yet to record, and what a registration has stored and will go on with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api import intake
from api.home import Home
from ledger import file

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.cid import Cid
    from ledger.closure import Named


@dataclass(frozen=True, slots=True)
class Pin:
    """Something kept by hand: the CIDs at the top of it, and what it was."""

    cids: tuple[Cid, ...]
    what: str


def keep(home: Home, cids: Sequence[Cid], what: str) -> None:
    """Pin these. The same CIDs again are the same pin, under its new description."""
    content = json.dumps({"cids": [str(cid) for cid in cids], "what": what})
    file.write(_path(home, cids), lambda out: out.write(content.encode()))


def drop(home: Home, cid: Cid) -> int:
    """Take back every pin with this CID at its top; how many there were."""
    found = [path for path, pin in _pins(home) if cid in pin.cids]
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def everything(home: Home) -> Iterator[Named]:
    """All that is pinned by hand, drafted, or waiting in a registration."""
    from ledger.closure import Named
    from ledger.errors import Invalid, Malformed
    from ledger.records import TrackRecord, read

    for _, pin in _pins(home):
        yield from (Named(cid, f"{pin.what} (pinned)") for cid in pin.cids)
    for path in sorted(home.folder("drafts").glob("*.json")):
        try:
            record = read(path.read_bytes())
        except (Invalid, Malformed) as error:
            raise Malformed(
                f"{path} is no draft of a track: {error}; delete it, and generate the track again to mint it"
            ) from None
        if not isinstance(record, TrackRecord):
            raise Malformed(f"{path} is no draft of a track; delete it, and generate the track again to mint it")
        yield Named(record.fingerprint.cid, f"fingerprint of the draft of track {record.watermark}")
        if home.store().has(record.content.cid):  # it is stored when it is minted
            yield Named(record.content.cid, f"audio of the draft of track {record.watermark}")
    for cid in intake.pending(home):
        yield Named(cid, "a recording of an unfinished registration")


def _pins(home: Home) -> Iterator[tuple[Path, Pin]]:
    from ledger.cid import Cid
    from ledger.errors import Malformed

    for path in sorted(home.folder("pins").glob("*.json")):
        try:
            said = json.loads(path.read_bytes())
            pin = Pin(tuple(Cid.parse(cid) for cid in said["cids"]), str(said["what"]))
        except (ValueError, KeyError, TypeError, Malformed) as error:
            raise Malformed(f"{path} is no pin: {error}; delete it if nothing has to be kept for it") from None
        yield path, pin


def _path(home: Home, cids: Sequence[Cid]) -> Path:
    name = hashlib.sha256(b"".join(sorted(cid.raw for cid in cids))).hexdigest()
    return home.folder("pins") / f"{name}.json"
