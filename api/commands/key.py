"""``stemmata key``: make, list, show, carry out and take in keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api import certificates
from api.commands import json_option, now
from api.commands.key_certificate import certificate as certificate_
from api.commands.key_history import history, recovery_, revoke, rotate
from api.console import Console, ask_passphrase
from api.errors import OutputExists, UsageError
from api.home import Home
from api.settings import Settings

if TYPE_CHECKING:
    from ledger.hardware import Place
    from ledger.keys import KeyCard


@click.group()
def key() -> None:
    """Make, list, show, export and import keys; end them, and tell their history."""


for command in (rotate, revoke, recovery_, history, certificate_):
    key.add_command(command)


@key.command("new")
@click.argument("name")
@click.option("--kms", metavar="KEY_ID", help="The key lies in AWS KMS: its id, ARN or alias.")
@click.option("--region", help="The region of the KMS.  [default: as the AWS tools have it]")
@click.option("--endpoint", metavar="URL", help="Another KMS than AWS's own.")
@click.option("--pkcs11", metavar="MODULE", help="The key lies in a token: the path of its PKCS#11 library.")
@click.option("--token", metavar="LABEL", help="The token's label.")
@click.option("--key", "label", metavar="LABEL", help="The label of the key pair in the token.")
@json_option
@click.pass_obj
def new(
    settings: Settings,
    name: str,
    kms: str | None,
    region: str | None,
    endpoint: str | None,
    pkcs11: str | None,
    token: str | None,
    label: str | None,
    as_json: bool,
) -> None:
    """Make a key called NAME, encrypted in the home with a passphrase; one that is there already is kept.

    With --kms or --pkcs11 the name stands for a key in hardware; the passphrase then locks its companion keys, and is
    the PIN of the token.
    """
    home = Home(settings, ask_passphrase)
    keystore = home.keystore()
    already = keystore.has(name)
    where = _place(kms, region, endpoint, pkcs11, token, label)
    if not already:
        _refuse_reserved(name, "next")
    companions = None  # hardware is not asked again: its key gets certificates when it first signs a manifest
    if where is not None:
        # A token knows its PIN, and what is there knows its passphrase: only what is new is asked twice.
        known = pkcs11 is not None or (already and keystore.card(name).public is not None)
        purpose = f"the key {name!r}"
        keystore.adopt(name, where, home.passphrase(purpose) if known else home.new_passphrase(purpose))
    elif already:
        companions = home.companions(name)  # makes them, where a kill left the key without
    else:
        passphrase = home.new_passphrase(f"the key {name!r}")
        keystore.new(name, passphrase)
        companions = keystore.unlock(name, passphrase).companions
    card = keystore.card(name)
    if companions is not None:
        certificates.made(home, card.address, companions, now())
    content = _summary(card) | {"already": already}
    before = "  (made before)" if already else ""
    if already:
        ended, said = _ended(home, [card])
        content |= ended[card.name]
        before += said[card.name] and f"{said[card.name]}: make another under a new name, or see `stemmata key rotate`"
    Console(as_json).result(content, f"{card.name}  {card.address}{before}")


@key.command("list")
@json_option
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """List keys and their addresses."""
    home = Home(settings)
    keystore = home.keystore()
    cards = [keystore.card(name) for name in keystore.names()]
    ended, said = _ended(home, cards)
    lines = [
        f"{card.name}  {card.address}{'' if card.kind == 'file' else f'  ({card.kind})'}{said[card.name]}"
        for card in cards
    ]
    text = "\n".join(lines) or "no keys yet; make one with: stemmata key new NAME"
    Console(as_json).result({"keys": [_summary(card) | ended[card.name] for card in cards]}, text)


@key.command("show")
@click.argument("name")
@json_option
@click.pass_obj
def show(settings: Settings, name: str, as_json: bool) -> None:
    """Show what is public of the key NAME: address, kind, companion keys, fingerprint. Asks for no passphrase."""
    home = Home(settings)
    card = home.keystore().card(name)
    ended, said = _ended(home, [card])
    content: dict[str, Any] = _summary(card) | ended[card.name] | {"where": card.where, "companions": None}
    lines = [f"key          {card.name}", f"address      {card.address}{said[card.name]}"]
    lines.append(f"kind         {card.kind}" + ("" if card.where is None else f": {card.where}"))
    if card.public is None:
        lines.append("companions   none yet; they are made when the key is next unlocked")
    else:
        public = card.public
        content["companions"] = {
            "keyid": public.keyid,
            "ml_dsa_65": public.ml_dsa_65.hex(),
            "x25519": public.x25519.hex(),
            "p256": public.p256.hex(),
        }
        lines += [
            f"fingerprint  {card.fingerprint}",
            f"co-signs as  {public.keyid}",
            f"x25519       {public.x25519.hex()}",
            f"p256         {public.p256.hex()}",
        ]
    Console(as_json).result(content, "\n".join(lines))


@key.command("export")
@click.argument("name")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write; never one that exists.")
@click.option("--wallet", is_flag=True, help="Only the account's key, in the form that wallets read.")
@click.option("--certificate-request", "csr", is_flag=True, help="A request (PEM) for a certificate of the P-256 key.")
@click.option("--subject", metavar="NAME", help="Whom the certificate is for, such as 'CN=Anna,O=House'.")
@json_option
@click.pass_obj
def export(
    settings: Settings, name: str, out: Path, wallet: bool, csr: bool, subject: str | None, as_json: bool
) -> None:
    """Write the key NAME and its companions to a file, still encrypted under the same passphrase."""
    from ledger import certificate, file
    from ledger.keyexport import KeyExport

    if wallet and csr:
        raise UsageError("--wallet and --certificate-request are two files: ask for one at a time")
    if csr != (subject is not None):
        raise UsageError("--certificate-request and --subject belong together")
    home = Home(settings, ask_passphrase)
    keystore = home.keystore()
    card = keystore.card(name)
    if wallet and card.kind != "file":
        raise UsageError(f"key {name!r} lies in {card.where}, which gives no key to a wallet")
    if out.exists():
        raise OutputExists(f"{out} exists; name another file, for none is overwritten")
    companions = home.companions(name)  # what does not open is no copy worth keeping
    locked, beside = keystore.files(name)
    try:
        if subject is not None:
            request = certificate.request(companions, subject)
            file.write(out, lambda target: target.write(request), once=True, mode=0o644)
        elif wallet:
            file.write(out, lambda target: target.write(locked.content), once=True)
        else:
            KeyExport(locked, beside).write(out)
    except FileExistsError:
        raise OutputExists(f"{out} exists; name another file, for none is overwritten") from None
    form = "certificate request" if csr else "wallet" if wallet else "export"
    Console(as_json).result(_summary(card) | {"file": str(out), "form": form}, f"{out}  {form} of {card.name}")


@key.command("import")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What the key is called here.")
@json_option
@click.pass_obj
def import_(settings: Settings, source: Path, name: str, as_json: bool) -> None:
    """Take in a key from FILE: an export, or a keystore file (version 3) of any wallet. It keeps its passphrase."""
    from ledger.keyexport import KeyExport

    home = Home(settings, ask_passphrase)
    keystore = home.keystore()
    found = KeyExport.read(source)
    already = keystore.has(name) and found.key.states_address and found.key.address == keystore.address(name)
    if already:
        home.companions(name)
    else:
        _refuse_reserved(name, "next|[1-9][0-9]*")
        keystore.add(name, found, home.passphrase(str(source)))
    card = keystore.card(name)
    made = not already and found.companions is None
    content = _summary(card) | {"already": already, "companions_made": made}
    remark = "  (there before)" if already else ""
    if made:
        remark = f"\nit came without companion keys; new ones were made, with the fingerprint {card.fingerprint}"
    Console(as_json).result(content, f"{card.name}  {card.address}{remark}")


def _ended(home: Home, cards: Sequence[KeyCard]) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """By name: ``ended`` as history has it, nothing where the chain cannot be asked; and the same in words."""
    from api.commands.key_history import ending
    from api.workflows import keys

    found = keys.ends(home, [card.address for card in cards])
    facts: dict[str, dict[str, Any]] = {card.name: {} for card in cards}
    words = dict.fromkeys(facts, "")
    if found is None:
        return facts, words
    for card in cards:
        end = found[card.address]
        facts[card.name] = ending(end)
        if end is not None:
            words[card.name] = f"  (ended in block {end.block})"
    return facts, words


def _refuse_reserved(name: str, endings: str) -> None:
    """Raises :class:`UsageError` for a name with an @ that is none of what rotation uses."""
    stem, at, ending = name.partition("@")
    if at and not (stem and re.fullmatch(endings, ending)):
        raise UsageError(f"key name {name!r}: a name holds no @: NAME@1 and NAME@next are what rotated keys are called")


def _summary(card: KeyCard) -> dict[str, Any]:
    fingerprint = None if card.fingerprint is None else str(card.fingerprint)
    return {"key": card.name, "address": str(card.address), "kind": card.kind, "fingerprint": fingerprint}


def _place(
    kms: str | None, region: str | None, endpoint: str | None, module: str | None, token: str | None, label: str | None
) -> Place | None:
    from ledger.errors import Malformed
    from ledger.kms import KmsKey
    from ledger.pkcs11 import TokenKey

    if kms is None and (region or endpoint):
        raise UsageError("--region and --endpoint belong to --kms")
    if not (module is None) == (token is None) == (label is None):
        raise UsageError("--pkcs11, --token and --key belong together")
    if kms is not None and module is not None:
        raise UsageError("a key lies in one place: --kms or --pkcs11")
    try:
        if kms is not None:
            return KmsKey(kms, region, endpoint)
        if module is not None and token is not None and label is not None:
            return TokenKey(module, token, label)
    except Malformed as error:
        raise UsageError(str(error)) from None
    return None
