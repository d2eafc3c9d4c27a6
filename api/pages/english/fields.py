"""What is wrong with a field of a form or of a request, in English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, str]] = {
    "field.wanted": "should be {wanted}",
    "field.missing": "is missing",
    "field.unknown": "is no field of this",
    "field.text": "should be text",
    "field.number": "should be a number",
    "field.whole": "should be a whole number",
    "field.flag": "should be true or false",
    "field.list": "should be a list",
    "field.object": "should be an object with names and values",
    "field.choice": "should be one of {choices}",
    "field.least": "should be {bound} or more",
    "field.above": "should be more than {bound}",
    "field.most": "should be {bound} or less",
    "field.below": "should be less than {bound}",
    "field.short": "should have {bound} letters or more",
    "field.short.one": "should not be empty",
    "field.long": "should have {bound} letters at most",
    "field.few": "should name {bound} or more",
    "field.few.one": "should name at least one",
    "field.many": "should name {bound} at most",
    "field.json": "is no JSON from character {at} on, counted from 0",
    "field.tag": "{name} is “{said}”, and there is only {choices}",
    "field.tag.missing": "{name} is missing, which says what is asked for",
    "field.said.decimal": "A number with a decimal point, such as 0.05; 0 is free.",
    "field.said.price": "More than 0, with a decimal point, such as 0.05.",
    "field.said.price.whole": "A whole number, more than 0.",
    "field.said.whole": "A whole number; 0 is free.",
    "field.said.percent": "A number with a decimal point where needed, such as 10 or 2.5.",
}
