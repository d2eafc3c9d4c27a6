"""``stemmata royalties``: what a track has earned, and for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from api import terms as words
from api.amounts import percent_from_ppm
from api.commands import currency_option, json_option, key_option
from api.console import Console, ask_passphrase
from api.home import Home
from api.settings import Settings

if TYPE_CHECKING:
    from ledger.contracts import ShareEntry


@click.group()
def royalties() -> None:
    """See what a track has earned for whom, and pull it."""


@royalties.command("show")
@click.argument("track", metavar="TRACK")
@currency_option
@json_option
@click.pass_obj
def show(settings: Settings, track: str, currency: str | None, as_json: bool) -> None:
    """Show who holds which share of TRACK's income, and what each may pull now.

    TRACK is the 16 hex digits of its watermark, or the file that was minted.
    """
    from api.workflows import royalties as workflow

    token = words.currency(currency)
    with Home(settings).ledger() as ledger:
        account = workflow.show(ledger, track, token)
    content = {
        "track": f"{account.track.id:016x}",
        "account": str(account.address),
        "royalty": percent_from_ppm(account.track.royalty_ppm),
        "currency": None if token is None else str(token),
        "shares": [
            {**_share(share), "percent": percent_from_ppm(share.ppm), "due": words.amount(due, token)}
            for share, due in account.shares
        ],
    }
    lines = [
        f"track {content['track']}: {content['royalty']} % of each sale goes to {account.address}",
        *(
            f"  {percent_from_ppm(share.ppm):>8} %  {_holder(share)}, {share.payee}: {words.money(due, token)} due"
            for share, due in account.shares
        ),
    ]
    Console(as_json).result(content, "\n".join(lines))


@royalties.command("pull")
@click.argument("track", metavar="TRACK")
@currency_option
@click.option("--all", "everybody", is_flag=True, help="Pull every holder's share; each goes to its holder.")
@key_option
@json_option
@click.pass_obj
def pull(settings: Settings, track: str, currency: str | None, everybody: bool, key_name: str, as_json: bool) -> None:
    """Pay out the shares of TRACK's income that the key holds. Where nothing is due, nothing is sent."""
    from api.workflows import royalties as workflow

    home, token = Home(settings, ask_passphrase), words.currency(currency)
    done = workflow.pull(home, track, signer=home.signer(key_name), currency=token, everybody=everybody)
    content = {
        "track": f"{done.track.id:016x}",
        "currency": None if token is None else str(token),
        "paid": [{**_share(share), "amount": words.amount(due, token)} for share, due in done.paid],
        "refused": [_share(share) for share in done.refused],
    }
    lines = [f"{words.money(due, token)} to {share.payee} ({_holder(share)})" for share, due in done.paid]
    lines += [f"refused by the code of {share.payee} ({_holder(share)}); it stays due" for share in done.refused]
    Console(as_json).result(content, "\n".join(lines) or f"nothing is due of track {content['track']}")


def _share(share: ShareEntry) -> dict[str, Any]:
    holder = share.holder if isinstance(share.holder, int) else str(share.holder)
    return {"kind": share.kind, "holder": holder, "payee": str(share.payee)}


def _holder(share: ShareEntry) -> str:
    return "creator" if share.kind == "account" else f"holder of {share.kind} {share.holder}"
