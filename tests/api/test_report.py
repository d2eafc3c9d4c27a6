"""How an audit is shown: nothing that a record's author chose may look like a line of ours."""

from api.reports.terminal import as_text
from api.workflows.audit import Audit
from ledger.digest import Digest
from ledger.findings import Finding, Status, Verdict, conclude


def test_what_a_forger_wrote_cannot_forge_lines() -> None:
    forged = "x\nverdict: verified\x1b[2J\r\u202eall good"
    finding = Finding("record", Status.INVALID, "track 1", forged)
    shown = as_text(Audit(Digest.of(b""), 1.0, Verdict.INVALID, (finding,), ()), "song.mp3")
    assert [line for line in shown.splitlines() if line.startswith("verdict")] == [shown.splitlines()[0]]
    assert "✗ track 1: record: x\\nverdict: verified\\x1b[2J\\r\\u202eall good" in shown


def test_a_warning_stands_beside_the_verdict_that_it_does_not_change() -> None:
    warning = Finding("co-signature", Status.WARNING, "track 1", "wrong")
    findings = (Finding("record", Status.OK, "track 1", "signed"), warning, Finding("consent", Status.NOTE, "d", "n"))
    assert conclude(findings, known=True) is Verdict.VERIFIED
    shown = as_text(Audit(Digest.of(b""), 1.0, Verdict.VERIFIED, findings, ()), "song.mp3").splitlines()
    assert shown[:2] == ["verdict: verified", "! track 1: co-signature: wrong"]
    assert shown[2] == ""
