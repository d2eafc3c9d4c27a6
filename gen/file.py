"""Files as the audio code meets them: named for people, opened without surprises, replaced whole."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gen.errors import UnreadableFile


def printable(path: str | os.PathLike[str]) -> str:
    """The last part of a path as one line of plain text: bytes that are no UTF-8 and control characters escaped."""
    name = Path(path).name or str(path)
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)
    return shown or "(no name)"


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading. Never waits for the other end of a pipe, never touches a device.

    Raises UnreadableFile for anything that is missing, forbidden, or no regular file.
    """
    name = printable(path)
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise UnreadableFile(f"{name}: a folder, pipe or device, no file; name a file with sound in it")
        # The file may have been swapped since: O_NONBLOCK keeps even a pipe from holding us, fstat tells.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableFile(
            f"{name}: cannot be opened ({reason}); check the path and your right to read it"
        ) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnreadableFile(f"{name}: a folder, pipe or device, no file; name a file with sound in it")
    return os.fdopen(descriptor, "rb")


@contextmanager
def replacing(path: str | os.PathLike[str], mode: int = 0o666) -> Iterator[BinaryIO]:
    """Write a file so that others see the old one or the whole new one, never a part.

    The new bytes go to a temporary file beside it, which takes the name when the block ends without an error and is
    removed otherwise. mode: who may do what with it, less what the umask takes. Raises OSError as `open` does.
    """
    target = Path(path)
    beside = target.with_name(f".{secrets.token_hex(8)}.part")
    descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
