"""Files that appear whole or not at all, whatever kills the writer."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_PIECE = 1 << 20


def write(
    path: Path,
    fill: Callable[[BinaryIO], object],
    *,
    once: bool = False,
    mode: int = 0o600,
    unfinished: Path | None = None,
) -> None:
    """Let ``fill`` write a temporary file, flush it to the disk, and only then give it the name ``path``.

    With ``once`` a file that has the name already stays, and :class:`FileExistsError` is raised; two processes cannot
    both succeed. ``unfinished`` is the folder of the temporary file, on the same disk (that of ``path`` if not
    given). What ``fill`` or the system raises comes through, and the temporary file is gone.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=unfinished or path.parent, prefix=".unfinished-")
    except FileNotFoundError as error:  # of the folder, and not of a name that nobody gave
        folder = unfinished or path.parent
        raise FileNotFoundError(error.errno, "there is no such folder, make it first", str(folder)) from None
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            fill(file)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if once:
            os.link(temporary, path)
        else:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


def shred(path: Path) -> None:
    """Overwrite a file in place with random bytes, flush it, and only then take its name away.

    Raises :class:`FileNotFoundError`, or what the system raises; the file may then be there, overwritten or not.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        size = os.fstat(descriptor).st_size
        for start in range(0, size, _PIECE):
            os.pwrite(descriptor, os.urandom(min(_PIECE, size - start)), start)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    path.unlink()
    sync(path.parent)


def sync(path: Path) -> None:
    """Flush a file's bytes or a folder's names to the disk; without it what is new may not outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_disk(descriptor: int) -> None:
    """Flush the whole file system that an open file or folder lies on: syncfs(2).

    :class:`OSError` if a write to it has failed since the file was opened.
    """
    import ctypes

    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except AttributeError:  # a system that has only sync(2)
        os.sync()
        return
    if syncfs(descriptor) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
