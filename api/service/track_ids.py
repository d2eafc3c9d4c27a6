"""The two ways in which people write which track they mean: its token, decimal, and its watermark, 16 hex digits.

They are one number (the token is the watermark's 8 bytes). Of sixteen digits without a letter either may be meant: each
place says which it takes.
"""

from __future__ import annotations

import re
from typing import Final

PATTERN: Final = "^([0-9]{1,20}|[0-9a-f]{16})$"
_WATERMARK: Final = re.compile("[0-9a-f]{16}")


def watermark(text: str) -> str:
    """The watermark; sixteen digits are one. Raises ValueError for a number beyond 8 bytes."""
    if _WATERMARK.fullmatch(text):
        return text
    if int(text) >= 1 << 64:
        raise ValueError("no track has a token of more than 64 bits")
    return f"{int(text):016x}"


def token(text: str) -> int:
    """The token; sixteen digits are one, unless they begin with 0."""
    digits = text.isdecimal() and (len(text) != 16 or text[0] != "0")
    return int(text) if digits else int(text, 16)


def missing(text: str) -> str:
    """What is said where there is no track of this token, and how else it might be meant."""
    other = (
        ""
        if len(text) != 16 or not text.isdecimal()
        else f" by this token; for the watermark: /v1/lookup/watermark/{text}"
    )
    return f"no track {text} is known here{other}"
