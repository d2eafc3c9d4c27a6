"""Exported keys: one file with all that an account needs, to be kept elsewhere or carried to another home.

The key and its companions are in it as they rest, still under their passphrase; a digest over both finds damage that
no passphrase would.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger import canonical, file
from ledger.companionfile import CompanionFile
from ledger.digest import Digest
from ledger.errors import KeyDamaged, KeyNotFound, Malformed
from ledger.keyfile import KeyFile

_FORMAT = "stemmata key export"
_VERSION = 1
_LARGEST_FILE = 65536


@dataclass(frozen=True, slots=True)
class KeyExport:
    """A key and its companions, both locked. A key that another wallet made has none."""

    key: KeyFile
    companions: CompanionFile | None

    @classmethod
    def read(cls, path: Path) -> KeyExport:
        """Our own export, or a keystore file, version 3, made anywhere.

        Raises :class:`KeyNotFound`, and :class:`KeyDamaged` for what is neither, or an export of which one bit differs.
        """
        try:
            with path.open("rb") as source:
                content = source.read(_LARGEST_FILE + 1)
        except (FileNotFoundError, IsADirectoryError):
            raise KeyNotFound(f"there is no file {path}") from None
        if len(content) > _LARGEST_FILE:
            raise KeyDamaged(f"{path} is too large for a key")
        return cls.of(path, content)

    @classmethod
    def of(cls, path: Path, content: bytes) -> KeyExport:
        """What a file holds; ``path`` is for what errors say."""
        document = KeyFile(path, content).document
        if "format" not in document:
            return cls(KeyFile(path, content), None)
        stated = document.get("sha256")
        whole = {name: value for name, value in document.items() if name != "sha256"}
        if document.get("format") != _FORMAT or document.get("version") != _VERSION:
            raise KeyDamaged(f"{path} is no export of a key, version {_VERSION}")
        if _spell(whole) != content or stated is None:
            raise KeyDamaged(f"{path} was altered or damaged since it was exported; take another copy")
        key, companions = whole.get("key"), whole.get("companions")
        if not isinstance(key, dict) or not isinstance(companions, dict | None):
            raise KeyDamaged(f"{path} is an export without a key")
        return cls(
            KeyFile(path, json.dumps(key, indent=2).encode()),
            None if companions is None else CompanionFile.of(path, companions),
        )

    def write(self, path: Path) -> None:
        """The file, for its owner's eyes alone (0600). Raises :class:`FileExistsError`; it never overwrites."""
        companions = None if self.companions is None else self.companions.document
        whole = {"format": _FORMAT, "version": _VERSION, "key": self.key.document, "companions": companions}
        file.write(path, lambda target: target.write(_spell(whole)), once=True)


def _spell(whole: dict[str, Any]) -> bytes:
    try:
        digest = Digest.of(canonical.encode(whole))
    except Malformed as error:
        raise KeyDamaged(f"a key that cannot be exported: {error}") from None
    return (json.dumps(whole | {"sha256": str(digest)}, indent=1) + "\n").encode()
