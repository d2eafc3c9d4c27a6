"""``stemmata anchor``: put many generated tracks on chain at once, under one root."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from api.amounts import percent_from_ppm, ppm_from_percent
from api.commands import json_option, key_option, mining_option, now
from api.console import Console, ask_passphrase, counted
from api.home import Home
from api.settings import Settings


@click.command()
@click.argument(
    "files",
    metavar="FILE.wav...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--royalty", default="10", show_default=True, metavar="PERCENT", help="Part of each later sale's price (ERC-2981)."
)
@mining_option("files")
@click.option(
    "--credential/--no-credential", default=True, help="Sign a C2PA manifest into each file first.  [default: on]"
)
@key_option
@json_option
@click.pass_obj
def anchor(
    settings: Settings,
    files: tuple[Path, ...],
    royalty: str,
    mining: str,
    credential: bool,
    key_name: str,
    as_json: bool,
) -> None:
    """Record generated tracks of one model at once: one transaction, however many they are.

    Each gets a manifest as `mint` signs it, is found by `audit` from then on, and can be minted later at the same
    royalty. It has no token before that, so nobody can buy it.

    The digest that is printed is that of the file as it is now, with its manifest; STEMMATA_SITE makes each track's
    page on that site part of the output.
    """
    from api.service.settings import ServiceSettings
    from api.workflows import anchoring, minting
    from ledger.anchor import leaves_cid

    home = Home(settings, ask_passphrase)
    asked = ppm_from_percent(royalty, "royalty")
    marking = minting.Marking(credential, mining == "allowed")
    site = ServiceSettings.from_environ(os.environ, settings.home).site if os.environ.get("STEMMATA_SITE") else None
    done = anchoring.anchor(home, files, signer=home.signer(key_name), royalty_ppm=asked, marking=marking, now=now)
    entry = done.entry
    content: dict[str, Any] = {
        "root": str(entry.root),
        "size": entry.size,
        "block": entry.block,
        "leaves": str(leaves_cid(entry)),
        "model": entry.model,
        "creator": str(entry.creator),
        "royalty": percent_from_ppm(entry.royalty_ppm),
        "already": done.already,
        "tracks": [
            {
                "file": str(path),
                "track": str(record.claim.digest),
                "watermark": record.watermark,
                "sha256": str(record.audio),
                "page": f"{site}/anchored/{record.watermark}" if site else None,
            }
            for path, record in zip(files, done.records, strict=True)
        ],
    }
    lines = [
        f"root {entry.root}{' (anchored before)' if done.already else ''}",
        f"  block      {entry.block}",
        f"  tracks     {counted(entry.size, 'track')} of model {entry.model}",
        f"  leaves     {content['leaves']}",
        f"  royalty    {content['royalty']} % of each sale, once minted",
    ]
    for track in content["tracks"]:
        lines += [f"  {track['watermark']}  {track['file']}", f"    sha256   {track['sha256']}"]
        if track["page"] is not None:
            lines.append(f"    page     {track['page']}")
    if credential:
        lines.append("  a file's manifest is in it: its digest is no longer the one that `generate` said")
    Console(as_json).result(content, "\n".join(lines))
