"""What a parser is to the fuzzer."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

Refuses = tuple[type[Exception], ...]
VECTORS = Path(__file__).parents[1] / "vectors"


@dataclass(frozen=True)
class Parser:
    """Something that takes a stranger's bytes: it returns, or raises one of its named errors; all else is a defect.

    ``open`` imports what it needs and gives the call and those errors. ``seeds`` are bytes that it reads.
    """

    name: str
    open: Callable[[], tuple[Callable[[bytes], object], Refuses]]
    seeds: Callable[[], list[bytes]]


@contextmanager
def lying(data: bytes, suffix: str = "") -> Iterator[Path]:
    """A file of these bytes, in memory where the system has room for files there."""
    shelf = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=shelf) as folder:
        path = Path(folder) / f"file{suffix}"
        path.write_bytes(data)
        yield path
