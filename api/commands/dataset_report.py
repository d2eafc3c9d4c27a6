"""``stemmata dataset report``: what a folder is like, before it is registered."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from api.commands import json_option
from api.console import Console, counted
from api.home import Home
from api.settings import Settings

if TYPE_CHECKING:
    from api.workflows.folder_report import FolderReport, Reported
    from gen.balance import Balance
    from gen.describe import Description


@click.command("report")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--allow-resampled", is_flag=True, help="Accept recordings below 44.1 kHz; they are brought up to it.")
@json_option
@click.pass_obj
def report(settings: Settings, folder: Path, allow_resampled: bool, as_json: bool) -> None:
    """Say what the recordings in DIR are like: defects, loudness, copies of one take, and how much there is of what.

    Nothing is registered or sent, and nothing is written but figures, in the home, so that the next report is quick.
    Genre, era, artist, composer, work and region come from the files' tags, or from labels.csv or labels.json in DIR,
    and never leave this machine.

    STEMMATA_CORPUS_ENGINE says what measures: local (the default: all processors), local:2, ray, ray:2, ray:auto,
    ray:HOST:PORT.
    """
    from api.workflows import folder_report

    console = Console(as_json)
    with console.progress() as bar:
        found = folder_report.report(Home(settings), folder, allow_resampled=allow_resampled, bar=bar)
    console.result(_as_json(found), "\n".join(_lines(found)))


def _as_json(found: FolderReport) -> dict[str, Any]:
    return {
        "recordings": [
            {
                "file": item.name,
                "seconds": round(item.measured.seconds, 3),
                **item.measured.findings.to_dict(),
                "description": None if item.measured.description is None else item.measured.description.to_dict(),
                "labels": asdict(item.labels),
            }
            for item in found.recordings
        ],
        "refused": [
            {"file": name, "error": {"name": type(error).__name__, "message": str(error)}}
            for name, error in found.refused
        ],
        "copies": [list(names) for names in found.copies],
        "balance": asdict(found.balance),
        "unmatched": list(found.unmatched),
    }


def _lines(found: FolderReport) -> list[str]:
    balance = found.balance
    described = [item.measured.description for item in found.recordings if item.measured.description is not None]
    return [
        f"{counted(len(found.recordings), 'recording')}, {_hours(balance.seconds + balance.copied)}",
        *(line for item in found.recordings for line in _recording(item)),
        *(f"refused  {name}: {type(error).__name__}: {error}" for name, error in found.refused),
        *(f"one take  {', '.join(names)}" for names in found.copies),
        *(f"labels  {name}: no such recording" for name in found.unmatched),
        *_summary(described),
        *_balance(balance),
    ]


def _recording(item: Reported) -> list[str]:
    findings, described = item.measured.findings, item.measured.description
    heard = findings.loudness
    facts = [
        f"{item.measured.seconds / 60:.1f} min",
        "" if heard.integrated is None else f"{heard.integrated:.1f} LUFS",
        f"{heard.true_peak:.1f} dBTP",
        f"{findings.rate} Hz brought to 44100" if findings.resampled else "",
    ]
    if described is not None:
        facts.append("" if described.tempo is None else f"{described.tempo:.0f} bpm")
        facts.append("" if described.key is None else described.key.name)
    return [
        f"  {item.name}  {', '.join(fact for fact in facts if fact)}",
        *(f"    {defect}" for defect in findings.defects),
    ]


def _summary(described: list[Description]) -> list[str]:
    """What all of them are like: the middle one of each figure, and between what they lie."""
    if not described:
        return []
    tempos = [one.tempo for one in described if one.tempo is not None]
    keys = Counter("none" if one.key is None else one.key.name for one in described)
    spectrum = {
        "centroid": [one.centroid for one in described],
        "bandwidth": [one.bandwidth for one in described],
        "rolloff": [one.rolloff for one in described],
    }
    without = f"; {len(described) - len(tempos)} without a pulse" if len(tempos) < len(described) else ""
    return [
        f"tempo  {_between(tempos, 'bpm', 0)}{without}" if tempos else "tempo  none has a pulse",
        f"key  {', '.join(f'{name}: {count}' for name, count in keys.most_common())}",
        "spectrum  " + ", ".join(f"{name} {_between(values, 'Hz', 0)}" for name, values in spectrum.items()),
        f"  flatness {_between([one.flatness for one in described], '', 4)}, "
        f"zero crossings {_between([one.zero_crossings for one in described], 'a sample', 4)}",
    ]


def _between(values: list[float], unit: str, digits: int) -> str:
    low, middle, high = (f"{value:.{digits}f}" for value in (min(values), median(values), max(values)))
    return f"{middle} {unit}".rstrip() + (f" ({low} to {high})" if low != high else "")


def _balance(balance: Balance) -> list[str]:
    lines = [f"balance  {balance.takes} takes, {_hours(balance.seconds)}"]
    if balance.copies:
        noun = "copy" if balance.copies == 1 else "copies"
        lines[0] += f"; {balance.copies} {noun} of these, {_hours(balance.copied)}, not counted"
    for field, groups in balance.groups.items():
        for group in groups:
            under = "  under-represented" if group.under else ""
            name = "unknown" if group.name is None else group.name
            lines.append(f"  {field:9} {name}: {group.recordings}, {_hours(group.seconds)}{under}")
    return lines


def _hours(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
