"""What a folder of recordings is like, before anything of it is registered. Nothing is written, and nothing is sent."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from api.errors import printable

if TYPE_CHECKING:
    from gen.balance import Balance
    from gen.corpus import Findings
    from gen.describe import Description
    from gen.fingerprint import Fingerprint
    from gen.labels import Labels
    from gen.waveform import Waveform

Bar = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Reported:
    """One recording that can be used. ``description`` is None where training is not installed."""

    name: str
    seconds: float
    findings: Findings
    description: Description | None
    labels: Labels
    fingerprint: Fingerprint


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


def report(folder: Path, *, allow_resampled: bool = False, bar: Bar = lambda phase, done, total: None) -> FolderReport:
    """Decode and measure every recording, compare all with each other, and count.

    Files are decoded in a process of its own with limits on time and memory. Raises errors of ``gen.corpus.scan``, and
    :class:`~gen.errors.LabelError` for a table that cannot be read.
    """
    from gen.balance import balance
    from gen.confined import ConfinedDecoder
    from gen.corpus import examine_all, scan
    from gen.labels import find_table
    from gen.similarity import alike, families

    paths, table = scan(folder).recordings, find_table(folder)
    good: list[Reported] = []
    refused: list[tuple[str, Exception]] = []
    describe = _describer()
    with ConfinedDecoder() as decoder:
        outcomes = examine_all(paths, allow_resampled=allow_resampled, decoder=decoder)
        for number, outcome in enumerate(outcomes, start=1):
            name = _name(folder, outcome.path)
            if outcome.waveform is None or outcome.findings is None:
                assert outcome.error is not None  # noqa: S101  (one of the two is there)
                refused.append((printable(outcome.path.relative_to(folder)), outcome.error))
            else:
                good.append(_reported(outcome.path, name, outcome.waveform, outcome.findings, table, describe))
            bar("measuring", number, len(paths))
    pairs = [(pair.one, pair.other) for pair in alike([item.fingerprint for item in good])]
    family = families(len(good), pairs)
    counted = balance([item.seconds for item in good], [item.labels for item in good], family)
    names = {_name(folder, path) for path in paths}
    return FolderReport(
        tuple(good), tuple(refused), tuple(_copies(good, family)), counted, tuple(sorted(set(table) - names))
    )


def _name(folder: Path, path: Path) -> str:
    """As tables of labels have it."""
    return unicodedata.normalize("NFC", printable(path.relative_to(folder)))


def _describer() -> Callable[[Waveform], Description] | None:
    """What describes a waveform, where training is installed."""
    if not all(find_spec(name) for name in ("librosa", "torch")):
        return None
    from gen.config import MelConfig
    from gen.describe import describe

    return lambda waveform: describe(waveform, MelConfig()).description


def _reported(
    path: Path,
    name: str,
    waveform: Waveform,
    findings: Findings,
    table: Mapping[str, Labels],
    describe: Callable[[Waveform], Description] | None,
) -> Reported:
    from gen.fingerprint import fingerprint
    from gen.labels import Labels, read_tags

    mono = waveform.mono()  # once for both
    return Reported(
        name,
        waveform.duration,
        findings,
        None if describe is None else describe(mono),
        table.get(name, Labels()).over(read_tags(path)),
        fingerprint(mono),
    )


def _copies(good: list[Reported], family: tuple[int, ...]) -> Iterator[tuple[str, ...]]:
    for first in dict.fromkeys(family):
        together = [item for item, theirs in zip(good, family, strict=True) if theirs == first]
        if len(together) > 1:
            yield tuple(item.name for item in sorted(together, key=lambda item: -item.seconds))
