"""``stemmata mint``: put a generated track on chain."""

from __future__ import annotations

from pathlib import Path

import click

from api.amounts import percent_from_ppm, ppm_from_percent
from api.commands import json_option, key_option
from api.console import Console, ask_passphrase
from api.home import Home
from api.settings import Settings


@click.command()
@click.argument("file", metavar="FILE.wav", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--royalty", default="10", show_default=True, metavar="PERCENT", help="Part of each later sale's price (ERC-2981)."
)
@key_option
@json_option
@click.pass_obj
def mint(settings: Settings, file: Path, royalty: str, key_name: str, as_json: bool) -> None:
    """Store FILE.wav, sign its record and mint it. A track that is minted already is not minted twice."""
    from api.workflows import minting

    home = Home(settings, ask_passphrase)
    asked = ppm_from_percent(royalty, "royalty")
    done = minting.mint(home, file, signer=home.signer(key_name), royalty_ppm=asked)
    entry = done.entry
    content = {
        "track": str(entry.claim),
        "watermark": f"{entry.id:016x}",
        "sha256": str(entry.audio),
        "record": str(entry.record),
        "cid": entry.cid,
        "model": entry.model,
        "creator": str(entry.creator),
        "royalty": percent_from_ppm(entry.royalty_ppm),
        "already": done.already,
    }
    lines = [
        f"track {entry.claim}{' (minted before)' if done.already else ''}",
        f"  watermark  {entry.id:016x}",
        f"  sha256     {entry.audio}",
        f"  model      {entry.model}",
        f"  royalty    {content['royalty']} % of each sale",
        f"  record     {entry.record}",
        f"  cid        {entry.cid}",
    ]
    Console(as_json).result(content, "\n".join(lines))
