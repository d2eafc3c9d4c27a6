"""Say what the records say in another format: of a lineage that was checked first, and holds."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from api.errors import NotWhole, OutputExists, UsageError
from api.exports.formats import Wish, check, make
from api.home import Home, Ledger
from api.outputs import require_folder
from ledger import file

if TYPE_CHECKING:
    from api.exports.whole import Whole
    from ledger.findings import Finding

_NUMBER = re.compile(r"0*[1-9][0-9]{0,17}", re.ASCII)


def export(home: Home, kind: str, which: str, name: str, wish: Wish, out: Path | None = None) -> str:
    """The text of format ``name`` for a track (its watermark or its file), a model or a dataset (its number).

    With ``out`` it is also written there; the same again is written once. Raises :class:`UsageError`,
    :class:`OutputExists`, :class:`NotWhole` and :class:`~ledger.errors.Unverifiable`.
    """
    from api.exports.names import Names
    from api.exports.whole import WholeDataset
    from api.workflows.datasheet import key_erased

    check(name, kind, wish)
    if not home.exists:
        raise UsageError(f"{home.path} holds nothing to export; is STEMMATA_HOME right?")
    with home.ledger() as ledger:
        node = lineage(ledger, kind, which)
        names = Names.of(ledger.contracts.deployment)
    if isinstance(node, WholeDataset):
        wish = replace(wish, erased=key_erased(home, node.record))
    text = make(name, kind, node, names, wish)
    if out is not None:
        _write(out, text.encode())
    return text


def lineage(ledger: Ledger, kind: str, which: str) -> Whole:
    """A track, model or dataset with all that it rests on, checked."""
    from api.exports.whole import whole_dataset, whole_model, whole_track
    from api.workflows import tracks
    from ledger.lineage import DatasetNode
    from ledger.verify import Verifier

    verifier = Verifier(ledger.contracts, ledger.store)
    if kind == "track":
        track = verifier.track(tracks.find(ledger, which))
        _holds(verifier.findings)
        return whole_track(track)
    if not _NUMBER.fullmatch(which):
        raise UsageError(f"{kind} {which[:80]}: give its number, from 1")
    if kind == "model":
        model = verifier.model(ledger.contracts.model(int(which)))
        _holds(verifier.findings)
        return whole_model(model)
    entry = ledger.contracts.dataset(int(which))
    record = verifier.dataset(entry)
    _holds(verifier.findings)
    return whole_dataset(DatasetNode(entry, record, 0, None, None))


def _holds(findings: list[Finding]) -> None:
    """What is wrong is not repeated in other words, and neither is what could not be checked."""
    from ledger.errors import Unverifiable
    from ledger.findings import Status

    for finding in findings:
        said = f"{finding.subject}: {finding.check}: {finding.detail}"
        if finding.status is Status.INVALID:
            raise NotWhole(said)
        if finding.status is Status.UNVERIFIABLE:
            raise Unverifiable(said)


def _write(out: Path, written: bytes) -> None:
    require_folder(out, "--out")
    if out.exists() and (not out.is_file() or out.read_bytes() != written):
        raise OutputExists(f"{out} exists and is another file; move it or choose another name")
    file.write(out, lambda target: target.write(written))
