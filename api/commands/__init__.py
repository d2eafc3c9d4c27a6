"""The commands of ``stemmata``, one per module; heavy rooms are entered only when a command runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """``--json``: one object on standard output, nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


def key_option(command: Command) -> Command:
    """``--key NAME``: who acts."""
    return click.option("--key", "key_name", required=True, metavar="NAME", help="The key that acts.")(command)


def currency_option(command: Command) -> Command:
    """``--currency ADDRESS``: what prices and amounts are in."""
    text = "An ERC-20 token, or ether; amounts of a token are whole numbers of its smallest unit.  [default: ether]"
    return click.option("--currency", metavar="ADDRESS", help=text)(command)


def until_option(command: Command) -> Command:
    """``--until DATE``."""
    text = "The last day (UTC), such as 2027-12-31, or never.  [default: never]"
    return click.option("--until", metavar="DATE", help=text)(command)


def use_option(*, default: str | None, offer: bool = False) -> Callable[[Command], Command]:
    """``--use``, as often as wanted; an offer may also be for nothing."""
    words = ["train", "generate", "commercial", *(["none"] if offer else [])]
    return click.option(
        "--use",
        "uses",
        multiple=True,
        required=default is None and not offer,
        default=None if default is None else (default,),
        show_default=default is not None,
        type=click.Choice(words),
        help="What for; repeat it for more.",
    )


def mining_option(what: str) -> Callable[[Command], Command]:
    """``--mining``: what the manifest in a file allows."""
    return click.option(
        "--mining",
        type=click.Choice(["allowed", "notAllowed"]),
        default="notAllowed",
        show_default=True,
        help=f"Whether the {what} may be mined and trained on (CAWG).",
    )


def now() -> datetime:
    """The shell's clock; workflows take it as an argument."""
    return datetime.now(UTC)
