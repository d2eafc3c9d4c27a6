"""``stemmata key rotate``, ``revoke``, ``recovery`` and ``history``: how a key ends, and who can tell."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from api import terms as words
from api.commands import json_option, now
from api.console import Console, ask_passphrase, confirm
from api.errors import UsageError
from api.home import Home
from api.settings import Settings

if TYPE_CHECKING:
    from api.workflows.keys import History
    from ledger.address import Address
    from ledger.contracts import KeyEnd
    from ledger.keys import Signer

# As ledger.records.REASONS, which would bring the ledger in at import.
REASONS = click.Choice(["compromised", "lost", "superseded", "retired", "unspecified"])


@click.command("rotate")
@click.argument("name")
@click.option("--reason", type=REASONS, default="superseded", show_default=True, help="Why.")
@click.option("--compromised-since", metavar="DATE", help="When it may have come into other hands; only told.")
@click.option("--by", "recovery", metavar="NAME", help="The recovery of the key ends it, with this key.")
@json_option
@click.pass_obj
def rotate(
    settings: Settings, name: str, reason: str, compromised_since: str | None, recovery: str | None, as_json: bool
) -> None:
    """Let a new key take the name NAME; the old one ends, and stays as NAME@1, NAME@2 and so on.

    The old key signs no more records, yet still sells what its account owns and pulls what it is due. Stopped
    anywhere, the same command goes on. A key that lies elsewhere may follow: make it first, under the name NAME@next.
    """
    from api.workflows import keys

    home = Home(settings, ask_passphrase)
    since = _since(compromised_since, reason)
    by = None if recovery is None else home.signer(recovery)
    done = keys.rotate(home, name, reason=reason, now=now, since=since, by=by)
    content = {"key": name, "address": str(done.end.successor), "former": done.former, **ending(done.end)}
    text = f"{name}  {done.end.successor}\n{done.former}  {done.end.account}  (ended in block {done.end.block})"
    Console(as_json).result(content, text)


@click.command("revoke")
@click.argument("whose", metavar="NAME|ADDRESS")
@click.option("--reason", type=REASONS, required=True, help="Why.")
@click.option("--compromised-since", metavar="DATE", help="When it may have come into other hands; only told.")
@click.option("--by", "recovery", metavar="NAME", help="The recovery of the key ends it, with this key.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def revoke(
    settings: Settings,
    whose: str,
    reason: str,
    compromised_since: str | None,
    recovery: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """End a key for good, with none to follow it. Whatever it signed before stays good; nothing after counts."""
    from api.workflows import keys

    home, since = Home(settings, ask_passphrase), _since(compromised_since, reason)
    account = _account(home, whose)

    def ask() -> None:
        if not yes:
            confirm(f"End the key of {account}, for good?", "--yes")

    signer = _keeper(home, whose, recovery)
    done = keys.revoke(home, account, reason=reason, signer=signer, now=now, confirm=ask, since=since)
    before = " before" if done.already else ""
    text = f"the key of {account} ended{before} in block {done.end.block}, {words.moment(done.end.time)}"
    Console(as_json).result({"address": str(account), "already": done.already, **ending(done.end)}, text)


@click.command("recovery")
@click.argument("whose", metavar="NAME|ADDRESS")
@click.argument("address")
@click.option("--by", "recovery", metavar="NAME", help="The recovery that was named before hands on, with this key.")
@json_option
@click.pass_obj
def recovery_(settings: Settings, whose: str, address: str, recovery: str | None, as_json: bool) -> None:
    """Name who else may end a key, should it be lost or stolen. Only ADDRESS itself can hand that on afterwards."""
    from api.workflows import keys

    home = Home(settings, ask_passphrase)
    account, named = _account(home, whose), words.address("ADDRESS", address)
    already = keys.name_recovery(home, account, named, signer=_keeper(home, whose, recovery))
    content = {"address": str(account), "recovery": str(named), "already": already}
    Console(as_json).result(content, f"{named} may end the key of {account}")


@click.command("history")
@click.argument("whose", metavar="NAME|ADDRESS")
@json_option
@click.pass_obj
def history(settings: Settings, whose: str, as_json: bool) -> None:
    """Tell what is known of a key: companions published, recovery, its end and who follows. Asks for no passphrase."""
    from api.workflows import keys

    home = Home(settings)
    with home.ledger() as ledger:
        found = keys.history(ledger, _account(home, whose))
    Console(as_json).result(_history(found), "\n".join(_lines(found)))


def _account(home: Home, whose: str) -> Address:
    """An address as it stands, or that of a key here."""
    return words.address("NAME|ADDRESS", whose) if whose.startswith("0x") else home.keystore().address(whose)


def _keeper(home: Home, whose: str, recovery: str | None) -> Signer:
    """Who signs: the key itself, or its recovery."""
    if recovery is None and whose.startswith("0x"):
        raise UsageError(f"{whose}: name the key itself, or with --by its recovery")
    return home.signer(whose if recovery is None else recovery)


def _since(text: str | None, reason: str) -> str | None:
    """A day or moment in the past, as records write it."""
    from ledger.errors import Malformed
    from ledger.records import parse_timestamp, timestamp

    if text is None:
        return None
    if reason != "compromised":
        raise UsageError("--compromised-since goes with --reason compromised")
    try:
        since = parse_timestamp(text if "T" in text else f"{text}T00:00:00Z")
    except Malformed:
        raise UsageError(
            f"--compromised-since {text!r}: a day such as 2026-12-31, or a moment such as 2026-12-31T12:00:00Z"
        ) from None
    if since > datetime.now(UTC):
        raise UsageError(f"--compromised-since {text}: that is still to come")
    return timestamp(since)


def ending(end: KeyEnd | None) -> dict[str, Any]:
    """``ended``: None, or how a key ended."""
    if end is None:
        return {"ended": None}
    return {
        "ended": {
            "block": end.block,
            "time": words.moment(end.time),
            "by": str(end.by),
            "successor": None if end.successor is None else str(end.successor),
            "record": str(end.record),
            "cid": end.cid,
        }
    }


def _history(found: History) -> dict[str, Any]:
    content: dict[str, Any] = {
        "address": str(found.account),
        "published": [
            {
                "block": entry.block,
                "time": words.moment(entry.time),
                "record": str(entry.record),
                "cid": entry.cid,
                "keyid": None if isinstance(keys, str) else keys.keyid,
                "fault": keys if isinstance(keys, str) else None,
            }
            for entry, keys in found.published
        ],
        "recovery": None if found.recovery is None else str(found.recovery),
        **ending(found.end),
    }
    if isinstance(found.ending, str):
        content["ended"]["fault"] = found.ending
    elif found.ending is not None:
        content["ended"] |= {"reason": found.ending.reason, "compromised_since": found.ending.compromised_since}
    return content


def _lines(found: History) -> list[str]:
    lines = [f"account    {found.account}"]
    for entry, keys in found.published:
        said = keys if isinstance(keys, str) else keys.keyid
        lines.append(f"published  block {entry.block}, {words.moment(entry.time)}: {said}")
    if not found.published:
        lines.append("published  nothing yet")
    lines.append(f"recovery   {found.recovery or 'nobody'}")
    end = found.end
    if end is None:
        return [*lines, "ended      no"]
    follows = "nobody follows" if end.successor is None else f"{end.successor} goes on"
    lines.append(f"ended      block {end.block}, {words.moment(end.time)}, by {end.by}; {follows}")
    if isinstance(found.ending, str):
        lines.append(f"           its record does not hold: {found.ending}")
    elif found.ending is not None:
        since = found.ending.compromised_since
        lines.append(
            f"reason     {found.ending.reason}" + ("" if since is None else f", perhaps in other hands since {since}")
        )
    return lines
