"""Companion files: an account's companion keys at rest, beside its key file, under the same passphrase.

One JSON object: the public keys in clear, and the 96 bytes of the secret ones locked. The account's address is
associated data, so that a file which is moved to another key does not open there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger import canonical
from ledger.address import Address
from ledger.companions import Companions, PublicKeys
from ledger.errors import KeyDamaged, Malformed, WrongPassphrase
from ledger.passphrase import from_hex, lock, unlock

_VERSION = 1
_LARGEST_FILE = 16384
_PUBLIC = ("ml_dsa_65", "x25519", "p256")
_REMEDY = "restore it from a backup"


@dataclass(frozen=True, slots=True)
class CompanionFile:
    """The content of a companion file; ``path`` is for what errors say."""

    path: Path
    content: bytes

    @classmethod
    def encrypt(
        cls, path: Path, companions: Companions, address: Address, passphrase: bytes, scrypt_n: int
    ) -> CompanionFile:
        """The file for the companions of ``address``, not written yet. ``scrypt_n`` is a power of two."""
        public = {name: getattr(companions.public, name).hex() for name in _PUBLIC}
        locked = lock(companions.reveal(), passphrase, _aad(address), scrypt_n)
        return cls.of(path, {"version": _VERSION, "address": str(address), **public, **locked})

    @classmethod
    def of(cls, path: Path, document: dict[str, Any]) -> CompanionFile:
        """The file that holds this object."""
        return cls(path, _spell(document))

    @classmethod
    def read(cls, path: Path) -> CompanionFile | None:
        """None where there is none; :class:`KeyDamaged` where it is too large to be one."""
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST_FILE + 1)
        except FileNotFoundError:
            return None
        if len(content) > _LARGEST_FILE:
            raise KeyDamaged(f"{path} is too large for companion keys; {_REMEDY}")
        return cls(path, content)

    @property
    def address(self) -> Address:
        """Whose companions the file says it holds; it opens for no other. Raises :class:`KeyDamaged`."""
        return self._address(self.document)

    @property
    def public(self) -> PublicKeys:
        """The public keys that the file states, with no proof until it is opened. Raises :class:`KeyDamaged`."""
        return self._public(self.document)

    def decrypt(self, passphrase: bytes, address: Address) -> Companions:
        """The companions of ``address``.

        Raises :class:`WrongPassphrase` (an altered file may look like it), and :class:`KeyDamaged` where the file is
        none of ours, belongs to another address, or states other public keys than it holds.
        """
        document = self.document
        holder, stated = self._address(document), self._public(document)
        if holder != address:
            raise KeyDamaged(f"{self.path} holds the companion keys of {holder}, not of {address}; {_REMEDY}")
        try:
            seed = unlock(document, passphrase, _aad(address))
        except (KeyError, TypeError, ValueError, Malformed):
            raise self._damaged() from None
        if seed is None:
            raise WrongPassphrase(f"the passphrase does not open {self.path}, or the file was altered")
        try:
            companions = Companions(seed)
        except Malformed:
            raise self._damaged() from None
        if companions.public != stated:
            raise KeyDamaged(f"{self.path} states other public keys than it holds: it was altered; {_REMEDY}")
        return companions

    @property
    def document(self) -> dict[str, Any]:
        """The object in the file. Raises :class:`KeyDamaged` unless it is spelled as this module spells it."""
        try:
            document = canonical.parse(self.content)
        except Malformed:
            raise self._damaged() from None
        if not isinstance(document, dict) or document.get("version") != _VERSION or _spell(document) != self.content:
            raise self._damaged()
        return document

    def _address(self, document: dict[str, Any]) -> Address:
        try:
            return Address.parse(document["address"])
        except (KeyError, TypeError, Malformed):
            raise self._damaged() from None

    def _public(self, document: dict[str, Any]) -> PublicKeys:
        try:
            return PublicKeys(*(from_hex(document[name]) for name in _PUBLIC))
        except (KeyError, TypeError, ValueError, Malformed):
            raise self._damaged() from None

    def _damaged(self) -> KeyDamaged:
        return KeyDamaged(f"{self.path} is no file of companion keys, version {_VERSION}, or was altered; {_REMEDY}")


def _spell(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()


def _aad(address: Address) -> bytes:
    return b"stemmata companion keys v1\0" + address.raw
