"""``stemmata dataset``: register recordings, and show what was registered."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import click

from api.amounts import ether_from_wei, percent_from_ppm, ppm_from_percent, wei_from_ether
from api.commands import json_option, key_option, now
from api.console import Console, ask_passphrase
from api.errors import UsageError
from api.home import Home
from api.settings import Settings

SPDX = re.compile(r"(LicenseRef-)?[A-Za-z0-9][A-Za-z0-9.-]*\+?")
"""One license of an SPDX expression (SPDX 2.3, Annex D)."""


@click.group()
def dataset() -> None:
    """Register recordings with consent and terms, and show them."""


@dataset.command("add")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--title", required=True, help="What the dataset is called, in public.")
@click.option(
    "--license", "license_", required=True, metavar="SPDX", help="SPDX identifier of the recordings' license."
)
@click.option("--price", required=True, metavar="ETH", help="Price of a training license, in ether.")
@click.option("--share", required=True, metavar="PERCENT", help="Share of a track's royalties, in percent.")
@click.option("--skip-bad", is_flag=True, help="Leave out files that cannot be used; the record lists them.")
@key_option
@json_option
@click.pass_obj
def add(
    settings: Settings,
    folder: Path,
    title: str,
    license_: str,
    price: str,
    share: str,
    skip_bad: bool,
    key_name: str,
    as_json: bool,
) -> None:
    """Register the recordings in DIR and its sub-folders; the same recordings twice are one dataset.

    Mono or stereo at 44.1 kHz or more, in any format that a player knows. Recordings are encrypted before they are
    stored; file names and tags stay on this machine.
    """
    from api.workflows import datasets
    from ledger.records import Terms

    home, console = Home(settings, ask_passphrase), Console(as_json)
    if not SPDX.fullmatch(license_):
        raise UsageError(f"--license {license_!r}: an SPDX identifier such as CC-BY-4.0, or LicenseRef- and a name")
    terms = Terms(price=wei_from_ether(price), royalty_ppm=ppm_from_percent(share), uses=("train",))
    signer = home.signer(key_name)
    with console.progress() as report:
        done = datasets.add(
            home,
            folder,
            title=title,
            license_=license_,
            terms=terms,
            signer=signer,
            now=now,
            skip_bad=skip_bad,
            report=report,
        )
    entry = done.entry
    content: dict[str, Any] = {
        "dataset": entry.id,
        "root": str(entry.root),
        "cid": entry.cid,
        "record": str(entry.record),
        "holder": str(entry.holder),
        "recordings": done.recordings,
        "seconds": round(done.seconds, 3),
        "price": ether_from_wei(entry.terms.price),
        "share": percent_from_ppm(entry.terms.royalty_ppm),
        "omitted": [{"file": name, "reason": reason} for name, reason in done.omitted],
        "already": done.already,
    }
    lines = [
        f"dataset {entry.id}{' (registered before, and stays as it was)' if done.already else ''}",
        f"  terms       {content['price']} ETH to train, {content['share']} % of royalties",
        f"  root        {entry.root}",
        f"  recordings  {done.recordings}, {done.seconds / 60:.1f} min",
        f"  record      {entry.record}",
        f"  cid         {entry.cid}",
        *(f"  left out    {name}: {reason}" for name, reason in done.omitted),
    ]
    console.result(content, "\n".join(lines))


@dataset.command("show")
@click.argument("dataset_id", metavar="ID", type=click.IntRange(min=1))
@json_option
@click.pass_obj
def show(settings: Settings, dataset_id: int, as_json: bool) -> None:
    """Show dataset ID: terms, recordings, and who trained on it may ask the chain.

    With STEMMATA_PASSPHRASE set in the holder's home, recordings are shown by the names of their files.
    """
    from api.workflows import datasets
    from ledger.errors import WrongPassphrase

    home = Home(settings)
    with home.ledger() as ledger:
        entry, record = datasets.show(ledger, dataset_id)
    names: dict[str, str] = {}
    if settings.passphrase is not None:
        with contextlib.suppress(WrongPassphrase):  # somebody else's dataset: shown by digests
            names = datasets.names(home, entry.root)
    recordings = [
        {
            "sha256": str(item.sha256),
            "name": names.get(str(item.sha256)),
            "seconds": round(item.frames / item.rate, 3),
            "rate": item.rate,
            "channels": item.channels,
            "iscc": item.iscc,
            "cid": str(item.cid),
        }
        for item in record.recordings
    ]
    content = {
        "dataset": entry.id,
        "title": record.title,
        "holder": str(entry.holder),
        "owner": str(entry.owner),
        "license": record.license,
        "price": ether_from_wei(entry.terms.price),
        "share": percent_from_ppm(entry.terms.royalty_ppm),
        "consent": entry.consent,
        "root": str(entry.root),
        "record": str(entry.record),
        "cid": entry.cid,
        "created": record.created,
        "recordings": recordings,
        "omitted": [{"sha256": str(o.sha256) if o.sha256 else None, "reason": o.reason} for o in record.omitted],
    }
    lines = [
        f"dataset {entry.id}  {record.title}",
        f"  holder   {entry.holder}",
        f"  license  {record.license}; {content['price']} ETH to train; {content['share']} % of royalties",
        f"  consent  {'given' if entry.consent else 'withdrawn for new licenses'}",
        f"  root     {entry.root}",
        f"  record   {entry.record}",
        *(f"  {item['seconds']:8.1f} s  {item['name'] or item['sha256']}" for item in recordings),
        *(f"  left out    {o.reason}" for o in record.omitted),
    ]
    Console(as_json).result(content, "\n".join(lines))
