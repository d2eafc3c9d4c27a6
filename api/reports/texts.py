"""The words of a report in a language: headings, outcomes, checks, subjects and cases.

The details of findings come from the ledger as English sentences; :mod:`api.reports.details` says most of them in the
language of the report.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from api.reports import english, spanish

Language = Literal["en", "es"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
TABLES: Final[Mapping[Language, Mapping[str, str]]] = {"en": english.TEXTS, "es": spanish.TEXTS}

_LICENSE = re.compile(r"license (\d+) of dataset (\d+)")


@dataclass(frozen=True, slots=True)
class Texts:
    """All words of one language."""

    language: Language = "en"

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key, with its places filled. Raises KeyError for a key that no table has."""
        return TABLES[self.language][key].format(**values)

    def check(self, name: str) -> str:
        """A check's name; one that the tables do not have stays as it is."""
        return TABLES[self.language].get(f"check.{name}", name)

    def case(self, name: str) -> str:
        """What a case of the verdict's table means, by the name of its member."""
        return self(f"case.{name.lower()}")

    def certainty(self, said: str) -> str:
        """How sure a conclusion is: in one of the ledger's words, or by what is left to chance (``1 - 2.0e-12``)."""
        one, less, chance = said.partition(" - ")
        return self("certainty.chance", chance=chance) if less else self(f"certainty.{one}")

    def subject(self, said: str) -> str:
        """What a finding is about, such as ``track 51ab…``."""
        license_of = _LICENSE.fullmatch(said)
        if license_of:
            return self("subject.license of", number=license_of[1], dataset=license_of[2])
        kind, space, rest = said.partition(" ")
        return TABLES[self.language].get(f"subject.{kind}", kind) + space + rest
