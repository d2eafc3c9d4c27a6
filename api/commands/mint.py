"""``stemmata mint``: put a generated track on chain."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands import json_option, key_option
from api.console import Console, ask_passphrase
from api.home import Home
from api.settings import Settings


@click.command()
@click.argument("file", metavar="FILE.wav", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@key_option
@json_option
@click.pass_obj
def mint(settings: Settings, file: Path, key_name: str, as_json: bool) -> None:
    """Store FILE.wav, sign its record and mint it. A track that is minted already is not minted twice."""
    from api.workflows import minting

    home = Home(settings, ask_passphrase)
    done = minting.mint(home, file, signer=home.signer(key_name))
    entry = done.entry
    content = {
        "track": str(entry.claim),
        "sha256": str(entry.audio),
        "record": str(entry.record),
        "cid": entry.cid,
        "model": entry.model,
        "creator": str(entry.creator),
        "already": done.already,
    }
    lines = [
        f"track {entry.claim}{' (minted before)' if done.already else ''}",
        f"  sha256   {entry.audio}",
        f"  model    {entry.model}",
        f"  record   {entry.record}",
        f"  cid      {entry.cid}",
    ]
    Console(as_json).result(content, "\n".join(lines))
