"""The table of conclusions by itself: each row is reached, none hides another, and all together say the verdict."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.conclusions import MEANING, TABLE, Case, Conclusion, Row, conclusions, is_known
from ledger.evidence import Evidence
from ledger.findings import Finding, Status, Verdict, conclude

TRACK = "ab" * 32
SUBJECT = f"track {TRACK}"
KNOWN = Evidence("digest", TRACK, "its digest is on chain")


def cases(found: tuple[Conclusion, ...]) -> set[Case]:
    return {one.case for one in found}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.case.value)
def test_each_finding_of_a_row_leads_to_its_case_and_to_nothing_worse(row: Row) -> None:
    for check, status in row.seen:
        finding = Finding(check, status, SUBJECT, "seen")
        (only,) = conclusions([finding], [KNOWN])
        assert only.case is row.case
        assert only.verdict is (row.verdict or Verdict.VERIFIED) is conclude([finding], known=True)
        assert only.track == TRACK
        assert only.because == (f"{SUBJECT}: seen",)


def test_every_case_has_a_meaning_of_its_own() -> None:
    assert set(MEANING) == set(Case)
    assert len(set(MEANING.values())) == len(Case)


def test_the_page_on_audits_has_every_case_and_every_check_that_leads_to_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text("utf-8")
    table = page[page.index("## The table of conclusions") : page.index("## What is checked for a track")]
    assert [case.value for case in Case if not re.search(rf"\b{case.value}\b", table)] == []
    assert [check for row in TABLE for check, _ in row.seen if f"`{check}`" not in table] == []


def test_no_two_rows_are_led_to_by_the_same_finding() -> None:
    seen = [pair for row in TABLE for pair in row.seen]
    assert len(seen) == len(set(seen))


CHECKS = sorted({check for row in TABLE for check, _ in row.seen} | {"watermark", "some check of tomorrow"})
FINDINGS = st.lists(
    st.builds(
        Finding,
        st.sampled_from(CHECKS),
        st.sampled_from(Status),
        st.sampled_from([SUBJECT, "track " + "cd" * 32, "model 1", "audio"]),
        st.text(max_size=4),
    ),
    max_size=12,
)


@given(findings=FINDINGS, known=st.booleans())
def test_the_worst_conclusion_is_the_verdict(findings: list[Finding], known: bool) -> None:
    evidence = [KNOWN] if known else [Evidence("watermark", None, "a mark of nobody's")]
    found = conclusions(findings, evidence)
    order = [Verdict.INVALID, Verdict.UNVERIFIABLE, Verdict.VERIFIED, Verdict.UNKNOWN]
    assert [order.index(one.verdict) for one in found] == sorted(order.index(one.verdict) for one in found)
    assert (found[0].verdict if found else Verdict.VERIFIED) is conclude(findings, known=is_known(evidence))
    # What was checked and is wrong is never told as what could not be checked, nor the other way round.
    for verdict, status in ((Verdict.INVALID, Status.INVALID), (Verdict.UNVERIFIABLE, Status.UNVERIFIABLE)):
        told = [why for one in found if one.verdict is verdict for why in one.because]
        assert sorted(told) == sorted(f"{f.subject}: {f.detail}" for f in findings if f.status is status)


def test_a_copy_is_called_by_what_is_special_about_it() -> None:
    alike = Finding("fingerprint", Status.OK, SUBJECT, "alike")
    assert cases(conclusions([alike], [KNOWN])) == {Case.REENCODED}
    part = Finding("excerpt", Status.NOTE, SUBJECT, "a part")
    assert cases(conclusions([alike, part], [KNOWN])) == {Case.EXCERPT}
    elsewhere = Finding("excerpt", Status.NOTE, "track " + "cd" * 32, "a part")
    assert cases(conclusions([alike, elsewhere], [KNOWN])) == {Case.REENCODED, Case.EXCERPT}


def test_a_key_that_ended_before_is_not_also_told_as_one_that_ended_after() -> None:
    ended = Finding("key", Status.NOTE, SUBJECT, "revoked in block 9")
    assert cases(conclusions([ended], [KNOWN])) == {Case.KEY_ENDED_AFTER}
    assert cases(conclusions([Finding("key", Status.INVALID, SUBJECT, "late"), ended], [KNOWN])) == {
        Case.KEY_ENDED_BEFORE
    }


def test_certainty_comes_from_the_mark_where_one_speaks_for_the_track() -> None:
    alike = Finding("fingerprint", Status.OK, SUBJECT, "alike")
    marks = [Evidence("watermark", TRACK, "a mark", false_positive=chance) for chance in (3e-9, 2e-12)]
    assert conclusions([alike], marks)[0].certainty == "1 - 2.0e-12"
    assert conclusions([alike], [KNOWN])[0].certainty == "likely"
    assert conclusions([Finding("audio", Status.OK, SUBJECT, "it")], marks)[0].certainty == "certain"
    assert conclusions([Finding("chain", Status.UNVERIFIABLE, "chain", "silent")], marks)[0].certainty == "open"
