"""Hashing on the way: what is read for another purpose is hashed as it passes, so that no file is read twice."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from ledger import unixfs
from ledger.digest import Digest
from ledger.records.content import ContentRef

if TYPE_CHECKING:
    from ledger.store import ContentStore


class HashedFile(io.RawIOBase):
    """An open file that hashes and counts what is read from it; closing it leaves the file open."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._sha256 = hashlib.sha256()
        self.size = 0
        """Bytes read so far."""

    @property
    def digest(self) -> Digest:
        """SHA-256 of what was read so far."""
        return Digest(self._sha256.digest())

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read, hash and count."""
        data = self._source.read(size)
        self._sha256.update(data)
        self.size += len(data)
        return data

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """The same, into memory that is there already."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def keep(store: ContentStore, source: Path | BinaryIO) -> ContentRef:
    """Put a file into the store, and name it by CID and digest; it is read once. Errors as ``store.add_file``."""
    if isinstance(source, Path):
        with source.open("rb") as opened:
            return keep(store, opened)
    hashed = HashedFile(source)
    cid = store.add_file(cast(BinaryIO, hashed))
    return ContentRef(cid, unixfs.PROFILE, hashed.digest)


def name(path: Path) -> ContentRef:
    """How :func:`keep` would name a file; nothing is stored."""
    with path.open("rb") as opened:
        hashed = HashedFile(opened)
        cid = unixfs.import_file(cast(BinaryIO, hashed), lambda cid, block: None)
    return ContentRef(cid, unixfs.PROFILE, hashed.digest)
