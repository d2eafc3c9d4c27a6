"""The details of findings and evidence in the words of a report's language.

The ledger writes them as English sentences. Each was made from a template, with digests, addresses and numbers in its
places; where the template is known here, and has nothing of a stranger's making in it but what stands in a place, the
same is said in another language. What quotes an error, or compares two values, stays English and is marked as that.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from api.reports.spanish_details import DETAILS as SPANISH
from api.reports.visible import visible

if TYPE_CHECKING:
    from api.reports.texts import Language
    from ledger.evidence import Evidence
    from ledger.findings import Finding

Templates = Mapping[str, tuple[tuple[str, str], ...]]
"""By the name of a check, or ``evidence`` and a layer: pairs of a template in English and in the other language."""

TABLES: Final[Mapping[str, Templates]] = {"es": SPANISH}
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Detail:
    """A sentence, and the language that it is in."""

    text: str
    language: Language

    def __str__(self) -> str:
        return self.text


def of_finding(finding: Finding, language: Language) -> Detail:
    """What a finding says in detail; in English where it cannot be said otherwise."""
    return _detail(finding.check, finding.detail, language)


def of_evidence(evidence: Evidence, language: Language) -> Detail:
    """The same of a witness."""
    return _detail(f"evidence {evidence.layer}", evidence.detail, language)


def _detail(check: str, english: str, language: Language) -> Detail:
    for pattern, other in _patterns(language, check):
        match = pattern.fullmatch(english)
        if match is not None:
            return Detail(visible(other.format(**match.groupdict())), language)
    return Detail(visible(english), "en")


@functools.cache
def _patterns(language: Language, check: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(_compiled(TABLES.get(language, {}).get(check, ())))


def _compiled(pairs: tuple[tuple[str, str], ...]) -> Iterator[tuple[re.Pattern[str], str]]:
    for english, other in pairs:
        literals = _PLACE.split(english)  # words and names of places, by turns
        parts = [f"(?P<{part}>.+?)" if at % 2 else re.escape(part) for at, part in enumerate(literals)]
        yield re.compile("".join(parts), re.DOTALL), other
