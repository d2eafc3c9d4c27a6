"""``stemmata market``: tracks at a fixed price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from api import terms as words
from api.commands import currency_option, json_option, key_option, now, until_option
from api.console import Console, ask_passphrase
from api.home import Home
from api.settings import Settings

if TYPE_CHECKING:
    from api.workflows.market import Offer


@click.group()
def market() -> None:
    """Sell and buy tracks. TRACK is the 16 hex digits of its watermark, or the file that was minted."""


@market.command("list")
@click.argument("track", metavar="TRACK")
@click.option("--price", required=True, metavar="AMOUNT", help="What it costs, in ether unless --currency.")
@currency_option
@until_option
@key_option
@json_option
@click.pass_obj
def list_(
    settings: Settings, track: str, price: str, currency: str | None, until: str | None, key_name: str, as_json: bool
) -> None:
    """Offer TRACK at a fixed price, or change the offer. It stays the key's until it is sold."""
    from api.workflows import market as workflow
    from ledger.records import parse_timestamp

    home, token = Home(settings, ask_passphrase), words.currency(currency)
    units, end = words.price(price, token), words.until(until, now())
    seconds = None if end is None else int(parse_timestamp(end).timestamp())
    done = workflow.offer(home, track, units, signer=home.signer(key_name), currency=token, until=seconds)
    _say(done, f"for sale{' (as before)' if done.already else ''}", as_json)


@market.command("unlist")
@click.argument("track", metavar="TRACK")
@key_option
@json_option
@click.pass_obj
def unlist(settings: Settings, track: str, key_name: str, as_json: bool) -> None:
    """End the key's offer of TRACK."""
    from api.workflows import market as workflow

    home = Home(settings, ask_passphrase)
    done = workflow.end(home, track, signer=home.signer(key_name))
    _say(done, "was not for sale" if done.already else "is for sale no more", as_json)


@market.command("show")
@click.argument("track", metavar="TRACK")
@json_option
@click.pass_obj
def show(settings: Settings, track: str, as_json: bool) -> None:
    """Show whose TRACK is, and what it is for sale for."""
    from api.workflows import market as workflow

    with Home(settings).ledger() as ledger:
        found = workflow.show(ledger, track)
    if found.listing is None:
        text = "is not for sale"
    else:
        text = "for sale" if found.live else "was for sale, but its seller has parted with it or not approved the sale"
    _say(found, text, as_json)


@market.command("buy")
@click.argument("track", metavar="TRACK")
@click.option(
    "--price",
    metavar="AMOUNT",
    help="Buy at this price or not at all; ether, or whole units of the token that is asked.",
)
@key_option
@json_option
@click.pass_obj
def buy(settings: Settings, track: str, price: str | None, key_name: str, as_json: bool) -> None:
    """Buy TRACK for what is asked; the royalty goes to its account, the rest to the seller's income."""
    from api.workflows import market as workflow

    home = Home(settings, ask_passphrase)
    done = workflow.buy(home, track, signer=home.signer(key_name), price=price)
    _say(done, "is yours already" if done.already else "bought", as_json)


def _say(found: Offer, text: str, as_json: bool) -> None:
    listing = found.listing
    content: dict[str, Any] = {
        "track": f"{found.track.id:016x}",
        "owner": str(found.track.owner),
        "offer": None,
        "already": found.already,
    }
    line = f"track {content['track']} {text}; owned by {found.track.owner}"
    if listing is not None:
        until = None if listing.until is None else words.moment(listing.until)
        content["offer"] = {
            "seller": str(listing.seller),
            "price": words.amount(listing.price, listing.currency),
            "royalty": words.amount(found.royalty, listing.currency),
            "currency": None if listing.currency is None else str(listing.currency),
            "until": until,
            "live": found.live,
        }
        price, royalty = (words.money(units, listing.currency) for units in (listing.price, found.royalty))
        line += f"\n  {price}, of which {royalty} royalty{f', until {until}' if until else ''}"
    Console(as_json).result(content, line)
