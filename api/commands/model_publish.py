"""``stemmata model publish``: weights with a manifest in them and a signature beside them."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands import json_option, key_option, now
from api.console import Console, ask_passphrase
from api.home import Home
from api.settings import Settings


@click.command("publish")
@click.argument("model_id", metavar="ID", type=click.IntRange(min=1))
@click.argument("out", metavar="OUT.safetensors", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--sign", "signed", is_flag=True, help="An OpenSSF model signature beside it, as OUT.safetensors.sig.")
@key_option
@json_option
@click.pass_obj
def publish(settings: Settings, model_id: int, out: Path, signed: bool, key_name: str, as_json: bool) -> None:
    """Write the weights of model ID to OUT.safetensors with a C2PA manifest in their header.

    Without the manifest the file is, byte for byte, the one whose digest is on chain. --sign needs the extra
    model-signing.
    """
    from api import certificates
    from api.commands.mint import credential_as_json, credential_as_text
    from api.workflows import model_publishing
    from ledger import model_credentials

    home = Home(settings, ask_passphrase)
    done = model_publishing.publish(home, model_id, out, signer=home.signer(key_name), signed=signed, now=now())
    found = model_credentials.read(out, certificates.trusted(home))
    content = {
        "model": done.entry.id,
        "weights": str(done.entry.weights),
        "file": str(out),
        "signature": None if done.signature is None else str(done.signature),
        "credential": None if found is None else credential_as_json(found),
    }
    lines = [f"{out}  weights of model {done.entry.id}"]
    if found is not None:
        lines.append(f"  manifest   {credential_as_text(found)}")
    if done.signature is not None:
        lines.append(f"  signature  {done.signature}")
    Console(as_json).result(content, "\n".join(lines))
