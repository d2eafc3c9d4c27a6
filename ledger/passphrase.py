"""Passphrases: what a person types, as bytes that are the same from any keyboard."""

from __future__ import annotations

import unicodedata


def octets(passphrase: str) -> bytes:
    """Unicode's form NFC in UTF-8.

    What a variable held in another encoding arrives as surrogates; it is a passphrase all the same.
    """
    return unicodedata.normalize("NFC", passphrase).encode(errors="surrogatepass")
