"""What lies where a track is to be written: looked at first, so that nobody waits to hear of another file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from api import drafts
from api.errors import NotGenerated, OutputExists
from api.home import Home
from api.toolchain import code_digest
from ledger.digest import Digest

if TYPE_CHECKING:
    from ledger.records import Claim, RepeatableTrackRecord, TrackRecord


def drafted(home: Home, out: Path) -> TrackRecord | None:
    """The record of a file that this home made; None where there is no file. Raises :class:`OutputExists`."""
    if not out.exists():
        return None
    try:
        return drafts.find(home, Digest.of_file(out), str(out))
    except NotGenerated:
        raise another(out) from None


def find(
    home: Home, out: Path, asked: Iterable[Claim], limit: float, device: str = "cpu"
) -> RepeatableTrackRecord | None:
    """The record of a file that is what was asked for; None where only making it again tells whether it is.

    asked: what it may claim. limit: seconds of a recording that it may repeat. device: where it is
    rendered. The same source makes it again on the same class of machine; what others make is not known. Raises
    :class:`OutputExists` for a file that it is not.
    """
    from gen.repeatable import machine_class
    from ledger.records import RepeatableTrackRecord

    record = drafted(home, out)
    if record is None:
        return None
    if record.claim not in list(asked):
        raise another(out)
    if not isinstance(record, RepeatableTrackRecord):
        return None
    making = record.making
    said = (making.code, making.machine, making.originality.get("limit"))
    return record if said == (code_digest(), machine_class(device), f"{limit:g}") else None


def another(out: Path) -> OutputExists:
    """That a file is not what would be written there."""
    return OutputExists(f"{out} exists and is another file; move it or choose another name")
