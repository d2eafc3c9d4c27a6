"""What a folder of recordings is like, before anything of it is registered. Nothing is sent."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from api.decoders import Decoders
from api.errors import printable
from api.home import Home
from api.workflows import labels
from api.workflows.measurements import Measured, measure

if TYPE_CHECKING:
    from gen.balance import Balance
    from gen.labels import Labels

Bar = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Reported:
    """One recording that can be used."""

    name: str
    measured: Measured
    labels: Labels


@dataclass(frozen=True, slots=True)
class FolderReport:
    """``refused`` pairs names with the errors; ``copies`` are names of recordings of one take, the longest first.

    ``unmatched``: names in the table of labels that no recording has.
    """

    recordings: tuple[Reported, ...]
    refused: tuple[tuple[str, Exception], ...]
    copies: tuple[tuple[str, ...], ...]
    balance: Balance
    unmatched: tuple[str, ...]


def report(
    home: Home, folder: Path, *, allow_resampled: bool = False, bar: Bar = lambda phase, done, total: None
) -> FolderReport:
    """Measure every recording, compare all with each other, and count.

    Raises errors of ``gen.corpus.scan`` and :func:`api.workflows.measurements.measure`, and
    :class:`~gen.errors.LabelError` for a table that cannot be read.
    """
    from gen.balance import balance
    from gen.corpus import scan
    from gen.labels import Labels, find_table
    from gen.similarity import alike, families

    folder = folder.absolute()  # workers may be elsewhere
    paths, table = scan(folder).recordings, find_table(folder)
    good: list[Reported] = []
    refused: list[tuple[str, Exception]] = []

    def done(number: int, total: int) -> None:
        bar("measuring", number, total)

    with Decoders() as decoders:
        for path, found in measure(home, paths, allow_resampled=allow_resampled, report=done):
            if isinstance(found, Measured):
                name = _name(folder, path)
                with decoders.one() as decoder:
                    said = table.get(name, Labels()).over(labels.tagged(path, decoder))
                good.append(Reported(name, found, said))
            else:
                refused.append((printable(path.relative_to(folder)), found))
    pairs = [(pair.one, pair.other) for pair in alike([item.measured.fingerprint for item in good])]
    family = families(len(good), pairs)
    counted = balance([item.measured.seconds for item in good], [item.labels for item in good], family)
    names = {_name(folder, path) for path in paths}
    return FolderReport(
        tuple(good), tuple(refused), tuple(_copies(good, family)), counted, tuple(sorted(set(table) - names))
    )


def _name(folder: Path, path: Path) -> str:
    """As tables of labels have it."""
    return unicodedata.normalize("NFC", printable(path.relative_to(folder)))


def _copies(good: list[Reported], family: tuple[int, ...]) -> Iterator[tuple[str, ...]]:
    for first in dict.fromkeys(family):
        together = [item for item, theirs in zip(good, family, strict=True) if theirs == first]
        if len(together) > 1:
            yield tuple(item.name for item in sorted(together, key=lambda item: -item.measured.seconds))
