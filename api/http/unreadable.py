"""What in a request does not fit its description, for people: the place, and words in the place of a pattern."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api.service import track_ids

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
    r"^[0-9]{1,40}(\.[0-9]{1,18})?$": 'a price as decimal text, such as "0.05"',
    r"^[0-9]{1,3}(\.[0-9]{1,4})?$": 'percent as decimal text with at most 4 decimals, such as "2.5"',
    r"^(never|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?)$": (
        "a day such as 2027-12-31, a moment such as 2027-12-31T12:00:00Z, or never"
    ),
    r"^(LicenseRef-)?[A-Za-z0-9][A-Za-z0-9.-]{0,99}\+?$": "one SPDX license, such as CC-BY-4.0 or LicenseRef-own",
    r"^[^/\\\x00-\x1f]{1,200}$": "the name of a file, without folders",
    r"^[a-z0-9][a-z0-9_-]{0,40}$": "the name of a preset: small letters, digits, - and _",
    r"^\w{1,64}$": "a dataset's number, or one word of its title",
    r"^[\x21-\x7e]+$": "printable ASCII without blanks",
}
"""What each pattern of a request means."""


def told(error: Mapping[str, Any]) -> str:
    """One error of pydantic's."""
    place = ".".join(str(part) for part in error["loc"])
    words = error["msg"]
    if error["type"] == "string_pattern_mismatch" and error["ctx"]["pattern"] in WANTED:
        words = f"should be {WANTED[error['ctx']['pattern']]}"
    elif error["type"] == "string_type":
        words = "should be text"
    return f"{place}: {words}"
