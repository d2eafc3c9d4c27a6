"""``stemmata key``: make and list keys."""

from __future__ import annotations

import click

from api.commands import json_option
from api.console import Console, ask_passphrase
from api.home import Home
from api.settings import Settings


@click.group()
def key() -> None:
    """Make and list keys."""


@key.command("new")
@click.argument("name")
@json_option
@click.pass_obj
def new(settings: Settings, name: str, as_json: bool) -> None:
    """Make a key called NAME, encrypted in the home with a passphrase; one that is there already is kept."""
    home = Home(settings, ask_passphrase)
    keystore = home.keystore()
    already = keystore.has(name)
    address = home.signer(name).address if already else keystore.new(name, home.new_passphrase(f"the key {name!r}"))
    content = {"key": name, "address": str(address), "already": already}
    Console(as_json).result(content, f"{name}  {address}{'  (made before)' if already else ''}")


@key.command("list")
@json_option
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """List keys and their addresses."""
    keystore = Home(settings).keystore()
    keys = [{"key": name, "address": str(keystore.address(name))} for name in keystore.names()]
    lines = [f"{item['key']}  {item['address']}" for item in keys]
    Console(as_json).result({"keys": keys}, "\n".join(lines) or "no keys yet; make one with: stemmata key new NAME")
