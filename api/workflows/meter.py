"""How far a long command has come, told as it goes."""

from __future__ import annotations

from collections.abc import Callable

Bar = Callable[[str, int, int | None], None]
"""Is told a phase, and how much of how much is done in it, bytes mostly; None where nobody knows how much there is."""


class Meter:
    """Counts what is done in each phase, of ``total`` that is to be done in each."""

    def __init__(self, bar: Bar, total: int):
        self.total, self._bar, self._done = total, bar, dict[str, int]()

    def count(self, phase: str, size: int) -> None:
        """So much more is done."""
        done = self._done[phase] = self._done.get(phase, 0) + size
        self._bar(phase, done, max(self.total, done))
