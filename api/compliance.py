"""The measures of the Code of Practice on Transparency of AI-Generated Content (AI Office, June 2026), as a checklist.

Section 1 is for whoever provides a generator, section 2 for whoever publishes what it made. Titles in quotation marks,
those of 1.1, 1.2 and 1.3, are the Code's as the IPTC quotes them (iptc.org, "EU AI Transparency Code of Practice", 10
June 2026). All other titles, and every summary, are in our own words after accounts of the published text; the Code
itself is what counts, and this list is no legal advice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

CODE = "Code of Practice on Transparency of AI-Generated Content, 10 June 2026"
INTEROPERABLE_BY = "2 February 2027"
"""Until when the Code wants watermarks to be read across providers (measure 3.4)."""


class Status(StrEnum):
    """What was found. *Not met* is also what nothing here can show, since it is done by people and not by software."""

    MET = "met"
    PARTLY = "partly"
    NOT_MET = "not met"
    NOT_APPLICABLE = "not applicable"


class Level(StrEnum):
    """How much the Code asks for it: of signatories, as encouragement, or as a choice."""

    ASKED = "asked"
    ENCOURAGED = "encouraged"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure of the Code: its number, a title, and what it asks for, in a sentence."""

    number: str
    title: str
    asks: str
    level: Level = Level.ASKED
    quoted: bool = False

    @property
    def name(self) -> str:
        """Number and title, in quotation marks where they are the Code's."""
        return f"{self.number} “{self.title}”" if self.quoted else f"{self.number} {self.title}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an installation does about a measure: what was found, and what is missing, or why it does not apply."""

    measure: Measure
    status: Status
    evidence: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


MEASURES = (
    Measure("1.1", "Machine-readable marking techniques", "At least two layers of marks in every output.", quoted=True),
    Measure("1.1.1", "Signed metadata", "Signed and time-stamped: made by AI."),
    Measure("1.1.2", "Watermark", "An imperceptible mark in the sound itself."),
    Measure("1.1.3", "Fingerprint or log", "A registry to look copies up in.", Level.OPTIONAL),
    Measure("1.2", "Non-removal of markings", "Marks are kept, and terms forbid to remove them.", quoted=True),
    Measure(
        "1.3",
        "Transparency of the provenance information",
        "System, provider, time and model in the metadata.",
        Level.ENCOURAGED,
        quoted=True,
    ),
    Measure("1.4", "Perceptible labels", "An option to label an output for people.", Level.ENCOURAGED),
    Measure("2.1.1", "A detector", "Specification, software or service, free of charge, for every mark."),
    Measure("2.1.2", "Who may detect", "An interface for whoever may come upon the content."),
    Measure("2.1.3", "Privacy of what is submitted", "Used to detect and for nothing else, and then deleted."),
    Measure("2.1.4", "Retirement of a detector", "What follows reads the old marks too."),
    Measure("2.2", "Forensic detection", "Recognition without marks, where they were stripped.", Level.OPTIONAL),
    Measure("2.3", "Clear results", "People understand the result, and see which technique it rests on."),
    Measure("2.4", "Literacy", "Documentation for those who choose and use marks and detectors.", Level.ENCOURAGED),
    Measure("3.1", "Effectiveness", "Together the marks let people tell what the system made; tried with people."),
    Measure("3.2", "Reliability", "Few misses and few false alarms, measured over contexts and lengths."),
    Measure("3.3", "Robustness", "Marks outlive common processing, local edits and attacks, as measured."),
    Measure("3.4", "Interoperability", f"Open standards, and watermarks that others can read by {INTEROPERABLE_BY}."),
    Measure("3.5", "Advancing the art", "Research, benchmarks, shared detectors.", Level.ENCOURAGED),
    Measure("4.1", "A compliance process", "Written down, and kept up to date."),
    Measure("4.2", "Testing and monitoring", "Before release and regularly after it; faults are mended."),
    Measure("4.3", "Training of staff", "In proportion, for those whose work it concerns."),
    Measure("4.4", "Work with authorities", "Documents and detectors for market surveillance, on request."),
    Measure("section 2", "Labels of deep fakes", "Whoever publishes a deep fake says so, in sound at its beginning."),
)


def as_json(answers: Sequence[Answer], about: str) -> dict[str, Any]:
    """One object."""
    return {
        "code": CODE,
        "about": about,
        "measures": [
            {
                "number": answer.measure.number,
                "title": answer.measure.title,
                "quoted": answer.measure.quoted,
                "asks": answer.measure.asks,
                "level": answer.measure.level,
                "status": answer.status,
                "evidence": list(answer.evidence),
                "missing": list(answer.missing),
            }
            for answer in answers
        ],
        "counts": {status: sum(answer.status is status for answer in answers) for status in Status},
    }


def as_text(answers: Sequence[Answer], about: str) -> str:
    """For a terminal."""
    lines = [f"{CODE}; {about}", "A checklist, not a certificate: it says what was found here, and no more.", ""]
    for answer in answers:
        level = "" if answer.measure.level is Level.ASKED else f" ({answer.measure.level})"
        lines.append(f"[{answer.status}] {answer.measure.name}{level}")
        lines += [f"    found: {found}" for found in answer.evidence]
        word = "because" if answer.status is Status.NOT_APPLICABLE else "missing"
        lines += [f"    {word}: {missing}" for missing in answer.missing]
    counts = ", ".join(f"{sum(answer.status is status for answer in answers)} {status}" for status in Status)
    return "\n".join([*lines, "", counts])
