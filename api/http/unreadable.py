"""What in a request does not fit its description, for people: the place, and words in the place of a pattern."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api.pages.language import Words
from api.pages.spanish import fields as spanish
from api.service import track_ids

ENGLISH: Final = Words("en")

_ACCOUNT: Final = "an address: 0x and 40 hex digits"
WANTED: Final[Mapping[str, str]] = {
    "^[A-Za-z0-9_-]{22}$": "an id as it was given for a job, an upload or a token: 22 letters, digits, - and _",
    "^0x[0-9a-fA-F]{40}$": _ACCOUNT,
    "^0x[0-9A-Fa-f]{40}$": _ACCOUNT,
    "^0x[0-9a-f]{64}$": "a hash of a transaction: 0x and 64 hex digits",
    "^0x[0-9a-fA-F]{130}$": "a signature: 0x and 130 hex digits",
    "^0x([0-9a-fA-F]{2})+$": "a signature: 0x and hex digits",
    "^[0-9a-fA-F]{64}$": "a SHA-256 digest: 64 hex digits",
    "^[0-9a-fA-F]{16}$": "a watermark: 16 hex digits",
    track_ids.PATTERN: "a track: its token, decimal, or its watermark, 16 hex digits",
    r"^[0-9]{1,40}(\.[0-9]{1,36})?$": 'a price as decimal text, such as "0.05"',
    r"^[0-9]{1,3}(\.[0-9]{1,4})?$": 'percent as decimal text with at most 4 decimals, such as "2.5"',
    r"^(never|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?)$": (
        "a day such as 2027-12-31, a moment such as 2027-12-31T12:00:00Z, or never"
    ),
    r"^(LicenseRef-)?[A-Za-z0-9][A-Za-z0-9.-]{0,99}\+?$": "one SPDX license, such as CC-BY-4.0 or LicenseRef-own",
    r"^[^/\\\x00-\x1f]{1,200}$": "the name of a file, without folders",
    r"^[a-z0-9][a-z0-9_-]{0,40}$": "the name of a preset: small letters, digits, - and _",
    r"^\w{1,64}$": "a dataset's number, or one word of its title",
    r"^[\x21-\x7e]+$": "printable ASCII without blanks",
    "^[a-z]+( [0-9a-z]+){1,2}$": "what it does, and to what, such as: buy 00000000000000ff",
}
"""What each pattern of a request means."""


_KEYS: Final[Mapping[str, str]] = {
    "missing": "field.missing",
    "extra_forbidden": "field.unknown",
    "string_type": "field.text",
    "bool_type": "field.flag",
    "bool_parsing": "field.flag",
    "tuple_type": "field.list",
    "list_type": "field.list",
    "dict_type": "field.object",
    "model_type": "field.object",
    "model_attributes_type": "field.object",
    "float_type": "field.number",
    "float_parsing": "field.number",
    "finite_number": "field.number",
    "int_type": "field.whole",
    "int_parsing": "field.whole",
    "int_parsing_size": "field.whole",
    "int_from_float": "field.whole",
}
# And those with a bound: its name in pydantic's error.
_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than_equal": ("ge", "field.least"),
    "greater_than": ("gt", "field.above"),
    "less_than_equal": ("le", "field.most"),
    "less_than": ("lt", "field.below"),
    "string_too_short": ("min_length", "field.short"),
    "string_too_long": ("max_length", "field.long"),
    "too_short": ("min_length", "field.few"),
    "too_long": ("max_length", "field.many"),
}
# And those of a field by which one of many requests is chosen.
_TAGS: Final[Mapping[str, str]] = {"union_tag_invalid": "field.tag", "union_tag_not_found": "field.tag.missing"}
# So much of a word that names nothing is said back.
_SHOWN: Final = 40
# Pydantic joins the last two of a choice by this.
_OR: Final = " or "


def told(error: Mapping[str, Any], words: Words = ENGLISH) -> str:
    """One error of pydantic's (https://docs.pydantic.dev/latest/errors/validation_errors/), in a page's language."""
    if error["type"] == "json_invalid":  # its place is the body, and where in that
        return f"body: {words('field.json', at=error['loc'][-1])}"
    place = ".".join(_named(part, words) for part in error["loc"] if part != "[key]")
    said = _said(error["type"], error.get("ctx", {}), words) or error["msg"]
    return f"{place}: {said}" if place else said


def _named(part: str | int, words: Words) -> str:
    return spanish.NAMES.get(str(part), str(part)) if words.language == "es" else str(part)


def _number(bound: float) -> str:
    """Without the point that pydantic gives to whole bounds."""
    return str(int(bound) if float(bound).is_integer() else bound)


def _said(kind: str, context: Mapping[str, Any], words: Words) -> str | None:
    """The words for an error of that kind; None where there are no better ones than pydantic's."""
    if kind == "string_pattern_mismatch" and context["pattern"] in WANTED:
        wanted = spanish.WANTED if words.language == "es" else WANTED
        return words("field.wanted", wanted=wanted[context["pattern"]])
    if kind in _TAGS:
        said, choices = str(context.get("tag", ""))[:_SHOWN], context.get("expected_tags", "").replace("'", "")
        return words(_TAGS[kind], name=context["discriminator"].strip("'"), said=said, choices=choices)
    if kind == "literal_error":
        return words("field.choice", choices=context["expected"].replace("'", "").replace(_OR, ", "))
    if kind == "value_error":
        own = str(context["error"])
        return spanish.OWN.get(own, own) if words.language == "es" else own
    if kind in _BOUNDS:
        bound, key = _BOUNDS[kind]
        one = f"{key}.one" if context[bound] == 1 and key in ("field.short", "field.few") else key
        return words(one, bound=_number(context[bound]))
    return words(_KEYS[kind]) if kind in _KEYS else None
