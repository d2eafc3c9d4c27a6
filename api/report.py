"""An audit as a program reads it, and as an auditor signs it; :mod:`api.reports` has it for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.findings import Finding

if TYPE_CHECKING:
    from api.workflows.audit import Audit
    from api.workflows.model_audit import ModelAudit
    from ledger.anchored import Anchored
    from ledger.evidence import Evidence
    from ledger.keys import Signer
    from ledger.lineage import ModelNode, TrackNode

PAYLOAD_TYPE = "application/vnd.stemmata.audit+json"


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


def layer_as_json(findings: Iterable[Finding], evidence: Iterable[Evidence]) -> dict[str, Any]:
    """What one layer of an audit has found, in the form that it has in the whole."""
    return {"findings": _findings(findings), "evidence": [_evidence(one) for one in evidence]}


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
        "anchored": None if node.entry.anchored is None else _anchored(node.entry.anchored),
        "model": _model(model),
    }


def _anchored(leaf: Anchored) -> dict[str, Any]:
    return {"root": str(leaf.root), "index": leaf.proof.index, "size": leaf.proof.size}


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


def _findings(findings: Iterable[Finding]) -> list[dict[str, str]]:
    return [{"check": f.check, "status": f.status.value, "subject": f.subject, "detail": f.detail} for f in findings]


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
