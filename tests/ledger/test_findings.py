"""From findings to a verdict: invalid before unverifiable before known."""

import pytest

from ledger.findings import Finding, Status, Verdict, conclude


def _findings(*statuses: Status) -> list[Finding]:
    return [Finding("check", status, "subject", "detail") for status in statuses]


@pytest.mark.parametrize(
    ("statuses", "known", "verdict"),
    [
        ((), False, Verdict.UNKNOWN),
        ((Status.NOTE,), False, Verdict.UNKNOWN),
        ((Status.OK, Status.NOTE), True, Verdict.VERIFIED),
        ((Status.OK, Status.UNVERIFIABLE), True, Verdict.UNVERIFIABLE),
        ((Status.UNVERIFIABLE,), False, Verdict.UNVERIFIABLE),
        ((Status.OK, Status.UNVERIFIABLE, Status.INVALID), True, Verdict.INVALID),
    ],
)
def test_verdict(statuses: tuple[Status, ...], known: bool, verdict: Verdict) -> None:
    assert conclude(_findings(*statuses), known=known) is verdict
