"""``stemmata mint``: put a generated track on chain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.amounts import percent_from_ppm, ppm_from_percent
from api.commands import json_option, key_option, mining_option
from api.console import Console, ask_passphrase
from api.home import Home
from api.settings import Settings

if TYPE_CHECKING:
    from ledger.credentials import Credential


@click.command()
@click.argument("file", metavar="FILE.wav", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--royalty", default="10", show_default=True, metavar="PERCENT", help="Part of each later sale's price (ERC-2981)."
)
@mining_option("file")
@click.option(
    "--credential/--no-credential", default=True, help="Sign a C2PA manifest into the file first.  [default: on]"
)
@key_option
@json_option
@click.pass_obj
def mint(
    settings: Settings, file: Path, royalty: str, mining: str, credential: bool, key_name: str, as_json: bool
) -> None:
    """Sign a manifest into FILE.wav, store it, sign its record and mint it. What is minted is not minted twice.

    FILE.wav gets tags and the manifest; its samples stay as they are.
    """
    from api import certificates
    from api.workflows import minting
    from ledger import credentials

    home = Home(settings, ask_passphrase)
    asked = ppm_from_percent(royalty, "royalty")
    marking = minting.Marking(credential, mining == "allowed")
    done = minting.mint(home, file, signer=home.signer(key_name), royalty_ppm=asked, marking=marking)
    entry = done.entry
    manifest = credentials.read(file, certificates.trusted(home))
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
        "credential": None if manifest is None else credential_as_json(manifest),
    }
    lines = [
        f"track {entry.claim}{' (minted before)' if done.already else ''}",
        f"  watermark  {entry.id:016x}",
        f"  sha256     {entry.audio}",
        f"  model      {entry.model}",
        f"  royalty    {content['royalty']} % of each sale",
        f"  record     {entry.record}",
        f"  cid        {entry.cid}",
        f"  manifest   {'none' if manifest is None else credential_as_text(manifest)}",
    ]
    Console(as_json).result(content, "\n".join(lines))


def credential_as_json(found: Credential) -> dict[str, Any]:
    """What a command says of the manifest that it signed."""
    return {
        "state": found.state,
        "signer": found.signer,
        "signed_at": found.signed_at,
        "stamped": found.stamped,
        "failures": list(found.failures),
        "embedded": found.embedded,
        "manifest": found.id,
    }


def credential_as_text(found: Credential) -> str:
    """The same in one line."""
    if found.state == "invalid":
        return f"invalid: {', '.join(found.failures)}"
    trust = "trusted" if found.state == "trusted" else "whole, but no root that is trusted vouches for the signer"
    stamp = f"stamped {found.signed_at}" if found.stamped else "no time stamp (STEMMATA_TSA says whose)"
    return f"signed by {found.signer}: {trust}; {stamp}"
