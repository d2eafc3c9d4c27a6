"""``stemmata dataset report``: what a folder is like, before it is registered."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.commands import json_option
from api.console import Console

if TYPE_CHECKING:
    from api.workflows.folder_report import FolderReport, Reported
    from gen.balance import Balance


@click.command("report")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--allow-resampled", is_flag=True, help="Accept recordings below 44.1 kHz; they are brought up to it.")
@json_option
def report(folder: Path, allow_resampled: bool, as_json: bool) -> None:
    """Say what the recordings in DIR are like: defects, loudness, copies of one take, and how much there is of what.

    Nothing is registered, written or sent. Genre, era, artist, composer, work and region come from the files' tags, or
    from labels.csv or labels.json in DIR, and never leave this machine.
    """
    from api.workflows import folder_report

    console = Console(as_json)
    with console.progress() as bar:
        found = folder_report.report(folder, allow_resampled=allow_resampled, bar=bar)
    console.result(_as_json(found), "\n".join(_lines(found)))


def _as_json(found: FolderReport) -> dict[str, Any]:
    return {
        "recordings": [
            {
                "file": item.name,
                "seconds": round(item.seconds, 3),
                **item.findings.to_dict(),
                "description": None if item.description is None else item.description.to_dict(),
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
    counted = found.balance
    return [
        f"{len(found.recordings)} recordings, {_hours(counted.seconds + counted.copied)}",
        *(line for item in found.recordings for line in _recording(item)),
        *(f"refused  {name}: {type(error).__name__}: {error}" for name, error in found.refused),
        *(f"one take  {', '.join(names)}" for names in found.copies),
        *(f"labels  {name}: no such recording" for name in found.unmatched),
        *_balance(counted),
    ]


def _recording(item: Reported) -> list[str]:
    measured = item.findings.loudness
    facts = [
        f"{item.seconds / 60:.1f} min",
        "" if measured.integrated is None else f"{measured.integrated:.1f} LUFS",
        f"{measured.true_peak:.1f} dBTP",
        f"{item.findings.rate} Hz brought to 44100" if item.findings.resampled else "",
    ]
    if item.description is not None:
        facts.append("" if item.description.tempo is None else f"{item.description.tempo:.0f} bpm")
        facts.append("" if item.description.key is None else item.description.key.name)
    return [
        f"  {item.name}  {', '.join(fact for fact in facts if fact)}",
        *(f"    {defect}" for defect in item.findings.defects),
    ]


def _balance(counted: Balance) -> list[str]:
    lines = [f"balance  {counted.takes} takes, {_hours(counted.seconds)}"]
    if counted.copies:
        noun = "copy" if counted.copies == 1 else "copies"
        lines[0] += f"; {counted.copies} {noun} of these, {_hours(counted.copied)}, not counted"
    for field, groups in counted.groups.items():
        for group in groups:
            under = "  under-represented" if group.under else ""
            name = "unknown" if group.name is None else group.name
            lines.append(f"  {field:9} {name}: {group.recordings}, {_hours(group.seconds)}{under}")
    return lines


def _hours(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
