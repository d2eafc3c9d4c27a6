"""``stemmata content``: blocks and files behind the records, here and elsewhere."""

from __future__ import annotations

import click

from api.commands import content_upkeep
from api.commands.content_remote import pull, push, status, verify


@click.group()
def content() -> None:
    """Keep, check and move what the records name: here, on IPFS nodes, at pinning services, in archives."""


for command in (*content_upkeep.COMMANDS, push, pull, verify, status):
    content.add_command(command)
