"""What is measured on the recordings of a folder, by the engine that the settings name, once for each file.

What was measured lies in ``measured/`` of the home, under digests of files and settings: figures and fingerprints, from
which nothing can be made to sound, and no names. So the same folder again costs next to nothing, and what a stopped run
did is done. The folder may be emptied at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from api.errors import UsageError
from api.home import Home

if TYPE_CHECKING:
    from gen.corpus import Findings
    from gen.describe import Description
    from gen.engine import Engine
    from gen.errors import AudioError
    from gen.fingerprint import Fingerprint

MOST_BYTES = 4 << 30
"""What the folder may take; some 20 KB for each recording of five minutes."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One recording. ``description`` is None where training is not installed."""

    seconds: float
    findings: Findings
    description: Description | None
    fingerprint: Fingerprint


def measure(
    home: Home, paths: Sequence[Path], *, allow_resampled: bool, report: Callable[[int, int], None]
) -> Iterator[tuple[Path, Measured | AudioError]]:
    """Each recording's measurement, or why it is refused, in the order of the paths.

    Every file is decoded in a process apart, with limits on time and memory. ``report`` gets how many are done, and of
    how many. Without the libraries of training the files are measured one after the other, nothing is described, and
    nothing kept. Raises :class:`UsageError` for an engine that there is not, :class:`~gen.errors.EngineError` and
    :class:`~gen.errors.CacheFull`.
    """
    if not all(find_spec(name) for name in ("librosa", "torch")):
        yield from _alone(paths, allow_resampled, report)
        return
    from gen.cache import Cache
    from gen.config import MelConfig
    from gen.corpus import Findings
    from gen.engine import Work, portray_all
    from gen.stamps import Stamps

    engine = _engine(home.settings.corpus_engine)
    folder = home.folder("measured")
    cache, stamps = Cache(folder, MOST_BYTES, free=0), Stamps(folder / "stamps")
    work = Work(cache, stamps, MelConfig(), allow_resampled=allow_resampled, keep_frames=False)
    for outcome in portray_all(paths, work, engine, report=report):
        found = outcome.portrait
        if found is None:
            assert outcome.error is not None  # noqa: S101  (one of the two is there)
            yield outcome.path, outcome.error
        else:
            findings, described = Findings.from_dict(found.findings), found.description
            yield outcome.path, Measured(described.duration, findings, described, found.fingerprint)


def _engine(named: str) -> Engine:
    from gen.cluster import engine_named
    from gen.errors import ConfigError

    try:
        return engine_named(named)
    except ConfigError as error:
        raise UsageError(f"STEMMATA_CORPUS_ENGINE: {error}") from None


def _alone(
    paths: Sequence[Path], allow_resampled: bool, report: Callable[[int, int], None]
) -> Iterator[tuple[Path, Measured | AudioError]]:
    from gen.confined import ConfinedDecoder
    from gen.corpus import examine_all
    from gen.fingerprint import fingerprint

    with ConfinedDecoder() as decoder:
        outcomes = examine_all(paths, allow_resampled=allow_resampled, decoder=decoder)
        for number, outcome in enumerate(outcomes, start=1):
            if outcome.waveform is None or outcome.findings is None:
                assert outcome.error is not None  # noqa: S101  (one of the two is there)
                yield outcome.path, outcome.error
            else:
                wave = outcome.waveform
                yield outcome.path, Measured(wave.duration, outcome.findings, None, fingerprint(wave))
            report(number, len(paths))
