"""``stemmata income``: what sales of licenses and tracks have credited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from api import terms as words
from api.commands import currency_option, json_option, key_option
from api.console import Console, ask_passphrase
from api.home import Home
from api.settings import Settings

if TYPE_CHECKING:
    from api.workflows.income import Income
    from ledger.address import Address


@click.group()
def income() -> None:
    """See and fetch what sales of licenses and of tracks have credited."""


@income.command("show")
@currency_option
@key_option
@json_option
@click.pass_obj
def show(settings: Settings, currency: str | None, key_name: str, as_json: bool) -> None:
    """Show what is credited to the key; no passphrase is needed."""
    from api.workflows import income as workflow

    home, token = Home(settings), words.currency(currency)
    account = home.keystore().address(key_name)
    with home.ledger() as ledger:
        _say(workflow.show(ledger, account, token), token, "credited", as_json)


@income.command("withdraw")
@currency_option
@key_option
@json_option
@click.pass_obj
def withdraw(settings: Settings, currency: str | None, key_name: str, as_json: bool) -> None:
    """Fetch all that is credited to the key. Where nothing is, nothing is sent."""
    from api.workflows import income as workflow

    home, token = Home(settings, ask_passphrase), words.currency(currency)
    _say(workflow.withdraw(home, signer=home.signer(key_name), currency=token), token, "fetched", as_json)


def _say(found: Income, token: Address | None, done: str, as_json: bool) -> None:
    content: dict[str, Any] = {
        "account": str(found.account),
        "currency": None if token is None else str(token),
        "licenses": words.amount(found.licenses, token),
        "market": words.amount(found.market, token),
    }
    parts = [(found.licenses, "from licenses"), (found.market, "from the market")]
    lines = [f"{words.money(units, token)} {source} {done}" for units, source in parts if units]
    Console(as_json).result(content, "\n".join(lines) or f"nothing is credited to {found.account}")
