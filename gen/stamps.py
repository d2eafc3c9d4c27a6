"""Digests of files, remembered, so that a file which has not changed is not read again.

Whether it has is told by its device, inode, size and times to the nanosecond, as Git tells it. The time of change
(ctime) cannot be set by programs. A file that changed less than two seconds before it was read may change once more
within the same tick of a coarse clock, so its digest is not remembered yet.
"""

import hashlib
import os
import sqlite3
import time
from contextlib import closing
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
        row = self._asked("SELECT digest FROM stamps WHERE stamp = ?", self._name(stamp))
        kept = row[0] if row is not None else None
        if not isinstance(kept, bytes):
            return None
        try:
            digest = kept if self.cipher is None else self.cipher.open(kept, stamp.encode())
        except ValueError:
            return None
        return digest if len(digest) == hashlib.sha256().digest_size else None

    def _remember(self, stamp: str, digest: bytes) -> None:
        kept = digest if self.cipher is None else self.cipher.seal(digest, stamp.encode())
        self._asked("INSERT OR REPLACE INTO stamps VALUES (?, ?)", self._name(stamp), kept)

    def _name(self, stamp: str) -> bytes:
        return hashlib.sha256((b"" if self.cipher is None else self.cipher.salt) + stamp.encode()).digest()

    def _asked(self, statement: str, *values: bytes) -> tuple[object, ...] | None:
        """The first row, by a connection of its own, so that a fork shares none. What is no such database, or a damaged
        one, is begun anew."""
        try:
            return self._once(statement, values)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # a message that quotes what is no text
            # SQLITE_ERROR is another table under our name; a full disk or a lock is no reason to forget all.
            if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_ERROR:
                raise
            self.path.unlink(missing_ok=True)
            return self._once(statement, values)

    def _once(self, statement: str, values: tuple[bytes, ...]) -> tuple[object, ...] | None:
        with closing(sqlite3.connect(self.path, timeout=60)) as database, database:
            # What a power cut takes is read once more.
            database.execute("PRAGMA synchronous = OFF")
            database.execute("CREATE TABLE IF NOT EXISTS stamps (stamp BLOB PRIMARY KEY, digest BLOB) WITHOUT ROWID")
            row: tuple[object, ...] | None = database.execute(statement, values).fetchone()
            return row


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
