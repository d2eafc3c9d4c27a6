"""``stemmata dataset``: register recordings, show what was registered, change its terms, withdraw it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api import terms as words
from api.amounts import ppm_from_percent
from api.commands import currency_option, json_option, key_option, now, until_option, use_option
from api.console import Console, ask_passphrase, confirm
from api.errors import NamesForgotten, UsageError
from api.home import Home
from api.settings import Settings

if TYPE_CHECKING:
    from api.private_names import PrivateName
    from ledger.digest import Digest
    from ledger.records import Terms

SPDX = re.compile(r"(LicenseRef-)?[A-Za-z0-9][A-Za-z0-9.-]*\+?")
"""One license of an SPDX expression (SPDX 2.3, Annex D)."""

allow_option = click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="WHAT[=VALUE]",
    help="What needs no license (ERC-7517): mining or inference, as allowed, constrained or notAllowed.",
)


@click.group()
def dataset() -> None:
    """Register recordings with consent and terms, show them, change terms, withdraw consent."""


@dataset.command("add")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--title", required=True, help="What the dataset is called, in public.")
@click.option(
    "--license", "license_", required=True, metavar="SPDX", help="SPDX identifier of the recordings' license."
)
@click.option("--price", required=True, metavar="AMOUNT", help="Price of a license, in ether unless --currency.")
@currency_option
@click.option("--share", required=True, metavar="PERCENT", help="Share of a track's royalties, in percent.")
@use_option(default="train")
@until_option
@allow_option
@click.option("--skip-bad", is_flag=True, help="Leave out files that cannot be used; the record lists them.")
@click.option(
    "--allow-resampled", is_flag=True, help="Accept less than 44.1 kHz; the record says the rate, training resamples."
)
@click.option("--allow-overlap", is_flag=True, help="Register recordings that another dataset of yours has already.")
@click.option("--hide-labels", is_flag=True, help="Keep out of the record which recordings have a label in common.")
@key_option
@json_option
@click.pass_obj
def add(
    settings: Settings,
    folder: Path,
    title: str,
    license_: str,
    price: str,
    currency: str | None,
    share: str,
    uses: tuple[str, ...],
    until: str | None,
    allowed: tuple[str, ...],
    skip_bad: bool,
    allow_overlap: bool,
    allow_resampled: bool,
    hide_labels: bool,
    key_name: str,
    as_json: bool,
) -> None:
    """Register the recordings in DIR and its sub-folders; the same recordings twice are one dataset.

    Mono or stereo at 44.1 kHz or more, in any format that a player knows. Recordings are encrypted before they are
    stored; file names and tags stay on this machine, and so do labels (genre, era, artist, composer, work, region): of
    labels.csv or labels.json in DIR, else of the tags. The record, which is public, says by numbers which recordings
    have a label in common, and no name; --hide-labels leaves that out. Clipping, silence, lossy origin and other
    defects are warned of, and refuse nothing. Recordings that sound like those of another dataset are refused: somebody
    else's always, your own unless --allow-overlap.
    """
    from api.workflows import datasets, datasheet
    from ledger.records import Terms

    home, console = Home(settings, ask_passphrase), Console(as_json)
    if not SPDX.fullmatch(license_):
        raise UsageError(f"--license {license_!r}: an SPDX identifier such as CC-BY-4.0, or LicenseRef- and a name")
    token = words.currency(currency)
    terms = Terms(
        price=words.price(price, token),
        royalty_ppm=ppm_from_percent(share),
        uses=words.uses(uses),
        currency=token,
        until=words.until(until, now()),
    )
    terms = words.allow(terms, allowed)
    signer = home.signer(key_name)
    with console.progress(in_bytes=True) as report:
        done = datasets.add(
            home,
            folder,
            title=title,
            license_=license_,
            terms=terms,
            signer=signer,
            now=now,
            skip_bad=skip_bad,
            allow_overlap=allow_overlap,
            allow_resampled=allow_resampled,
            hide_labels=hide_labels,
            report=report,
        )
    entry, sheet = done.entry, datasheet.keep(home, done.entry.id)
    content: dict[str, Any] = {
        "dataset": entry.id,
        "root": str(entry.root),
        "cid": entry.cid,
        "record": str(entry.record),
        "holder": str(entry.holder),
        "recordings": done.recordings,
        "seconds": round(done.seconds, 3),
        **words.as_json(entry.terms),
        "omitted": [{"file": name, "reason": reason} for name, reason in done.omitted],
        "already": done.already,
        "datasheet": None if sheet is None else str(sheet),
        "overlaps": [{"dataset": number, "recordings": count} for number, count in done.overlaps],
        "uncompared": list(done.uncompared),
        "findings": [{"file": name, **found} for name, found in done.findings],
    }
    lines = [
        f"dataset {entry.id}{' (registered before, and stays as it was)' if done.already else ''}",
        *(
            [f"  other terms for it: stemmata dataset terms {entry.id}"]
            if done.already and entry.terms != terms
            else []
        ),
        f"  terms       {words.as_text(entry.terms)}",
        f"  root        {entry.root}",
        f"  recordings  {done.recordings}, {done.seconds / 60:.1f} min",
        f"  record      {entry.record}",
        f"  cid         {entry.cid}",
        *([] if sheet is None else [f"  datasheet   {sheet}"]),
        *(f"  left out    {name}: {reason}" for name, reason in done.omitted),
        *(
            f"  warning     {name}: {'; '.join(found['warnings'])}"
            for name, found in done.findings
            if found.get("warnings")
        ),
        *(f"  overlaps    dataset {number}, which has {count} of them" for number, count in done.overlaps),
        *(
            f"  not compared with dataset {number}: not in this home; stemmata content pull dataset {number}"
            for number in done.uncompared
        ),
    ]
    console.result(content, "\n".join(lines))


@dataset.command("show")
@click.argument("dataset_id", metavar="ID", type=click.IntRange(min=1))
@json_option
@click.pass_obj
def show(settings: Settings, dataset_id: int, as_json: bool) -> None:
    """Show dataset ID: terms, recordings, and who trained on it may ask the chain.

    With STEMMATA_PASSPHRASE set in the holder's home, recordings are shown by the names of their files, with labels;
    else by digests, with the numbers of their labels, which say what belongs together.
    """
    from api import private_names
    from api.workflows import datasets
    from ledger.errors import WrongPassphrase
    from ledger.records import LABELS

    home = Home(settings)
    with home.ledger() as ledger:
        entry, record = datasets.show(ledger, dataset_id)
    names: dict[Digest, PrivateName] = {}
    if settings.passphrase is not None:
        # Somebody else's dataset, or names that were forgotten: shown by digests.
        with contextlib.suppress(WrongPassphrase, NamesForgotten):
            names = private_names.read(home, entry.root)
    recordings = [
        {
            "sha256": str(item.sha256),
            "name": names[item.sha256].text if item.sha256 in names else None,
            "labels": dict(names[item.sha256].labels) if item.sha256 in names else None,
            "label_numbers": dict(zip(LABELS, item.labels, strict=True)) if item.labels else None,
            "seconds": round(item.frames / item.rate, 3),
            "rate": item.rate,
            "channels": item.channels,
            "iscc": item.iscc,
            "cid": str(item.content.cid),
        }
        for item in record.recordings
    ]
    content = {
        "dataset": entry.id,
        "title": record.title,
        "holder": str(entry.holder),
        "owner": str(entry.owner),
        "license": record.license,
        **words.as_json(entry.in_force),
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
        f"  license  {record.license}",
        f"  terms    {words.as_text(entry.in_force)}",
        f"  consent  {'given' if entry.consent else 'withdrawn for new licenses'}",
        f"  root     {entry.root}",
        f"  record   {entry.record}",
        *(_line(item) for item in recordings),
        *(f"  left out    {o.reason}" for o in record.omitted),
    ]
    Console(as_json).result(content, "\n".join(lines))


def _line(item: Mapping[str, Any]) -> str:
    said, numbers = item["labels"] or {}, item["label_numbers"] or {}
    labels = "".join(f"  {field}: {value}" for field, value in said.items())
    labels += "".join(f"  {field} {number}" for field, number in numbers.items() if number and not said)
    return f"  {item['seconds']:8.1f} s  {item['name'] or item['sha256']}{labels}"


@dataset.command("terms")
@click.argument("dataset_id", metavar="ID", type=click.IntRange(min=1))
@click.option("--price", metavar="AMOUNT", help="Price of a license, in ether unless the currency is a token.")
@currency_option
@click.option("--share", metavar="PERCENT", help="Share of a track's royalties, in percent.")
@use_option(default=None, offer=True)
@until_option
@allow_option
@key_option
@json_option
@click.pass_obj
def terms(
    settings: Settings,
    dataset_id: int,
    price: str | None,
    currency: str | None,
    share: str | None,
    uses: tuple[str, ...],
    until: str | None,
    allowed: tuple[str, ...],
    key_name: str,
    as_json: bool,
) -> None:
    """Change what licenses of dataset ID are sold for from now on; what is not named stays. Sold ones stay as they are.

    `--use none` ends the offer until it is made again; `dataset withdraw` ends it for good.
    """
    from api.workflows import offers

    if (price, currency, share, until) == (None,) * 4 and not uses and not allowed:
        raise UsageError("nothing to change: say --price, --currency, --share, --use, --until or --allow")
    if currency is not None and price is None:
        raise UsageError("--currency: say the --price in it too")
    end, token = words.until(until, now()), words.currency(currency)

    def alter(old: Terms) -> Terms:
        new = words.allow(old, allowed)
        if currency is not None:
            new = replace(new, currency=token)
        if price is not None:
            new = replace(new, price=words.price(price, new.currency))
        if share is not None:
            new = replace(new, royalty_ppm=ppm_from_percent(share))
        if until is not None:
            new = replace(new, until=end)
        return replace(new, uses=words.uses(uses)) if uses else new

    home = Home(settings, ask_passphrase)
    done = offers.change(home, "dataset", dataset_id, alter, signer=home.signer(key_name))
    content = {"dataset": dataset_id, **words.as_json(done.entry.terms), "already": done.already}
    before = " (as it was)" if done.already else " for licenses sold from now on"
    Console(as_json).result(content, f"dataset {dataset_id}{before}: {words.as_text(done.entry.terms)}")


@dataset.command("withdraw")
@click.argument("dataset_id", metavar="ID", type=click.IntRange(min=1))
@click.option("--yes", is_flag=True, help="Do not ask.")
@key_option
@json_option
@click.pass_obj
def withdraw(settings: Settings, dataset_id: int, yes: bool, key_name: str, as_json: bool) -> None:
    """Withdraw consent for dataset ID, for good: no license is sold or granted any more.

    Licenses sold before stay valid until their end, and models and tracks made under them stay what they are; an audit
    says that consent has been withdrawn.
    """
    from api.workflows import offers

    def ask() -> None:
        if not yes:
            confirm(f"Sell and grant no more licenses of dataset {dataset_id}, for good?", "--yes")

    home = Home(settings, ask_passphrase)
    done = offers.withdraw(home, dataset_id, signer=home.signer(key_name), confirm=ask)
    before = " before" if done.already else ""
    text = (
        f"dataset {dataset_id}: consent withdrawn{before}; no license is sold or granted any more. "
        "Licenses sold before stay valid until their end"
    )
    Console(as_json).result({"dataset": dataset_id, "consent": False, "already": done.already}, text)
