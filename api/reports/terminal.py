"""An audit as lines on a terminal: the verdict and what led to it, the tree of each track, then every other check."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from api.reports.details import of_finding
from api.reports.texts import Texts
from api.reports.visible import visible
from ledger.findings import Finding, Status

if TYPE_CHECKING:
    from api.workflows.audit import Audit
    from api.workflows.model_audit import ModelAudit
    from ledger.lineage import DatasetNode, ModelNode, TrackNode

_LONG = re.compile(r"\b(?:[0-9a-f]{64}|0x[0-9a-fA-F]{40})\b")
_AGAINST: Final = (Status.INVALID, Status.UNVERIFIABLE, Status.WARNING)
_SIGNS: Final = {Status.OK: "✓", Status.NOTE: "·", Status.WARNING: "!", Status.INVALID: "✗", Status.UNVERIFIABLE: "?"}


def as_text(outcome: Audit, name: str, texts: Texts | None = None) -> str:
    """Verdict, conclusions and what speaks against it, the tree back to the recordings, then every other check."""
    t = texts or Texts()
    against, others = _parted(outcome.findings)
    lines = [t("tree.verdict", verdict=t(f"short.{outcome.verdict.value}"))]
    lines += [f"  {t.case(one.case.name)} ({t.certainty(one.certainty)})" for one in outcome.conclusions]
    lines += [_line(finding, t) for finding in against]
    for node in outcome.tracks:
        lines += ["", f"{visible(name)}  ({outcome.seconds:.1f} s)", *_track(node, t)]
    return "\n".join([*lines, "", *(_line(finding, t) for finding in others)])


def model_as_text(outcome: ModelAudit, texts: Texts | None = None) -> str:
    """The same of a model; there is no tree where the chain fell silent."""
    t = texts or Texts()
    against, others = _parted(outcome.findings)
    lines = [
        t("tree.verdict", verdict=t(f"short.{outcome.verdict.value}")),
        *(_line(finding, t) for finding in against),
    ]
    if outcome.node is not None:
        lines += ["", *_model(outcome.node, t)]
    return "\n".join([*lines, "", *(_line(finding, t) for finding in others)])


def _parted(findings: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
    against = [finding for finding in findings if finding.status in _AGAINST]
    return against, [finding for finding in findings if finding.status not in _AGAINST]


def _line(finding: Finding, t: Texts) -> str:
    """One finding as a line; digests and addresses are cut short, the JSON has them whole."""
    head = f"{_SIGNS[finding.status]} {t.subject(visible(finding.subject))}: {t.check(finding.check)}"
    return _LONG.sub(lambda match: match[0][:12] + "…", f"{head}: {of_finding(finding, t.language)}")


def _track(node: TrackNode, t: Texts) -> list[str]:
    """The lineage of a track as lines of a tree."""
    made = node.record
    length = ""
    if made:
        length = t("tree.length", seconds=f"{made.claim.frames / made.claim.rate:.1f}", seed=made.claim.seed)
    word = "minted" if node.entry.anchored is None else "anchored"
    minted = t(word, who=node.entry.creator, block=node.entry.block)
    lines = [f"└─ {t('node.track')} {node.entry.claim}", f"   {minted}{length}"]
    return lines + ["   " + line for line in _model(node.model, t)]


def _model(node: ModelNode, t: Texts) -> list[str]:
    run = t("tree.run", preset=visible(node.record.preset), time=node.record.finished) if node.record else ""
    weights = t("tree.weights", digest=str(node.entry.weights)[:16])
    lines = [
        f"└─ {t('node.model')} {node.entry.id}  {weights}…",
        f"   {t('trained', who=node.entry.trainer)}{run}",
    ]
    for index, dataset in enumerate(node.datasets):
        last = index == len(node.datasets) - 1
        first, *rest = _dataset(dataset, t)
        lines.append(f"   {'└─' if last else '├─'} {first}")
        lines += [f"   {'  ' if last else '│ '} {line}" for line in rest]
    return lines


def _dataset(node: DatasetNode, t: Texts) -> list[str]:
    title = visible(node.record.title) if node.record else t("unreadable")
    lines = [
        f"{t('node.dataset')} {node.entry.id}  {title}",
        t("tree.held", who=node.entry.holder, percent=f"{node.share_ppm / 10_000:.1f}"),
    ]
    if node.license is not None:
        uses = ", ".join(t(f"use.{use}") for use in node.license.uses)
        lines.append(t("tree.licensed", uses=uses, number=node.license.id))
    if node.record:
        count = len(node.record.recordings)
        minutes = f"{sum(item.frames / item.rate for item in node.record.recordings) / 60:.1f}"
        held = t("recordings.one" if count == 1 else "recordings", count=count, minutes=minutes)
        lines.append(f"{held}, {t('tree.root', digest=str(node.entry.root)[:16])}…")
    return lines
