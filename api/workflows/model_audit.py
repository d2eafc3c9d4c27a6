"""Audit a model alone: its record, its licenses, its datasets, and the weights themselves; no audio takes part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.home import Home, Ledger
from ledger.errors import Invalid, LedgerError, Malformed, Unverifiable
from ledger.findings import Finding, Status, Verdict, conclude

if TYPE_CHECKING:
    from ledger.lineage import ModelNode


@dataclass(frozen=True, slots=True)
class ModelAudit:
    """The outcome: verdict, checks, and the model's tree; that is None where the chain fell silent."""

    model: int
    verdict: Verdict
    findings: tuple[Finding, ...]
    node: ModelNode | None


def audit(home: Home, model_id: int) -> ModelAudit:
    """Verify a model down to every dataset behind it. Raises ``NotFound`` where there is no such model.

    All else is a finding. Weights and recordings that are not in the store are a note: the records stand without them.
    """
    from ledger.errors import NotFound
    from ledger.verify import Verifier

    findings: list[Finding] = []
    node = None
    try:
        with home.ledger() as ledger:
            verifier = Verifier(ledger.contracts, ledger.store)
            try:
                node = verifier.model(ledger.contracts.model(model_id))
                verifier.findings.append(_weights(ledger, node))
            finally:
                findings.extend(verifier.findings)
    except NotFound:
        raise
    except Invalid as error:
        findings.append(Finding("chain", Status.INVALID, "chain", str(error)))
    except (LedgerError, OSError) as error:
        findings.append(Finding("chain", Status.UNVERIFIABLE, "chain", str(error)))
    return ModelAudit(model_id, conclude(findings, known=True), tuple(findings), node)


def _weights(ledger: Ledger, node: ModelNode) -> Finding:
    """Whether the weights in the store, or their ciphertext, are those of the record."""
    from ledger import transfer
    from ledger.errors import BlockMissing

    def found(status: Status, detail: str) -> Finding:
        return Finding("weights", status, f"model {node.entry.id}", detail)

    record = node.record
    if record is None:
        return found(Status.NOTE, "not looked at: the record that names them could not be read")
    try:
        transfer.verify(ledger.store, record.content.cid, sha256=record.content.sha256)
    except BlockMissing:
        return found(Status.NOTE, "are not in the store")
    except Unverifiable as error:
        return found(Status.UNVERIFIABLE, str(error))
    except (Invalid, Malformed) as error:
        return found(Status.INVALID, str(error))
    what = "as ciphertext, " if record.sealed else ""
    return found(Status.OK, f"are in the store, {what}with the digest of the record")
