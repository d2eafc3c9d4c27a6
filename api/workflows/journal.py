"""What has been audited, kept on disk as it happens: one line a file, so that a run goes on after a kill.

A line counts when it is whole. It names the file, the digest of its bytes, and the state of the world that the answer
depends on; a file that has the same bytes under another name is not audited again.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from api.errors import HomeBusy
from ledger.findings import Verdict

Line = dict[str, Any]
"""``file``, ``size``, ``mtime_ns``, ``state``, ``sha256``, ``audited``; and ``outcome``, ``error`` or ``skipped``."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """By which a file is taken for unchanged without reading it."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """Raises OSError."""
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns)


class Journal:
    """A file of lines that is only ever appended to, by one process at a time.

    Memory holds a few hundred bytes for each file, whatever was found in it.
    """

    def __init__(self, path: Path, state: str) -> None:
        """Open or begin a journal. ``state`` is what answers depend on beside the file; those of another do not count.

        What a kill cut off at its end is dropped. Raises :class:`HomeBusy` while another process writes to it.
        """
        self._state = state
        self._names: dict[str, tuple[Stamp, int]] = {}
        self._digests: dict[str, int] = {}
        self._file: BinaryIO = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b")
        try:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise HomeBusy(f"another run is writing to {path.parent}; wait for it, or give another --out") from None
            self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def find(self, name: str, stamp: Stamp) -> Line | None:
        """The last line about a file of this name, unchanged since."""
        before = self._names.get(name)
        return self._at(before[1]) if before is not None and before[0] == stamp else None

    def same(self, sha256: str) -> Line | None:
        """A line about a file with the same bytes."""
        place = self._digests.get(sha256)
        return None if place is None else self._at(place)

    @property
    def has_digests(self) -> bool:
        """Whether anything can be found by its bytes."""
        return bool(self._digests)

    def add(self, name: str, stamp: Stamp, answer: Line) -> Line:
        """Write an answer down, to the disk; returns the whole line."""
        line = {"file": name, "size": stamp.size, "mtime_ns": stamp.mtime_ns, "state": self._state, **answer}
        place = self._file.seek(0, os.SEEK_END)
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._remember(line, place)
        return line

    def lines(self) -> Iterator[Line]:
        """The last line of each file that counts, by name."""
        for name in sorted(self._names):
            yield self._at(self._names[name][1])

    def _read(self) -> None:
        place = 0
        self._file.seek(0)
        for text in self._file:
            if not text.endswith(b"\n"):
                break
            try:
                line = json.loads(text)
                self._remember(line, place)
            except (ValueError, TypeError, KeyError):
                break  # the disk was full, or somebody wrote into it: what follows is audited again
            place += len(text)
        self._file.truncate(place)

    def _remember(self, line: Line, place: int) -> None:
        if line["state"] != self._state:
            return
        self._names[line["file"]] = (Stamp(line["size"], line["mtime_ns"]), place)
        if line.get("sha256"):
            self._digests[line["sha256"]] = place

    def _at(self, place: int) -> Line:
        self._file.seek(place)
        line: Line = json.loads(self._file.readline())
        return line


def settled(line: Line) -> bool:
    """Whether an answer would be the same if it was asked for again: what could not be checked may be, another time."""
    outcome = line.get("outcome")
    return outcome is None or outcome["verdict"] != Verdict.UNVERIFIABLE
