"""Turns at what takes a process long: one thread has one, some wait for theirs, and others are told to come again."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

from api.errors import TooMany

WAITING: Final = 4
"""So many threads wait at once: those that wait answer nobody else."""
_AGAIN: Final = 5


class Turns:
    """Threads share it.

    what: others have done, in words. patience: seconds for which a thread waits. waiting: how many may; None for any
    number.
    """

    def __init__(self, what: str, patience: float, waiting: int | None = WAITING) -> None:
        self._what, self._patience = what, patience
        self._turn = threading.Lock()
        self._seats = None if waiting is None else threading.BoundedSemaphore(1 + waiting)

    @contextlib.contextmanager
    def take(self) -> Iterator[None]:
        """Have a turn. Raises :class:`~api.errors.TooMany` where too many wait, or it does not come in time."""
        if self._seats is not None and not self._seats.acquire(blocking=False):
            raise self._busy()
        try:
            if not self._turn.acquire(timeout=self._patience):
                raise self._busy()
            try:
                yield
            finally:
                self._turn.release()
        finally:
            if self._seats is not None:
                self._seats.release()

    def _busy(self) -> TooMany:
        return TooMany(f"others are having {self._what}; come again in a moment", _AGAIN)
