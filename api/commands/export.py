"""``stemmata export``: what the records say, in the words of other standards."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands import json_option, now
from api.console import Console, ask_passphrase
from api.exports import FORMATS, KINDS
from api.home import Home
from api.settings import Settings


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("which", metavar="WHICH")
@click.option("--as", "name", required=True, type=click.Choice(FORMATS), help="The format.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write.  [default: show it]")
@click.option(
    "--location",
    "locations",
    multiple=True,
    metavar="PATH|URL",
    help="rsl, tdmrep: where the recordings are published; for tdmrep a path.",
)
@click.option("--terms", metavar="URL", help="rsl, tdmrep, cawg, erc7517: where a license is to be had.")
@click.option("--dpid", metavar="ID", help="ddex: your DDEX party id.")
@click.option("--provider", metavar="TEXT", help="training-summary: name and contact of the model's provider.")
@json_option
@click.pass_obj
def export(
    settings: Settings,
    kind: str,
    which: str,
    name: str,
    out: Path | None,
    locations: tuple[str, ...],
    terms: str | None,
    dpid: str | None,
    provider: str | None,
    as_json: bool,
) -> None:
    """Say what the records of a track, model or dataset say in another format.

    WHICH is the number of a model or dataset, or the watermark (16 hex digits) or minted file of a track. Everything
    is checked first, and nothing that does not hold is exported. A training summary is HTML or JSON where the file's
    name says so, else Markdown.
    """
    from api.exports.formats import FORMATS as KNOWN
    from api.exports.formats import Wish
    from api.workflows import exporting

    suffix = "" if out is None else out.suffix.lower()
    wish = Wish(now(), suffix, locations=locations, terms=terms, dpid=dpid, provider=provider)
    text = exporting.export(Home(settings, ask_passphrase), kind, which, name, wish, out)
    where = {"document": text} if out is None else {"file": str(out)}
    said = text.removesuffix("\n") if out is None else f"{kind} {which} written to {out} as {KNOWN[name].title}"
    Console(as_json).result({"kind": kind, "which": which, "format": name, **where}, said)
