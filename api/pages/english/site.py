"""What every page says, in English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, str]] = {
    "site.name": "Stemmata",
    "site.motto": "Where machine-made music comes from",
    "site.skip": "Skip to the content",
    "site.pages": "Pages",
    "site.language": "Language",
    "language.en": "English",
    "language.es": "Español",
    "nav.check": "Check a track",
    "site.api": "API description",
    "site.made": "Stemmata {version}. These pages ask no other site for anything.",
    "error.title.404": "Nothing lies here",
    "error.title.403": "This is not for you",
    "error.title.401": "Please sign in first",
    "error.title.429": "Too much at once",
    "error.title.503": "Not to be reached now",
    "error.title.500": "Something is wrong on our side",
    "error.title": "This cannot be done",
    "error.404": "There is no page at this address, or what it was about is not known here.",
    "error.nowhere": "There is nothing at this address.",
    "error.method": "This address does not take {method}.",
    "error.home": "Back to the first page",
    "error.detail": "What was said",
}
