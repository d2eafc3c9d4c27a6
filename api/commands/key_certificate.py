"""``stemmata key certificate``: under which certificates a key signs manifests."""

from __future__ import annotations

from pathlib import Path

import click

from api import certificates
from api.commands import json_option, now
from api.console import Console, ask_passphrase
from api.errors import UsageError
from api.home import Home
from api.settings import Settings


@click.command("certificate")
@click.argument("name")
@click.option(
    "--chain",
    "source",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the chain (PEM) that an authority gave for the key's request.",
)
@click.option("--local", is_flag=True, help="Make a new local chain in place of what there is.")
@json_option
@click.pass_obj
def certificate(settings: Settings, name: str, source: Path | None, local: bool, as_json: bool) -> None:
    """Show the certificates under which the key NAME signs manifests, or bring others.

    Every key has a local chain, made with it, which nobody vouches for. For one that readers trust, send the request of
    `key export --certificate-request` to an authority and bring what it answers: the key's certificate first, then each
    that certifies the one before.
    """
    if source is not None and local:
        raise UsageError("--chain and --local are two chains: ask for one")
    home = Home(settings, ask_passphrase)
    card = home.keystore().card(name)
    if source is not None:
        public = card.public or home.companions(name).public
        chain = certificates.bring(home, card.address, public, source, now())
    elif local:
        chain = certificates.renew(home, card.address, home.companions(name), now())
    else:
        found = certificates.known(home, card.address)
        chain = found or certificates.made(home, card.address, home.companions(name), now())
    content = {
        "key": card.name,
        "subject": chain.subject,
        "issuer": chain.issuer,
        "until": f"{chain.until:%Y-%m-%dT%H:%M:%SZ}",
        "local": chain.is_local,
        "certificates": len(chain.certificates),
        "pem": chain.pem.decode(),
    }
    lines = [
        f"subject  {chain.subject}",
        f"issuer   {chain.issuer}",
        f"until    {chain.until:%Y-%m-%d}",
        "trust    nobody's but yours: it is local" if chain.is_local else "trust    whoever trusts the issuer's root",
        chain.pem.decode().rstrip(),
    ]
    Console(as_json).result(content, "\n".join(lines))
