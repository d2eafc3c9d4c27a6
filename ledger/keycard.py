"""A key's card: what its files say to anybody, read without a passphrase."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ledger import keyname
from ledger.address import Address
from ledger.companionfile import CompanionFile
from ledger.companions import PublicKeys
from ledger.digest import Digest
from ledger.errors import KeyDamaged
from ledger.hardware import place
from ledger.keyfile import KeyFile


@dataclass(frozen=True, slots=True)
class KeyCard:
    """What the files of a key say to anybody: no secret, and no proof until the key is opened.

    ``kind`` is ``file``, ``kms`` or ``pkcs11``; ``where`` says where in hardware the key lies. ``public`` is None for a
    key that has no companions yet.
    """

    name: str
    kind: str
    address: Address
    public: PublicKeys | None
    where: str | None = None

    @property
    def fingerprint(self) -> Digest | None:
        """SHA-256 over address, ML-DSA, X25519 and P-256 key, 2134 bytes: one number to compare by telephone."""
        if self.public is None:
            return None
        return Digest.of(self.address.raw + self.public.ml_dsa_65 + self.public.x25519 + self.public.p256)

    @classmethod
    def read(cls, path: Path) -> KeyCard:
        """The card of the key at ``path``. Raises :class:`KeyNotFound`, and :class:`KeyDamaged` where the companions
        beside it are another key's."""
        key = KeyFile.read(path)
        where = place(key.document, key.path)
        beside = CompanionFile.read(keyname.beside(key.path))
        if beside is not None and beside.address != key.address:
            raise KeyDamaged(f"{beside.path} holds the companion keys of {beside.address}, not of {key.address}")
        return cls(
            name=key.path.stem,
            kind="file" if where is None else where.kind,
            address=key.address,
            public=None if beside is None else beside.public,
            where=None if where is None else str(where),
        )
