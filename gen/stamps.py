"""Digests of files, remembered, so that a file which has not changed is not read again.

Whether it has is told by its device, inode, size and times to the nanosecond, as Git tells it. The time of change
(ctime) cannot be set by programs. A file that changed less than two seconds before it was read may change once more
within the same tick of a coarse clock, so its digest is not remembered yet.
"""

import hashlib
import os
import sqlite3
import time
from pathlib import Path

from gen.cache import Cipher
from gen.file import open_regular

_SETTLED_NS = 2_000_000_000


class Stamps:
    """A small SQLite file that several processes may use. It holds no names; with a cipher, no digest lies open.

    It may be deleted at any time; all files are read once more then.
    """

    def __init__(self, path: Path, cipher: Cipher | None = None) -> None:
        self.path, self.cipher = Path(path), cipher
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def sha256(self, path: Path) -> bytes:
        """The sha256 of a file, read only if it may have changed. Raises UnreadableFile, or OSError while reading."""
        with open_regular(path) as file:
            before = _stamp(os.fstat(file.fileno()))
            found = self._recall(before)
            if found is not None:
                return found
            digest = hashlib.file_digest(file, "sha256").digest()  # type: ignore[arg-type]
            after = os.fstat(file.fileno())
        if _stamp(after) == before and max(after.st_mtime_ns, after.st_ctime_ns) + _SETTLED_NS < time.time_ns():
            self._remember(before, digest)
        return digest

    def recall(self, path: Path) -> bytes | None:
        """The sha256 of a file if it is remembered; reads nothing of it. Raises UnreadableFile."""
        with open_regular(path) as file:
            return self._recall(_stamp(os.fstat(file.fileno())))

    def _recall(self, stamp: str) -> bytes | None:
        with self._opened() as database:
            row = database.execute("SELECT digest FROM stamps WHERE stamp = ?", (self._name(stamp),)).fetchone()
        database.close()
        if row is None or self.cipher is None:
            return None if row is None else bytes(row[0])
        try:
            return self.cipher.open(row[0], stamp.encode())
        except ValueError:
            return None

    def _remember(self, stamp: str, digest: bytes) -> None:
        kept = digest if self.cipher is None else self.cipher.seal(digest, stamp.encode())
        with self._opened() as database:
            database.execute("INSERT OR REPLACE INTO stamps VALUES (?, ?)", (self._name(stamp), kept))
        database.close()

    def _name(self, stamp: str) -> bytes:
        return hashlib.sha256((b"" if self.cipher is None else self.cipher.salt) + stamp.encode()).digest()

    def _opened(self) -> sqlite3.Connection:
        """A connection of its own for each use, so that a fork shares none. What is no database is begun anew."""
        try:
            return self._prepared()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self.path.unlink(missing_ok=True)
            return self._prepared()

    def _prepared(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=60)
        try:
            # What a power cut takes is read once more.
            database.execute("PRAGMA synchronous = OFF")
            database.execute("CREATE TABLE IF NOT EXISTS stamps (stamp BLOB PRIMARY KEY, digest BLOB) WITHOUT ROWID")
        except sqlite3.Error:
            database.close()
            raise
        return database


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
