"""An audit as a person reads it, as a program reads it, and as an auditor signs it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.findings import Finding, Status, Verdict

if TYPE_CHECKING:
    from api.workflows.audit import Audit
    from api.workflows.model_audit import ModelAudit
    from ledger.evidence import Evidence
    from ledger.keys import Signer
    from ledger.lineage import DatasetNode, ModelNode, TrackNode

PAYLOAD_TYPE = "application/vnd.stemmata.audit+json"

_LONG = re.compile(r"\b(?:[0-9a-f]{64}|0x[0-9a-fA-F]{40})\b")
_MARKS = {Status.OK: "✓", Status.NOTE: "·", Status.WARNING: "!", Status.INVALID: "✗", Status.UNVERIFIABLE: "?"}
_MEANING = {
    Verdict.VERIFIED: "verified",
    Verdict.UNKNOWN: "unknown: nothing is known here of this audio",
    Verdict.INVALID: "invalid: known, but something is wrong",
    Verdict.UNVERIFIABLE: "unverifiable: something could not be checked",
}


def as_json(outcome: Audit, name: str) -> dict[str, Any]:
    """The audit as one object: verdict, findings in the order of checking, and the tree of each track."""
    return {
        "verdict": outcome.verdict.value,
        "file": name,
        "sha256": str(outcome.audio),
        "seconds": round(outcome.seconds, 3),
        "findings": _findings(outcome.findings),
        "tracks": [_track(node) for node in outcome.tracks],
        "evidence": [_evidence(one) for one in outcome.evidence],
        "conclusions": [
            {
                "case": one.case.value,
                "verdict": one.verdict.value,
                "track": one.track,
                "certainty": one.certainty,
                "because": list(one.because),
            }
            for one in outcome.conclusions
        ],
    }


def as_text(outcome: Audit, name: str) -> str:
    """Verdict and what speaks against it, the tree from the audio back to the recordings, then every other check."""
    against = [f for f in outcome.findings if f.status in (Status.INVALID, Status.UNVERIFIABLE, Status.WARNING)]
    others = [f for f in outcome.findings if f not in against]
    lines = [f"verdict: {_MEANING[outcome.verdict]}", *map(_line, against)]
    for node in outcome.tracks:
        lines += ["", f"{_visible(name)}  ({outcome.seconds:.1f} s)", *tree(node)]
    return "\n".join([*lines, "", *map(_line, others)])


def tree(node: TrackNode) -> list[str]:
    """The lineage of a track as lines of a tree."""
    made = node.record
    length = f", {made.claim.frames / made.claim.rate:.1f} s, seed {made.claim.seed}" if made else ""
    lines = [f"└─ track {node.entry.claim}", f"   minted by {node.entry.creator} in block {node.entry.block}{length}"]
    return lines + ["   " + line for line in _model_lines(node.model)]


def write_signed(path: Path, outcome: Audit, signer: Signer, when: datetime) -> None:
    """Write the audit as a DSSE envelope over RFC 8785 bytes, signed by the auditor; the file's name is left out."""
    from ledger import file, signing
    from ledger.canonical import encode
    from ledger.records import timestamp

    content = as_json(outcome, "")
    del content["file"]
    content["seconds"] = str(content["seconds"])
    for one in content["evidence"]:
        one.update({name: str(value) for name, value in one.items() if isinstance(value, float)})
    payload = encode({**content, "auditor": str(signer.address), "audited": timestamp(when)})
    envelope = signing.sign(payload, signer, PAYLOAD_TYPE)
    file.write(path, lambda out: out.write(envelope.to_bytes()), mode=0o644)


def _line(finding: Finding) -> str:
    """One finding as a line; digests and addresses are cut short, as_json has them whole."""
    text = f"{_MARKS[finding.status]} {finding.subject}: {finding.check}: {_visible(finding.detail)}"
    return _LONG.sub(lambda match: match[0][:12] + "…", text)


def _visible(text: str) -> str:
    """Text that a record's author may have chosen, with all that could forge lines or steer a terminal escaped."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def _model_lines(node: ModelNode) -> list[str]:
    run = f", preset {_visible(node.record.preset)}, {node.record.finished}" if node.record else ""
    lines = [
        f"└─ model {node.entry.id}  weights {str(node.entry.weights)[:16]}…",
        f"   trained by {node.entry.trainer}{run}",
    ]
    for index, dataset in enumerate(node.datasets):
        last = index == len(node.datasets) - 1
        first, *rest = _dataset_lines(dataset)
        lines.append(f"   {'└─' if last else '├─'} {first}")
        lines += [f"   {'  ' if last else '│ '} {line}" for line in rest]
    return lines


def _dataset_lines(node: DatasetNode) -> list[str]:
    title = _visible(node.record.title) if node.record else "(record not readable)"
    lines = [
        f"dataset {node.entry.id}  {title}",
        f"held by {node.entry.holder}, {node.share_ppm / 10_000:.1f} % of the audio",
    ]
    if node.license is not None:
        lines.append(f"licensed for {', '.join(node.license.uses)} (license {node.license.id})")
    if node.record:
        seconds = sum(item.frames / item.rate for item in node.record.recordings)
        lines.append(
            f"{len(node.record.recordings)} recordings, {seconds / 60:.1f} min, root {str(node.entry.root)[:16]}…"
        )
    return lines


def _track(node: TrackNode) -> dict[str, Any]:
    model = node.model
    return {
        "track": str(node.entry.claim),
        "sha256": str(node.entry.audio),
        "record": str(node.entry.record),
        "cid": node.entry.cid,
        "creator": str(node.entry.creator),
        "owner": str(node.entry.owner),
        "block": node.entry.block,
        "model": _model(model),
    }


def _model(node: ModelNode) -> dict[str, Any]:
    return {
        "model": node.entry.id,
        "weights": str(node.entry.weights),
        "record": str(node.entry.record),
        "trainer": str(node.entry.trainer),
        "datasets": [
            {
                "dataset": item.entry.id,
                "title": item.record.title if item.record else None,
                "holder": str(item.entry.holder),
                "root": str(item.entry.root),
                "record": str(item.entry.record),
                "share_ppm": item.share_ppm,
                "license": item.license.id if item.license else None,
                "consent": item.entry.consent,
            }
            for item in node.datasets
        ],
    }


def model_as_json(outcome: ModelAudit) -> dict[str, Any]:
    """The audit of a model as one object; ``tree`` is null where the chain fell silent."""
    return {
        "verdict": outcome.verdict.value,
        "model": outcome.model,
        "findings": _findings(outcome.findings),
        "tree": None if outcome.node is None else _model(outcome.node),
    }


def model_as_text(outcome: ModelAudit) -> str:
    """Verdict and what speaks against it, the tree from the model to the recordings, then every other check."""
    against = [f for f in outcome.findings if f.status in (Status.INVALID, Status.UNVERIFIABLE, Status.WARNING)]
    others = [f for f in outcome.findings if f not in against]
    tree = [] if outcome.node is None else ["", *_model_lines(outcome.node)]
    return "\n".join([f"verdict: {_MEANING[outcome.verdict]}", *map(_line, against), *tree, "", *map(_line, others)])


def _evidence(one: Evidence) -> dict[str, Any]:
    return {
        "layer": one.layer,
        "track": one.track,
        "detail": one.detail,
        "start": _rounded(one.start, 2),
        "end": _rounded(one.end, 2),
        "score": _rounded(one.score, 2),
        "false_positive": one.false_positive,
        "distance": _rounded(one.distance, 4),
        "speed": round(one.speed, 5),
        "pitch": round(one.pitch, 5),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _findings(findings: Iterable[Finding]) -> list[dict[str, str]]:
    return [{"check": f.check, "status": f.status.value, "subject": f.subject, "detail": f.detail} for f in findings]
