"""Passphrases: what a person types, as bytes that are the same from any keyboard, and the secrets they lock."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping
from typing import Any

from ledger.errors import Malformed

LARGEST_N = 1 << 20
"""scrypt then takes 1 GiB; a file that asks for more is an attack."""


def octets(passphrase: str) -> bytes:
    """Unicode's form NFC in UTF-8.

    What a variable held in another encoding arrives as surrogates; it is a passphrase all the same.
    """
    return unicodedata.normalize("NFC", passphrase).encode(errors="surrogatepass")


def lock(secret: bytes, passphrase: bytes, aad: bytes, n: int) -> dict[str, Any]:
    """``secret`` under AES-256-GCM with ``aad``, by a key that scrypt (RFC 7914; r 8, p 1) makes of a passphrase.

    ``passphrase``: what :func:`octets` gives. ``n``: scrypt's cost, a power of two, else :class:`Malformed`. The
    members ``n``, ``salt`` (16 bytes), ``nonce`` (12 bytes) and ``wrapped`` are what :func:`unlock` needs; bytes are in
    hexadecimal.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    wrapped = AESGCM(_stretch(passphrase, salt, n)).encrypt(nonce, secret, aad)
    return {"n": n, "salt": salt.hex(), "nonce": nonce.hex(), "wrapped": wrapped.hex()}


def unlock(locked: Mapping[str, Any], passphrase: bytes, aad: bytes) -> bytes | None:
    """What :func:`lock` locked, or None for another passphrase, other ``aad``, or altered bytes.

    Raises KeyError, TypeError, ValueError or :class:`Malformed` for what :func:`lock` would not have written.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    salt, nonce, wrapped = (from_hex(locked[name]) for name in ("salt", "nonce", "wrapped"))
    key = _stretch(passphrase, salt, locked["n"])
    try:
        return AESGCM(key).decrypt(nonce, wrapped, aad)
    except InvalidTag:
        return None


def from_hex(text: str) -> bytes:
    """Bytes from lower-case hexadecimal and nothing else, so that no byte of a file changes unnoticed. ValueError."""
    data = bytes.fromhex(text)
    if data.hex() != text:
        raise ValueError("not in lower-case hexadecimal")
    return data


def _stretch(passphrase: bytes, salt: bytes, n: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    if type(n) is not int or not 2 <= n <= LARGEST_N or n & (n - 1):
        raise Malformed(f"scrypt's cost is a power of two from 2 to {LARGEST_N}, not {n}")
    return Scrypt(salt=salt, length=32, n=n, r=8, p=1).derive(passphrase)
