"""What the next step of a phase needs, made in a thread while this step learns."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

import torch

Made = TypeVar("Made")


class Ahead(Generic[Made]):
    """`make(number)` of one number after the other, the next one begun when one is handed out.

    make: depends on nothing but the number, so what is handed out is what calling it gives. It is never called twice
    at once, and what it raises is raised where its number is asked for. end: no number from here on is begun.
    """

    def __init__(self, make: Callable[[int], Made], end: int) -> None:
        self._make, self._end = make, end
        self._pool: ThreadPoolExecutor | None = None
        self._begun: tuple[int, Future[Made]] | None = None

    def __call__(self, number: int) -> Made:
        """Of this number; of another one than the next it is made now."""
        begun, self._begun = self._begun, None
        if begun is not None and begun[0] != number:
            wait([begun[1]])
            begun = None
        made = self._make(number) if begun is None else begun[1].result()
        if number + 1 < self._end:
            if self._pool is None:  # with as many threads for one operation as here: sums in another order are others
                self._pool = ThreadPoolExecutor(1, "ahead", torch.set_num_threads, (torch.get_num_threads(),))
            self._begun = number + 1, self._pool.submit(self._make, number + 1)
        return made

    def rest(self) -> None:
        """Wait for what was begun, and forget it; the thread is gone then."""
        if self._pool is not None:
            self._pool.shutdown()
        self._pool = self._begun = None
