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


def now() -> datetime:
    """The shell's clock; workflows take it as an argument."""
    return datetime.now(UTC)
