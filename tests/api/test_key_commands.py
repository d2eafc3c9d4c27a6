"""``stemmata key``: every command from outside, on a terminal, from a descriptor, and with the files it leaves."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import kms_server
import pytest
from shell import Shell
from story import PASSPHRASE

from api.cli import stemmata
from ledger.address import Address
from ledger.keys import Keystore, LocalSigner

ROOT = Path(__file__).parents[2]
QUICK = 2


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that commands make in this process open quickly; those of other processes cost what they cost."""
    for method in (Keystore.new, Keystore.adopt, Keystore.add):
        monkeypatch.setitem(method.__kwdefaults__, "scrypt_n", QUICK)


@pytest.fixture
def keystore(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "home" / "keys")


@pytest.fixture
def anna(keystore: Keystore) -> Address:
    return keystore.new("anna", PASSPHRASE, scrypt_n=QUICK)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "home")


def test_a_key_is_made_once(shell: Shell, keystore: Keystore) -> None:
    made = shell.json("key", "new", "zoë")
    assert made.pop("already") is False
    card = keystore.card("zoë")
    assert made == {"key": "zoë", "address": str(card.address), "kind": "file", "fingerprint": str(card.fingerprint)}
    assert shell.json("key", "new", "zoë") == made | {"already": True, "ended": None}
    assert shell.json("key", "list") == {"keys": [made | {"ended": None}]}
    assert shell.run("key", "list").out == f"zoë  {card.address}\n"
    assert shell.run("key", "new", "zoë").out == f"zoë  {card.address}  (made before)\n"


def test_names_that_rotation_gives_are_nobody_elses(shell: Shell, keystore: Keystore, anna: Address) -> None:
    for name in ("anna@1", "anna@home", "@next", "a@b@next"):
        assert "holds no @" in shell.refusal("key", "new", name, code=2)
    assert shell.json("key", "new", "anna@next")["already"] is False  # the one to follow anna
    out = shell.home.parent / "anna.key"
    shell.json("key", "export", "anna", "--out", str(out))
    assert "holds no @" in shell.refusal("key", "import", str(out), "--name", "anna@home", code=2)
    assert shell.json("key", "import", str(out), "--name", "anna@1")["companions_made"] is False


def test_companions_made_for_a_wallet_are_told(shell: Shell, keystore: Keystore, anna: Address) -> None:
    out = shell.home.parent / "wallet.json"
    shell.json("key", "export", "anna", "--wallet", "--out", str(out))
    said = shell.run("key", "import", str(out), "--name", "bob").out
    assert "new ones were made" in said and str(keystore.card("bob").fingerprint) in said
    assert shell.json("key", "import", str(out), "--name", "carl")["companions_made"] is True


def test_making_a_key_again_gives_it_the_companions_it_lacks(shell: Shell, keystore: Keystore, anna: Address) -> None:
    path = shell.home / "keys" / "anna.companions.json"
    path.unlink()
    assert shell.json("key", "show", "anna")["companions"] is None
    assert "none yet" in shell.run("key", "show", "anna").out
    shell.json("key", "new", "anna")
    assert path.exists()


def test_show_says_what_is_public_without_a_passphrase(shell: Shell, keystore: Keystore, anna: Address) -> None:
    nobody = Shell(shell.home, {"STEMMATA_PASSPHRASE": ""})
    card = keystore.card("anna")
    assert card.public is not None
    assert nobody.json("key", "show", "anna") == {
        "key": "anna",
        "address": str(anna),
        "kind": "file",
        "ended": None,
        "where": None,
        "fingerprint": str(card.fingerprint),
        "companions": {
            "keyid": card.public.keyid,
            "ml_dsa_65": card.public.ml_dsa_65.hex(),
            "x25519": card.public.x25519.hex(),
            "p256": card.public.p256.hex(),
        },
    }
    said = nobody.run("key", "show", "anna").out
    for text in (str(anna), str(card.fingerprint), card.public.keyid, card.public.x25519.hex(), card.public.p256.hex()):
        assert text in said
    assert "KeyNotFound: no key named 'ben'" in shell.refusal("key", "show", "ben")


def test_an_export_opens_in_another_home(shell: Shell, anna: Address, tmp_path: Path) -> None:
    out = tmp_path / "anna.key"
    done = shell.json("key", "export", "anna", "--out", str(out))
    assert (done["form"], done["file"], done["address"]) == ("export", str(out), str(anna))
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    other = Shell(tmp_path / "other")
    taken = other.json("key", "import", str(out), "--name", "holder")
    assert taken == {
        "key": "holder",
        "address": str(anna),
        "kind": "file",
        "fingerprint": done["fingerprint"],
        "already": False,
        "companions_made": False,
    }
    assert other.json("key", "import", str(out), "--name", "holder") == taken | {"already": True}
    assert "(there before)" in other.run("key", "import", str(out), "--name", "holder").out
    Keystore(tmp_path / "other" / "keys").unlock("holder", PASSPHRASE)


def test_nothing_is_overwritten(shell: Shell, keystore: Keystore, anna: Address, tmp_path: Path) -> None:
    keystore.new("ben", PASSPHRASE, scrypt_n=QUICK)
    out = tmp_path / "taken"
    out.write_text("precious")
    for form in ((), ("--wallet",), ("--certificate-request", "--subject", "CN=a")):
        assert "OutputExists" in shell.refusal("key", "export", "anna", "--out", str(out), *form, code=2)
    assert out.read_text() == "precious"
    shell.json("key", "export", "ben", "--out", str(tmp_path / "ben.key"))
    assert "KeyExists" in shell.refusal("key", "import", str(tmp_path / "ben.key"), "--name", "anna")
    assert keystore.address("anna") == anna


def test_a_wallet_reads_the_wallets_form(shell: Shell, anna: Address, tmp_path: Path) -> None:
    from eth_account import Account

    out = tmp_path / "wallet.json"
    assert shell.json("key", "export", "anna", "--wallet", "--out", str(out))["form"] == "wallet"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert LocalSigner(bytes(Account.decrypt(json.loads(out.read_text()), PASSPHRASE))).address == anna


def test_openssl_takes_the_certificate_request(shell: Shell, keystore: Keystore, anna: Address, tmp_path: Path) -> None:
    out = tmp_path / "anna.csr"
    words = ("--certificate-request", "--subject", "CN=Anna,O=House of Quartets")
    shell.json("key", "export", "anna", *words, "--out", str(out))
    seen = subprocess.run(
        ["openssl", "req", "-in", str(out), "-verify", "-noout", "-subject", "-text"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "verify OK" in seen.stdout + seen.stderr
    assert "House of Quartets" in seen.stdout
    assert "E-mail Protection" in seen.stdout
    card = keystore.card("anna")
    assert card.public is not None
    assert card.public.p256.hex() in seen.stdout.replace(":", "").replace("\n", "").replace(" ", "")


def test_a_wrong_passphrase_exports_nothing(shell: Shell, anna: Address, tmp_path: Path) -> None:
    other = Shell(shell.home, {"STEMMATA_PASSPHRASE": "open barley"})
    assert "WrongPassphrase" in other.refusal("key", "export", "anna", "--out", str(tmp_path / "a"))
    assert not (tmp_path / "a").exists()
    shell.json("key", "export", "anna", "--out", str(tmp_path / "a"))
    assert "WrongPassphrase" in other.refusal("key", "import", str(tmp_path / "a"), "--name", "b")
    assert shell.json("key", "list")["keys"][0]["key"] == "anna"


def test_a_damaged_export_is_named(shell: Shell, anna: Address, tmp_path: Path) -> None:
    out = tmp_path / "anna.key"
    shell.json("key", "export", "anna", "--out", str(out))
    out.write_bytes(out.read_bytes().replace(b"p256", b"p257"))
    assert "anna.key was altered" in shell.refusal("key", "import", str(out), "--name", "b")
    assert "KeyNotFound" in shell.refusal("key", "import", str(tmp_path / "none"), "--name", "b")


def test_a_key_of_another_wallet_comes_in_with_its_own_passphrase(shell: Shell, vectors: Path, tmp_path: Path) -> None:
    known = json.loads((vectors / "web3_secret_storage.json").read_text())
    path = tmp_path / "UTC--2015--wiki"
    path.write_text(json.dumps(known["pbkdf2"]))
    wiki = Shell(shell.home, {"STEMMATA_PASSPHRASE": known["password"]})
    taken = wiki.json("key", "import", str(path), "--name", "wiki")
    assert taken["address"].lower() == "0x" + known["address"]
    assert wiki.json("key", "show", "wiki")["companions"] is not None


@pytest.mark.parametrize(
    "words",
    [
        ("export", "anna", "--out", "x", "--wallet", "--certificate-request", "--subject", "CN=a"),
        ("export", "anna", "--out", "x", "--certificate-request"),
        ("export", "anna", "--out", "x", "--subject", "CN=a"),
        ("new", "b", "--region", "eu-central-1"),
        ("new", "b", "--endpoint", "http://127.0.0.1:1"),
        ("new", "b", "--pkcs11", "/module.so", "--token", "t"),
        ("new", "b", "--token", "t", "--key", "k"),
        ("new", "b", "--kms", "k", "--pkcs11", "/m.so", "--token", "t", "--key", "k"),
        ("new", "b", "--kms", "k", "--endpoint", "http://user:hush@kms.example"),
    ],
)
def test_options_that_make_no_sense_together(shell: Shell, anna: Address, words: tuple[str, ...]) -> None:
    assert "hush" not in shell.refusal("key", *words, code=2)
    assert [item["key"] for item in shell.json("key", "list")["keys"]] == ["anna"]


# -- keys in hardware


@pytest.fixture(scope="module")
def kms() -> Iterator[str]:
    pytest.importorskip("moto.server", reason="needs moto and its server's parts: pip install '.[dev]'")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in kms_server.CREDENTIALS.items():
            patch.setenv(name, value)
        with kms_server.running() as url:
            yield url


def test_a_key_in_a_kms_by_command(shell: Shell, kms: str, tmp_path: Path) -> None:
    key_id = kms_server.new_key(kms)
    words = ("key", "new", "house", "--kms", key_id, "--endpoint", kms)
    made = shell.json(*words)
    assert (made["kind"], made["already"]) == ("kms", False)
    assert shell.json(*words) == made | {"already": True, "ended": None}
    shown = shell.json("key", "show", "house")
    assert shown["where"] == f"key {key_id!r} in KMS at {kms}"
    assert f"house  {made['address']}  (kms)" in shell.run("key", "list").out
    assert "gives no key to a wallet" in shell.refusal(
        "key", "export", "house", "--wallet", "--out", str(tmp_path / "w"), code=2
    )
    shell.json("key", "export", "house", "--out", str(tmp_path / "house.key"))
    other = Shell(tmp_path / "other")
    taken = other.json("key", "import", str(tmp_path / "house.key"), "--name", "house")
    assert taken == made | {"companions_made": False}
    assert "KeyNotFound" in shell.refusal("key", "new", "b", "--kms", "1234-none", "--endpoint", kms)
    assert "KeyUnfit" in shell.refusal(
        "key", "new", "b", "--kms", kms_server.new_key(kms, "ECC_NIST_P256"), "--endpoint", kms
    )


def test_a_token_that_is_not_there(shell: Shell) -> None:
    pytest.importorskip("pkcs11", reason="needs python-pkcs11: pip install '.[hsm]'")
    words = ("--pkcs11", "/nothing.so", "--token", "house", "--key", "label")
    said = shell.refusal("key", "new", "b", *words)
    assert "KeyUnreachable" in said
    assert "/nothing.so" in said
    assert PASSPHRASE not in said


# -- passphrases


def test_no_command_takes_a_passphrase_as_an_argument() -> None:
    def parameters(command: click.Command) -> Iterator[str]:
        yield from (name for parameter in command.params for name in (*parameter.opts, parameter.name or ""))
        for inner in getattr(command, "commands", {}).values():
            yield from parameters(inner)

    found = set(parameters(stemmata))
    assert "--kms" in found
    assert not {name for name in found if any(word in name.lower() for word in ("pass", "pin-", "secret"))}


def command(home: Path, *words: str) -> list[str]:
    return [sys.executable, "-c", "from api.cli import main; main()", *words]


def environment(home: Path, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STEMMATA_")}
    return clean | {"STEMMATA_HOME": str(home), **more}


def test_a_passphrase_from_a_descriptor(shell: Shell, keystore: Keystore, tmp_path: Path) -> None:
    keystore.new("anna", "from a pipe é", scrypt_n=QUICK)
    reading, writing = os.pipe()
    os.write(writing, "from a pipe é\n".encode())
    os.close(writing)
    try:
        done = subprocess.run(
            command(shell.home, "key", "export", "anna", "--out", str(tmp_path / "a"), "--json"),
            env=environment(shell.home, STEMMATA_PASSPHRASE_FD=str(reading)),
            pass_fds=(reading,),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            timeout=120,
        )
    finally:
        os.close(reading)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "a").exists()


@pytest.mark.slow
def test_a_passphrase_typed_on_a_terminal_is_asked_twice_and_not_shown(tmp_path: Path) -> None:
    typed = "typed-by-hand"
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command(tmp_path, "key", "new", "anna"),
        env=environment(tmp_path),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        seen = b""
        for prompt in (b"the key 'anna': ", b"The same again: "):
            while prompt not in seen:
                seen += os.read(ours, 1024)
            os.write(ours, typed.encode() + b"\n")
        while True:
            try:
                piece = os.read(ours, 1024)
            except OSError:  # the terminal's other end is closed
                break
            if not piece:
                break
            seen += piece
        assert process.wait(timeout=120) == 0
    os.close(ours)
    assert b"anna  0x" in seen
    assert typed.encode() not in seen
    Keystore(tmp_path / "keys").unlock("anna", typed)


def test_nobody_to_ask(shell: Shell, anna: Address, tmp_path: Path) -> None:
    nobody = Shell(shell.home, {"STEMMATA_PASSPHRASE": ""})
    said = nobody.refusal("key", "export", "anna", "--out", str(tmp_path / "a"), code=2)
    assert "STEMMATA_PASSPHRASE_FD" in said
