"""``stemmata doctor``: what is missing here, and what to type."""

from __future__ import annotations

import os
import sys

import click

from api.commands import json_option
from api.console import Console
from api.home import Home
from api.settings import Settings

_SIGNS = {"ok": "✓", "note": "·", "fault": "✗"}


@click.command()
@json_option
@click.pass_obj
def doctor(settings: Settings, as_json: bool) -> None:
    """Say what this installation has, what it lacks, and what to type.

    Looks at Python and the extras, the home and its keys, the passphrase, the chain and its contracts, IPFS, pinning,
    time stamps, and what `stemmata serve` needs. Exit code 1 where something that the settings ask for will not work.
    """
    from api.service.settings import ServiceSettings
    from api.workflows.doctor import State, examine

    checks = examine(Home(settings), ServiceSettings.from_environ(os.environ, settings.home))
    faults = sum(check.state is State.FAULT for check in checks)
    content = [
        {"what": check.what, "state": str(check.state), "found": check.found, "remedy": check.remedy or None}
        for check in checks
    ]
    lines = []
    for check in checks:
        lines.append(f"{_SIGNS[check.state]} {check.what}: {check.found}")
        if check.remedy:
            lines.append(f"    {check.remedy}")
    lines.append("everything that was asked for works" if not faults else f"{faults} will not work")
    Console(as_json).result({"checks": content, "faults": faults}, "\n".join(lines))
    if faults:
        sys.exit(1)
