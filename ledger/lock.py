"""Locks between processes. The kernel gives them back however the holder ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import ChainUnreachable


def acquire(path: Path, timeout: float, what: str) -> int:
    """Lock a file, made if absent (0600); gives the open file, whose closing unlocks it.

    Args:
        path: the file.
        timeout: seconds to wait for another holder, in this process or another.
        what: what the lock is for, for the error's message.

    Raises:
        ChainUnreachable: another one held the lock all the time.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + timeout
    try:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return file
            except BlockingIOError:
                if time.monotonic() > end:
                    raise ChainUnreachable(
                        f"{what} is in use: its lock {path} was held for {timeout} s; close the other program"
                    ) from None
            time.sleep(0.05)
    except BaseException:
        os.close(file)
        raise


@contextmanager
def locked(path: Path, timeout: float, what: str) -> Iterator[None]:
    """Hold :func:`acquire`'s lock inside the ``with`` statement."""
    file = acquire(path, timeout, what)
    try:
        yield
    finally:
        os.close(file)


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock of a file now; nobody holds that of a file which is not there."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
