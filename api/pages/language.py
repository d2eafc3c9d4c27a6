"""The language of a page: chosen by the reader, else by the reader's browser; and its words.

A choice (``?lang=es``) is kept in a cookie that holds nothing else. Addresses are the same in every language, since the
world keeps them: a token's metadata points to a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from api.pages import english, spanish
from api.reports.texts import LANGUAGES, Language, Texts

if TYPE_CHECKING:
    from starlette.requests import Request

COOKIE: Final = "stemmata_language"
CHOICE: Final = "lang"
"""The field of the query by which a reader chooses."""
DEFAULT: Final[Language] = "en"
TABLES: Final[Mapping[Language, Mapping[str, str]]] = {"en": english.TEXTS, "es": spanish.TEXTS}
"""The words of pages; a report's (:mod:`api.reports.texts`) are looked up where these have none."""


@dataclass(frozen=True, slots=True)
class Words:
    """All words of one language: those of the pages, and those that they share with reports."""

    language: Language = DEFAULT

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key, with its places filled. Raises KeyError for a key that no table has."""
        text = TABLES[self.language].get(key)
        return self.report(key, **values) if text is None else text.format(**values)

    @property
    def report(self) -> Texts:
        """The words of reports."""
        return Texts(self.language)

    @property
    def others(self) -> tuple[Language, ...]:
        """The languages that a reader may change to."""
        return tuple(one for one in LANGUAGES if one != self.language)


def chosen(request: Request) -> Language | None:
    """The language that this very request chooses."""
    return _known(request.query_params.get(CHOICE))


def language_of(request: Request) -> Language:
    """The language to answer in: chosen now, chosen before, or wanted by the browser (RFC 9110, section 12.5.4)."""
    before = _known(request.cookies.get(COOKIE))
    return chosen(request) or before or _wanted(request.headers.get("accept-language", ""))


def _wanted(header: str) -> Language:
    """The best known one of an ``Accept-Language``; what cannot be read of it is passed over."""
    best, weight = DEFAULT, 0.0
    for part in header[:500].split(","):
        tag, _, rest = part.strip().partition(";")
        language = _known(tag.partition("-")[0].lower())
        try:
            said = float(rest.partition("=")[2]) if rest.strip() else 1.0
        except ValueError:
            continue
        if language is not None and said > weight:
            best, weight = language, said
    return best


def _known(said: str | None) -> Language | None:
    return next((one for one in LANGUAGES if one == said), None)
