"""Processes that decode strangers' files, one for each file in work; see :mod:`gen.confined`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gen.confined import ConfinedDecoder


class Decoders:
    """As many as are in use at once, started when first needed, ended at the end."""

    def __init__(self) -> None:
        self._all: list[ConfinedDecoder] = []
        self._idle: list[ConfinedDecoder] = []

    def __enter__(self) -> Decoders:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for decoder in self._all:
            decoder.close()

    @contextlib.contextmanager
    def one(self) -> Iterator[ConfinedDecoder]:
        """One that nobody else uses meanwhile."""
        from gen.confined import ConfinedDecoder

        try:
            decoder = self._idle.pop()
        except IndexError:
            decoder = ConfinedDecoder()
            self._all.append(decoder)
        try:
            yield decoder
        finally:
            self._idle.append(decoder)
