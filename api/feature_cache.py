"""What training made of recordings, kept in ``cache/`` so that the next run need not decrypt and decode them again.

It is as secret as the recordings, so it is sealed under a key that follows from theirs: whoever erases a dataset's data
key (``dataset forget --recordings``) has closed its features too, in every backup. Names of entries tell nothing
without it either. The folder may be emptied at any time.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from api.home import Home

if TYPE_CHECKING:
    from gen.cache import Cache
    from ledger.vault import DataKey

MOST_BYTES = 32 << 30
"""What the folder may take; 1 GiB of the disk is left free in any case."""
_INFO = b"stemmata feature cache v1"
_NONCE_BYTES = 12


class Seal:
    """A :class:`gen.cache.Cipher`: AES-256-GCM, with a fresh random nonce for each row.

    Its key and its salt are HKDF-SHA256 (RFC 5869) of the data key, with an info of their own and no salt.
    """

    __slots__ = ("_secret", "salt")

    def __init__(self, key: DataKey) -> None:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derived = HKDF(SHA256(), 64, salt=None, info=_INFO).derive(key.reveal())
        self._secret, self.salt = derived[:32], derived[32:]

    def seal(self, data: bytes, associated: bytes) -> bytes:
        """The nonce and the ciphertext."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self._secret).encrypt(nonce, data, associated)

    def open(self, data: bytes, associated: bytes) -> bytes:
        """The inverse. Raises ValueError if either is not what was sealed."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(self._secret).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], associated)
        except (InvalidTag, ValueError):  # the latter where there is no nonce
            raise ValueError("not what was sealed, or under another key") from None

    def __repr__(self) -> str:
        return "Seal(...)"


def opened(home: Home, key: DataKey) -> Cache:
    """The home's cache for the dataset whose data key this is; all datasets share the folder, and none a name."""
    from gen.cache import Cache

    return Cache(home.folder("cache"), MOST_BYTES, cipher=Seal(key))
