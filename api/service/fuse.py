"""What ends a job's process when its lease has run out, whatever its worker waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Fuse:
    """Calls ``end``, once and in a thread of its own, when nobody has renewed it for so many seconds.

    A worker that waits for a database which says nothing cannot end its job; by the end of the lease another worker has
    it, and of two processes that do one job both may sign.
    """

    def __init__(self, end: Callable[[], None], seconds: float) -> None:
        self._end, self._seconds = end, seconds
        self._until = time.monotonic() + seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="fuse", daemon=True)

    def renew(self, since: float) -> None:
        """Count from that moment (of :func:`time.monotonic`) on."""
        self._until = since + self._seconds

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while (left := self._until - time.monotonic()) > 0:
            if self._over.wait(left):
                return
        self._end()
