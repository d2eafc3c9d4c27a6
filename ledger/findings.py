"""What a check found, and what all findings together mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The outcome of one check."""

    OK = "ok"  # checked, and right
    NOTE = "note"  # worth knowing; decides nothing
    WARNING = "warning"  # checked, and not as it should be; decides nothing, by a rule that docs/audit.md gives
    INVALID = "invalid"  # checked, and wrong
    UNVERIFIABLE = "unverifiable"  # could not be checked


class Verdict(StrEnum):
    """The outcome of an audit."""

    VERIFIED = "verified"
    UNKNOWN = "unknown"
    INVALID = "invalid"
    UNVERIFIABLE = "unverifiable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its name, its outcome, what it was about, and what was seen."""

    check: str
    status: Status
    subject: str
    detail: str


def conclude(findings: Iterable[Finding], *, known: bool) -> Verdict:
    """One wrong thing decides; then one thing that could not be checked; then whether anything is known at all."""
    seen = {finding.status for finding in findings}
    if Status.INVALID in seen:
        return Verdict.INVALID
    if Status.UNVERIFIABLE in seen:
        return Verdict.UNVERIFIABLE
    return Verdict.VERIFIED if known else Verdict.UNKNOWN
