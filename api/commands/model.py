"""``stemmata model``: show a model, and offer licenses of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from api import terms as words
from api.amounts import percent_from_ppm
from api.commands import currency_option, json_option, key_option, now, until_option, use_option
from api.console import Console, ask_passphrase
from api.errors import UsageError
from api.home import Home
from api.settings import Settings

if TYPE_CHECKING:
    from api.workflows.model_labels import DatasetLabels
    from ledger.records import Terms

_MOST = 20
"""Labels of a kind that are named in one line."""


@click.group()
def model() -> None:
    """Show a model, and offer licenses to generate with it."""


@model.command("show")
@click.argument("model_id", metavar="ID", type=click.IntRange(min=1))
@json_option
@click.pass_obj
def show(settings: Settings, model_id: int, as_json: bool) -> None:
    """Show model ID: whose it is, what it is on offer for, what its tracks owe to whom, which labels it knows.

    Labels are numbers, as `generate --label DATASET:FIELD=NUMBER` takes them. With STEMMATA_PASSPHRASE set in the home
    of a dataset's holder, they have their names.
    """
    from api.workflows import model_labels, models
    from ledger.errors import BlockMissing

    home = Home(settings)
    with home.ledger() as ledger:
        entry, dues = models.show(ledger, model_id)
        titles = {dataset: models.title(ledger, dataset) for dataset, _ in entry.datasets}
        try:
            labels = model_labels.known(home, ledger, model_id)
        except BlockMissing:
            labels = None
    instrument = home.instrument()
    plays = instrument is not None and instrument.weights == entry.weights
    content = {
        "model": entry.id,
        "instrument": plays,
        "owner": str(entry.owner),
        "trainer": str(entry.trainer),
        "weights": str(entry.weights),
        "record": str(entry.record),
        "cid": entry.cid,
        "royalty": percent_from_ppm(entry.royalty_ppm),
        "dues": [{due.kind: due.id, "percent": percent_from_ppm(due.ppm)} for due in dues],
        "datasets": [
            {"dataset": dataset, "share_ppm": share, "title": titles[dataset]} for dataset, share in entry.datasets
        ],
        "parents": list(entry.parents),
        "labels": None if labels is None else [_table(each) for each in labels],
        "terms": words.as_json(entry.terms),
    }
    lines = [
        f"model {entry.id}{', the instrument: it plays where no other is named' if plays else ''}",
        f"  owner    {entry.owner}",
        f"  weights  {entry.weights}",
        f"  terms    {words.as_text(entry.terms)}",
        *(f"  owes     {percent_from_ppm(due.ppm)} % to the holder of {due.kind} {due.id}" for due in dues),
        f"  record   {entry.record}",
        *(f"  style    {dataset}  {_shown(title)}" for dataset, title in titles.items()),
        *(line for each in labels or () for line in _lines(each)),
    ]
    Console(as_json).result(content, "\n".join(lines))


def _shown(title: str | None) -> str:
    return "(its record is not here)" if title is None else "".join(sign for sign in title if sign.isprintable())


def _table(labels: DatasetLabels) -> dict[str, Any]:
    fields = labels.fields
    written = {
        name: [{"number": number, "name": said} for number, said in enumerate(names, start=1)]
        for name, names in (fields or {}).items()
    }
    return {"dataset": labels.dataset, "fields": None if fields is None else written}


def _lines(labels: DatasetLabels) -> list[str]:
    number = labels.dataset
    if labels.fields is None:
        return [
            f"  labels   of dataset {number} unknown: its record is not here; stemmata content pull dataset {number}"
        ]
    return [f"  labels   {number}:{name}  {_numbers(names)}" for name, names in labels.fields.items()]


def _numbers(names: tuple[str | None, ...]) -> str:
    if not any(names):
        return "1" if len(names) == 1 else f"1 to {len(names)}"
    listed = [f"{number} ({name})" if name else str(number) for number, name in enumerate(names[:_MOST], start=1)]
    return ", ".join(listed) + (f", to {len(names)} (--json has all)" if len(names) > _MOST else "")


@model.command("offer")
@click.argument("model_id", metavar="ID", type=click.IntRange(min=1))
@click.option("--price", metavar="AMOUNT", help="Price of a license, in ether unless --currency.")
@currency_option
@use_option(default="generate", offer=True)
@until_option
@key_option
@json_option
@click.pass_obj
def offer(
    settings: Settings,
    model_id: int,
    price: str | None,
    currency: str | None,
    uses: tuple[str, ...],
    until: str | None,
    key_name: str,
    as_json: bool,
) -> None:
    """Offer licenses of model ID, in place of what was on offer. `--use none` ends the offer.

    The royalty was fixed when the model was recorded. Licenses sold before stay what they are.
    """
    from api.workflows import offers

    asked = words.uses(uses)
    if asked and price is None:
        raise UsageError("--price: say what a license costs; 0 gives it to anybody")
    token, end = words.currency(currency), words.until(until, now())
    units = 0 if price is None else words.price(price, token)

    def alter(old: Terms) -> Terms:
        return replace(old, price=units, uses=asked, currency=token, until=end)

    home = Home(settings, ask_passphrase)
    done = offers.change(home, "model", model_id, alter, signer=home.signer(key_name))
    content = {"model": model_id, "terms": words.as_json(done.entry.terms), "already": done.already}
    before = " (as it was)" if done.already else ""
    Console(as_json).result(content, f"model {model_id}{before}: {words.as_text(done.entry.terms)}")
