"""Commitments: a record can bind a personal text without showing it."""

from __future__ import annotations

import unicodedata

from ledger.digest import Digest
from ledger.errors import Malformed

SALT_BYTES = 16


def commitment(salt: bytes, text: str) -> Digest:
    """SHA-256 over a salt (16 random bytes, one for each text) and the text in Unicode's form NFC, UTF-8.

    Whoever lacks the salt cannot try out likely texts; once salt and text are erased, the digest says nothing of
    anybody.
    Raises :class:`Malformed` for a salt of another length, and for a text that UTF-8 cannot write.
    """
    if len(salt) != SALT_BYTES:
        raise Malformed(f"a commitment's salt has {SALT_BYTES} bytes, not {len(salt)}")
    try:
        return Digest.of(salt + unicodedata.normalize("NFC", text).encode())
    except UnicodeEncodeError:
        raise Malformed(f"the text {text!r} holds a lone surrogate") from None
