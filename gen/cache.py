"""Rows of numbers that cost work to make, kept in files under the digest of what they were made from.

An entry is many rows of one shape: the mel frames of a recording's windows, say. Its name is a hash over the digest of
the input, every setting and the version of the code, so the same of all three costs nothing, and any change is another
entry. What is kept may be deleted at any time by anybody: it is made again.

Plain rows are mapped into memory; sealed ones are opened into memory that belongs to no file. Several processes may
use one folder: an entry is written beside its place and renamed, and two that make the same one at once do the same
work twice. Whoever reads an entry that is being evicted keeps it until done.
"""

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from gen.entry import Array, Rows, write_entry
from gen.errors import CacheFull, DamagedEntry

__all__ = ["Cache", "Cipher", "Rows"]

LEAST_FREE = 1 << 30
"""Bytes of the disk that are left to others, by default."""
_HOUR = 3600.0


class Cipher(Protocol):
    """Seals what is written to the disk. It is bound to one key, which this room never sees."""

    @property
    def salt(self) -> bytes:
        """Goes into the names of entries: of the same length for all keys, and another one for each. Names that shall
        not tell who has which recording need a secret one."""

    def seal(self, data: bytes, associated: bytes) -> bytes:
        """Authenticated encryption of data, bound to the associated bytes."""

    def open(self, data: bytes, associated: bytes) -> bytes:
        """The inverse. Raises ValueError if either is not what was sealed."""


class Cache:
    """A folder of entries.

    most: bytes that the entries may take; those not used for longest are removed first. With several processes it may
    be an eighth more for each, between two looks at the whole. free: bytes of the disk that are left to others. cipher:
    seals every row; without one they lie open.
    """

    def __init__(self, folder: Path, most: int, *, free: int = LEAST_FREE, cipher: Cipher | None = None) -> None:
        self.folder, self.most, self.free, self.cipher = Path(folder), most, free, cipher
        # What all entries took at the last look, and how much was written here since.
        self._seen: int | None = None
        self._since = 0

    def key(self, kind: str, source: bytes, settings: Mapping[str, str | int | bool | float], version: int) -> str:
        """An entry's name, 64 hex digits.

        kind: what the rows are. source: the digest of what they are made from. version: of the code that makes them.
        """
        about = json.dumps(
            [kind, source.hex(), sorted(settings.items()), version], separators=(",", ":"), allow_nan=False
        )
        salt = b"" if self.cipher is None else self.cipher.salt
        return hashlib.sha256(b"stemmata cache 1\0" + salt + about.encode()).hexdigest()

    def find(self, key: str) -> Rows | None:
        """The rows under a name, marked as used now; None if there are none. A damaged entry is removed, and none."""
        path = self._path(key)
        try:
            rows = Rows.open(path, key, self.cipher)
            os.utime(path)
        except FileNotFoundError:
            return None
        except DamagedEntry:
            path.unlink(missing_ok=True)
            return None
        return rows

    def store(self, key: str, rows: Iterable[Array]) -> Rows:
        """Write rows of one dtype and shape, as they come, and open them.

        Raises CacheFull, leaving nothing, when they would not fit into `most` or would leave less than `free` of the
        disk; ValueError for rows of different shapes, or none.
        """
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with beside.open("w+b") as file:
                self._since += write_entry(file, key, rows, self.cipher, self._allow)
            # No fsync: what a power cut leaves unwritten is noticed by its digest, and made again.
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        return Rows.open(path, key, self.cipher)

    def obtain(self, key: str, make: Callable[[], Iterable[Array]]) -> Rows:
        """The rows under a name, made and stored first if need be. Raises what `make` and `store` raise."""
        found = self.find(key)
        return self.store(key, make()) if found is None else found

    def remove(self, key: str) -> None:
        """Forget an entry; nothing happens if there is none."""
        self._path(key).unlink(missing_ok=True)

    def size(self) -> int:
        """Bytes that all entries take."""
        return sum(size for _, size, _ in self._entries())

    def evict(self, most: int) -> int:
        """Remove the entries not used for longest until the others take at most `most` bytes; returns what they take.

        Also removes what processes that were killed left behind, after an hour.
        """
        entries = sorted(self._entries())
        total = sum(size for _, size, _ in entries)
        for _, size, path in entries:
            if total <= most:
                break
            path.unlink(missing_ok=True)
            total -= size
        for path in self.folder.glob("??/.*.part"):
            try:
                if time.time() - path.stat().st_mtime > _HOUR:
                    path.unlink()
            except FileNotFoundError:
                continue
        self._seen, self._since = total, 0
        return total

    def _allow(self, written: int, more: int) -> None:
        """Make room for `more` bytes behind `written` of an entry, or raise CacheFull."""
        if written + more > self.most:
            raise CacheFull(f"{self.folder}: one entry takes more than the cache may, {self.most} bytes; allow it more")
        slack = self.most // 8
        since = self._since + written + more
        if self._seen is None or self._seen + since > self.most or since > slack:
            # An eighth more than needed, so that not every entry has to look at all others.
            full = self.size() + written + more > self.most
            self.evict(max(0, self.most - written - more - slack) if full else self.most)
        missing = self.free + more - shutil.disk_usage(self.folder).free
        if missing > 0:
            taken = self.size()
            self.evict(max(0, taken - missing))
            if self.free + more > shutil.disk_usage(self.folder).free:
                raise CacheFull(
                    f"{self.folder}: less than {self.free} bytes of its disk would be left; free some, or put the "
                    "cache elsewhere"
                )

    def _entries(self) -> Iterable[tuple[float, int, Path]]:
        for path in self.folder.glob("??/[0-9a-f]*"):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            yield status.st_mtime, status.st_size, path

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key
