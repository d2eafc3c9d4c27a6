"""Watch a folder into which files are put: each is audited once, when it is whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from api.workflows.batch import Auditor, files, note
from api.workflows.crew import Crew
from api.workflows.journal import Journal, Line, Stamp


def watch(
    auditor: Auditor,
    journal: Journal,
    crew: Crew,
    *,
    every: float = 2.0,
    settle: float = 10.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[Path, Line]]:
    """Files and what became of them, as they come; ends with its caller only.

    A file is whole when neither its size nor its time has changed for ``settle`` seconds, and it is not empty. What
    the journal knows is not audited again, also after a restart; a file that was replaced is another one. Looks into
    the folder ``every`` so many seconds.
    """
    waiting: dict[Path, tuple[Stamp, float]] = {}
    while True:
        ready = _whole(auditor, journal, waiting, clock(), settle)
        for path, answer in crew.run(iter(list(ready))):
            yield path, note(auditor, journal, path, ready[path], answer)
        sleep(every)


def _whole(
    auditor: Auditor, journal: Journal, waiting: dict[Path, tuple[Stamp, float]], now: float, settle: float
) -> dict[Path, Stamp]:
    """The files that have not changed for long enough, which no longer wait; all others go on waiting."""
    ready: dict[Path, Stamp] = {}
    present = set()
    for path in files(auditor.place, auditor.reports):
        try:
            stamp = Stamp.of(path)
        except OSError:
            continue
        if not stamp.size or journal.find(auditor.name(path), stamp) is not None:
            continue
        present.add(path)
        before = waiting.get(path)
        if before is None or before[0] != stamp:
            waiting[path] = (stamp, now)
        elif now - before[1] >= settle:
            ready[path] = stamp
    for path in (set(waiting) - present) | set(ready):
        del waiting[path]
    return ready
