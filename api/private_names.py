"""What a holder's recordings are called, and how they are labelled: what only the holder's home knows of a dataset.

The record carries salted commitments instead of names, and instead of labels no more than numbers. Names, salts and
labels lie in ``private/``, encrypted under a key of their own: erasing that key forgets them for good, although
recordings, record and every proof stay what they are, and although copies of the encrypted file may be left in backups
(crypto-shredding).
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from api.data_keys import get_or_new
from api.errors import NamesForgotten
from api.home import Home
from ledger import file
from ledger.digest import Digest

if TYPE_CHECKING:
    from ledger.vault import Vault

_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class PrivateName:
    """A file's path within the folder that was registered, and the salt of the commitment to it (16 bytes).

    ``labels`` is what its holder says of it, by the names of :data:`gen.labels.FIELDS`; nobody has committed to that.
    """

    text: str
    salt: bytes
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def new(cls, text: str) -> PrivateName:
        """With a fresh salt from the system's random source."""
        return cls(text, os.urandom(_SALT_BYTES))

    @property
    def commitment(self) -> Digest:
        """What the record says instead of the name."""
        from ledger.records import commitment

        return commitment(self.salt, self.text)

    def __repr__(self) -> str:
        return "PrivateName(...)"


def asset(root: Digest) -> str:
    """Under which name the vault keeps the listing's key; ``root`` is the dataset's Merkle root."""
    return f"metadata:{root}"


def path(home: Home, root: Digest) -> Path:
    """The file of the encrypted listing."""
    return home.folder("private") / f"{root}.enc"


def keep(home: Home, vault: Vault, root: Digest, names: Mapping[Digest, PrivateName]) -> None:
    """Write the listing of a dataset, by the digests of its files, in place of the one that may be there."""
    from ledger.vault import encrypt

    listing = {str(digest): [name.text, name.salt.hex(), dict(name.labels)] for digest, name in names.items()}
    sealed = io.BytesIO()
    encrypt(io.BytesIO(json.dumps(listing).encode()), sealed, get_or_new(vault, asset(root)), asset(root).encode())
    file.write(path(home, root), lambda out: out.write(sealed.getvalue()))


def read(home: Home, root: Digest) -> dict[Digest, PrivateName]:
    """The listing, by the digests of the files. Needs the passphrase; empty where this home never held one.

    Raises :class:`~api.errors.NamesForgotten` where the key was erased, and ``DecryptionFailed`` where the file was
    altered.
    """
    from ledger.errors import NotFound
    from ledger.vault import decrypt_bytes

    where = path(home, root)
    if not where.exists():
        return {}
    try:
        key = home.vault().get(asset(root))
    except NotFound:
        raise NamesForgotten(
            f"the names of the recordings under {root} were forgotten: their key was erased, and {where} opens no more"
        ) from None
    listing = json.loads(decrypt_bytes(io.BytesIO(where.read_bytes()), key, asset(root).encode()))
    return {
        Digest.parse(digest): PrivateName(text, bytes.fromhex(salt), *labels)
        for digest, (text, salt, *labels) in listing.items()
    }
