"""``stemmata publish``: copies of a minted track in other formats."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands import json_option, key_option, mining_option, now
from api.console import Console, ask_passphrase
from api.home import Home
from api.settings import Settings


@click.command()
@click.argument("track", metavar="TRACK.wav", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", metavar="OUT", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--bitrate", default=192, show_default=True, metavar="KBPS", help="Of lossy formats.")
@click.option("--title", default="", help="For players to show.")
@click.option("--artist", default="", help="For players to show.")
@mining_option("copy")
@key_option
@json_option
@click.pass_obj
def publish(
    settings: Settings,
    track: Path,
    out: Path,
    bitrate: int,
    title: str,
    artist: str,
    mining: str,
    key_name: str,
    as_json: bool,
) -> None:
    """Write a copy of a minted TRACK.wav to OUT: .mp3, .flac, .m4a, .ogg or .opus, with tags and a manifest.

    The manifest names the track as its parent. OGG and Opus hold none: theirs lies beside them, as OUT.c2pa.
    """
    from api import certificates
    from api.commands.mint import credential_as_json, credential_as_text
    from api.workflows import publishing
    from ledger import credentials

    home = Home(settings, ask_passphrase)
    edition = publishing.Edition(bitrate, title, artist, mining == "allowed")
    done = publishing.publish(home, track, out, edition, signer=home.signer(key_name), now=now())
    found = credentials.read(out, certificates.trusted(home))
    content = {
        "track": str(done.entry.claim),
        "file": str(out),
        "sidecar": None if done.sidecar is None else str(done.sidecar),
        "already": done.already,
        "credential": None if found is None else credential_as_json(found),
    }
    lines = [f"{out}  copy of track {done.entry.claim}{'  (there before)' if done.already else ''}"]
    if done.sidecar is not None:
        lines.append(f"  beside it  {done.sidecar}: its manifest; let the two go together")
    if found is not None:
        lines.append(f"  manifest   {credential_as_text(found)}")
    Console(as_json).result(content, "\n".join(lines))
