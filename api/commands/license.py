"""``stemmata license``: buy the right to use a dataset."""

from __future__ import annotations

import click

from api.amounts import ether_from_wei
from api.commands import json_option, key_option, now
from api.console import Console, ask_passphrase
from api.home import Home
from api.settings import Settings


@click.group("license")
def license_() -> None:
    """Buy the right to use a dataset."""


@license_.command("buy")
@click.argument("dataset_id", metavar="ID", type=click.IntRange(min=1))
@click.option("--use", required=True, type=click.Choice(["train"]), help="What for.")
@key_option
@json_option
@click.pass_obj
def buy(settings: Settings, dataset_id: int, use: str, key_name: str, as_json: bool) -> None:
    """Accept the terms of dataset ID and pay its price. A license that is held already is not bought twice."""
    from api.workflows import licenses

    home = Home(settings, ask_passphrase)
    done = licenses.buy(home, dataset_id, use=use, signer=home.signer(key_name), now=now)
    entry = done.entry
    if entry is None:
        owned = {"license": None, "dataset": dataset_id, "already": True}
        Console(as_json).result(owned, f"you own dataset {dataset_id}: no license needed")
        return
    content: dict[str, object] = {
        "license": entry.id,
        "dataset": dataset_id,
        "licensee": str(entry.licensee),
        "uses": list(entry.uses),
        "price": ether_from_wei(entry.price),
        "record": str(entry.record),
        "cid": entry.cid,
        "already": done.already,
    }
    before = " (held before)" if done.already else ""
    text = f"license {entry.id}{before}: dataset {dataset_id}, {', '.join(entry.uses)}, {content['price']} ETH"
    Console(as_json).result(content, text)
