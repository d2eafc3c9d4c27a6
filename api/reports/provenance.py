"""The chain of provenance as boxes: track, model, datasets and licenses, each with how its checks came out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from api.amounts import about_percent
from api.reports.texts import Texts
from api.reports.visible import visible
from ledger.findings import Finding, Status

if TYPE_CHECKING:
    from ledger.contracts import DatasetEntry, LicenseEntry, ModelEntry, TrackEntry
    from ledger.lineage import DatasetNode, ModelNode, TrackNode

Kind = Literal["track", "model", "dataset", "license"]

_WORST: Final = (Status.INVALID, Status.UNVERIFIABLE, Status.WARNING, Status.OK)


@dataclass(frozen=True, slots=True)
class Box:
    """One link of the chain: what it is, the worst outcome of its checks, what there is to say, and what it rests on.

    ``checks`` are those that the outcome is of, and ``entry`` is what the chain holds; None for a license that there is
    not. ``status`` is *unverifiable* where nothing was checked of it.
    """

    kind: Kind
    name: str
    lines: tuple[str, ...]
    checks: tuple[Finding, ...]
    entry: TrackEntry | ModelEntry | DatasetEntry | LicenseEntry | None
    below: tuple[Box, ...] = ()

    @property
    def status(self) -> Status:
        """The worst outcome."""
        seen = {finding.status for finding in self.checks}
        return next((status for status in _WORST if status in seen), Status.UNVERIFIABLE)

    def flat(self, depth: int = 0) -> list[tuple[int, Box]]:
        """This box and all below it, from the top, each with its depth."""
        return [(depth, self), *(pair for box in self.below for pair in box.flat(depth + 1))]


def boxes(track: TrackNode, findings: Sequence[Finding], texts: Texts) -> Box:
    """The chain behind a track."""
    entry = track.entry
    lines = [texts("minted" if entry.anchored is None else "anchored", who=entry.creator, block=entry.block)]
    if track.record is None:
        lines.append(texts("unreadable"))
    checks = tuple(finding for finding in findings if finding.subject == f"track {entry.claim}")
    name = f"{texts('node.track')} {str(entry.claim)[:12]}…"
    return Box("track", name, tuple(lines), checks, entry, (model_boxes(track.model, findings, texts),))


def model_boxes(model: ModelNode, findings: Sequence[Finding], texts: Texts) -> Box:
    """The chain behind a model."""
    entry = model.entry
    if model.record is None:
        lines = [texts("trained", who=entry.trainer), texts("unreadable")]
    else:
        lines = [texts("trained.on", who=entry.trainer, day=visible(model.record.finished)[:10])]
    subject = f"model {entry.id}"
    # What its licenses are worth is said in their own boxes.
    checks = tuple(finding for finding in findings if finding.subject == subject and finding.check != "license")
    datasets = tuple(_dataset(node, entry.id, findings, texts) for node in model.datasets)
    return Box("model", f"{texts('node.model')} {entry.id}", tuple(lines), checks, entry, datasets)


def _dataset(node: DatasetNode, model: int, findings: Sequence[Finding], texts: Texts) -> Box:
    entry, record = node.entry, node.record
    lines = [texts("held", who=entry.holder), texts("share", percent=about_percent(node.share_ppm))]
    if record is None:
        lines.append(texts("unreadable"))
    else:
        lines.insert(0, visible(record.title))
        count = len(record.recordings)
        minutes = f"{sum(item.frames / item.rate for item in record.recordings) / 60:.1f}"
        lines.append(texts("recordings.one" if count == 1 else "recordings", count=count, minutes=minutes))
    checks = tuple(finding for finding in findings if finding.subject == f"dataset {entry.id}")
    name = f"{texts('node.dataset')} {entry.id}"
    return Box("dataset", name, tuple(lines), checks, entry, (_license(node, model, findings, texts),))


def _license(node: DatasetNode, model: int, findings: Sequence[Finding], texts: Texts) -> Box:
    number = node.entry.id
    names_it = re.compile(rf"\bdataset {number}\b")
    said = [f for f in findings if f.subject == f"model {model}" and f.check == "license" and names_it.search(f.detail)]
    if node.license is not None:
        said += [f for f in findings if f.subject == f"license {node.license.id} of dataset {number}"]
        uses = ", ".join(texts(f"use.{use}") for use in node.license.uses)
        lines = (texts("licensed", uses=uses, who=node.license.licensee),)
        return Box("license", texts("node.license.number", number=node.license.id), lines, tuple(said), node.license)
    box = Box("license", texts("node.license.owned", number=number), (texts("owned"),), tuple(said), None)
    missing = texts("node.license.missing", number=number)
    return box if box.status is Status.OK else replace(box, name=missing, lines=())
