"""``stemmata license``: buy and grant the right to use a dataset or a model, and open what is encrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from api import terms as words
from api.amounts import percent_from_ppm
from api.commands import json_option, key_option, now, until_option, use_option
from api.console import Console, ask_passphrase
from api.errors import UsageError
from api.home import Home
from api.settings import Settings

if TYPE_CHECKING:
    from api.workflows.licenses import Licensed
    from ledger.contracts.entries import SubjectKind


@click.group("license")
def license_() -> None:
    """Buy or grant the right to use a dataset or a model; open one that is encrypted elsewhere."""


@license_.command("buy")
@click.argument("subject_id", metavar="ID", type=click.IntRange(min=1))
@click.option("--model", "of_model", is_flag=True, help="ID is a model's and not a dataset's.")
@use_option(default=None)
@click.option(
    "--price",
    metavar="AMOUNT",
    help="Buy at this price or not at all; ether, or whole units of the token that is asked.",
)
@key_option
@json_option
@click.pass_obj
def buy(
    settings: Settings,
    subject_id: int,
    of_model: bool,
    uses: tuple[str, ...],
    price: str | None,
    key_name: str,
    as_json: bool,
) -> None:
    """Accept the terms of dataset (or model) ID and pay its price. What is licensed already is not bought twice."""
    from api.workflows import licenses

    home = Home(settings, ask_passphrase)
    kind: SubjectKind = "model" if of_model else "dataset"
    signer, seen = home.signer(key_name), licenses.Seen(price=price)
    done = licenses.buy(home, kind, subject_id, uses=words.uses(uses), signer=signer, now=now, seen=seen)
    _say(done, kind, subject_id, f"you own {kind} {subject_id}: no license needed", as_json)


@license_.command("grant")
@click.option("--dataset", "dataset_id", type=click.IntRange(min=1), metavar="ID", help="A dataset of yours.")
@click.option("--model", "model_id", type=click.IntRange(min=1), metavar="ID", help="A model of yours.")
@click.option("--to", "licensee", required=True, metavar="ADDRESS", help="Who may use it.")
@use_option(default=None)
@until_option
@key_option
@json_option
@click.pass_obj
def grant(
    settings: Settings,
    dataset_id: int | None,
    model_id: int | None,
    licensee: str,
    uses: tuple[str, ...],
    until: str | None,
    key_name: str,
    as_json: bool,
) -> None:
    """Give a license for nothing; the key owns the dataset or model. One that lasts as long is not given twice."""
    from api.workflows import licenses

    if (dataset_id is None) == (model_id is None):
        raise UsageError("--dataset and --model: name one of them")
    home = Home(settings, ask_passphrase)
    kind: SubjectKind = "dataset" if dataset_id is not None else "model"
    subject_id = dataset_id or model_id or 0
    to, end = words.address("--to", licensee), words.until(until, now())
    done = licenses.grant(
        home,
        kind,
        subject_id,
        licensee=to,
        uses=words.uses(uses),
        until=end,
        signer=home.signer(key_name),
        now=now,
    )
    _say(done, kind, subject_id, f"{to} owns {kind} {subject_id}: no license needed", as_json)


@license_.command("open")
@click.argument("subject_id", metavar="ID", type=click.IntRange(min=1))
@click.option("--model", "of_model", is_flag=True, help="ID is a model's and not a dataset's.")
@click.option("--from", "url", required=True, metavar="URL", help="The holder's key service.")
@key_option
@json_option
@click.pass_obj
def open_(settings: Settings, subject_id: int, of_model: bool, url: str, key_name: str, as_json: bool) -> None:
    """Get the key of dataset (or sealed model) ID from its holder, and keep it in this home, encrypted.

    The chain has to say that the key's account is licensed. In a home that it was registered in, nothing has to be
    opened.
    """
    from api.workflows import opening

    home = Home(settings, ask_passphrase)
    kind: SubjectKind = "model" if of_model else "dataset"
    done = opening.fetch(home, kind, subject_id, url=url, signer=home.signer(key_name), now=now)
    content = {kind: subject_id, "digest": str(done.asset.digest), "tried": done.tried, "already": done.already}
    before = " (held before)" if done.already else ""
    tried = "opens its content" if done.tried else "not tried yet: the content is not in this home"
    Console(as_json).result(content, f"{kind} {subject_id}: key kept{before}; {tried}")


def _say(done: Licensed, kind: SubjectKind, subject_id: int, owned: str, as_json: bool) -> None:
    """The outcome, or ``owned`` where no license was needed."""
    entry = done.entry
    if entry is None:
        Console(as_json).result({"license": None, kind: subject_id, "already": True}, owned)
        return
    content: dict[str, object] = {
        "license": entry.id,
        kind: subject_id,
        "licensee": str(entry.licensee),
        "uses": list(entry.uses),
        "until": None if entry.valid_until is None else words.moment(entry.valid_until),
        "price": words.amount(entry.price, entry.currency),
        "currency": None if entry.currency is None else str(entry.currency),
        "share": percent_from_ppm(entry.royalty_ppm),
        "record": str(entry.record),
        "cid": entry.cid,
        "already": done.already,
    }
    before = " (held before)" if done.already else ""
    end = f", until {content['until']}" if content["until"] else ""
    price = words.money(entry.price, entry.currency)
    Console(as_json).result(
        content, f"license {entry.id}{before}: {kind} {subject_id}, {', '.join(entry.uses)}, {price}{end}"
    )
