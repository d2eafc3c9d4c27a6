"""What became of the jobs that something was killed under: kept in a folder, one file for each run, and added up."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from kills_stage import VICTIMS


@dataclass(frozen=True)
class Told:
    """A job and what was killed in the middle of it. ``wrong`` says what was lost, doubled or altered."""

    kind: str
    lost: tuple[str, ...]
    seconds: float
    tries: int
    wrong: str | None


@dataclass
class Run:
    """One run. ``calm``: seconds that a kind takes undisturbed, from the request to the end."""

    cast: str
    path: Path
    calm: dict[str, list[float]] = field(default_factory=dict)
    jobs: list[Told] = field(default_factory=list)

    def keep(self) -> None:
        """Write it down, whole or not at all."""
        part = self.path.with_suffix(".part")
        content = {"cast": self.cast, "calm": self.calm, "jobs": [asdict(job) for job in self.jobs]}
        part.write_text(json.dumps(content, indent=1))
        part.replace(self.path)


class Tally:
    """All runs of a folder; this process adds to one of them, and others may to theirs at the same time."""

    def __init__(self, folder: Path, cast: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        taken = [int(path.stem) for path in folder.glob("*.json")]
        number = max(taken, default=0) + 1
        while True:  # others may begin at once
            try:
                os.close(os.open(folder / f"{number}.json", os.O_CREAT | os.O_EXCL))
                break
            except FileExistsError:
                number += 1
        self._folder = folder
        self.run = Run(cast, folder / f"{number}.json")
        self.run.keep()

    def kills(self) -> Counter[str]:
        """How many there were in each kind, in all runs."""
        return Counter(job.kind for run in runs(self._folder) for job in run.jobs for _ in job.lost)


def runs(folder: Path) -> list[Run]:
    """All runs that are kept in a folder."""
    found = []
    for path in sorted(folder.glob("*.json")):
        text = path.read_text()
        if text:
            content = json.loads(text)
            jobs = [Told(**{**job, "lost": tuple(job["lost"])}) for job in content["jobs"]]
            found.append(Run(content["cast"], path, content["calm"], jobs))
    return found


def table(found: list[Run]) -> str:
    """All of it in Markdown."""
    jobs = [job for run in found for job in run.jobs]
    lines = [
        f"| kind | jobs | {' | '.join(VICTIMS)} | kills | undisturbed, s | with kills, s |",
        f"|---|{'---|' * (len(VICTIMS) + 4)}",
    ]
    for kind in dict.fromkeys(job.kind for job in jobs):
        these = [job for job in jobs if job.kind == kind and job.lost]
        counts = Counter(victim for job in these for victim in job.lost)
        calm = [seconds for run in found for seconds in run.calm.get(kind, ())]
        words = [str(counts[victim]) for victim in VICTIMS]
        times = [f"{median(values):.1f}" if values else "-" for values in (calm, [job.seconds for job in these])]
        lines.append(f"| {' | '.join([kind, str(len(these)), *words, str(counts.total()), *times])} |")
    lines += ["", "| run | jobs | kills | lost, doubled or altered |", "|---|---|---|---|"]
    for cast in dict.fromkeys(run.cast for run in found):
        these = [job for run in found if run.cast == cast for job in run.jobs if job.lost or job.wrong]
        kills, wrong = sum(len(job.lost) for job in these), sum(job.wrong is not None for job in these)
        lines.append(f"| {cast} | {len(these)} | {kills} | {wrong} |")
    lines += [f"  {job.kind}, {', '.join(job.lost)}: {job.wrong}" for job in jobs if job.wrong]
    return "\n".join(lines)
