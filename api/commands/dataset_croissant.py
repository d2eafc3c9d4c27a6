"""``stemmata dataset croissant``: a dataset's datasheet for machines and people."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands import json_option
from api.console import Console, ask_passphrase
from api.home import Home
from api.settings import Settings


@click.command("croissant")
@click.argument("dataset_id", metavar="ID", type=click.IntRange(min=1))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The JSON file to write.")
@click.option(
    "--labels",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder of its recordings: their labels are counted in, without names of people.",
)
@json_option
@click.pass_obj
def croissant(settings: Settings, dataset_id: int, out: Path, folder: Path | None, as_json: bool) -> None:
    """Write the datasheet of dataset ID: Croissant 1.0 with responsible-AI fields, as JSON-LD.

    It says what the record and the chain say, with the CID and SHA-256 of each encrypted recording. With --labels it
    also says how much there is of each genre, era and region, and how many artists and composers there are.
    """
    from api.workflows import datasheet

    sheet = datasheet.write(Home(settings, ask_passphrase), dataset_id, out, folder)
    content = {"dataset": dataset_id, "file": str(out), "recordings": len(sheet["distribution"])}
    Console(as_json).result(content, f"datasheet of dataset {dataset_id} written to {out}")
