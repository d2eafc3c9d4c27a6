"""Keys in a KMS: what they sign, every way in which a KMS says no, and their entries in the keystore."""

import http.server
import json
import pickle
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import kms_server
import pytest

from ledger import signing
from ledger.chain import Chain
from ledger.companions import Companions
from ledger.digest import Digest
from ledger.errors import (
    KeyDamaged,
    KeyExists,
    KeyFault,
    KeyNotFound,
    KeyUnfit,
    KeyUnreachable,
    KeyWithheld,
    Malformed,
    SignatureInvalid,
    WrongPassphrase,
)
from ledger.hardware import HardwareSigner, address_of
from ledger.keyexport import KeyExport
from ledger.keys import Keystore, LocalSigner
from ledger.kms import KmsKey, KmsSigner

pytest.importorskip("moto.server", reason="needs moto and its server's parts: pip install '.[dev]'")

QUICK = 2
HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


@pytest.fixture(scope="module", autouse=True)
def credentials() -> Iterator[None]:
    with mock.patch.dict("os.environ", kms_server.CREDENTIALS):
        yield


@pytest.fixture(scope="module")
def url(credentials: None) -> Iterator[str]:
    with kms_server.running() as url:
        yield url


@pytest.fixture(scope="module")
def key(url: str) -> KmsKey:
    return KmsKey(kms_server.new_key(url), endpoint=url)


@pytest.fixture(scope="module")
def signer(key: KmsKey) -> KmsSigner:
    return key.signer()


@pytest.fixture
def store(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "keys")


def test_what_a_kms_signs_is_signed_by_its_address(signer: KmsSigner) -> None:
    for number in range(12):  # half of what a KMS gives has its s in the upper half
        digest = Digest.of(bytes([number])).raw
        signature = signer.sign_digest(digest)
        assert signing.recover(digest, signature) == signer.address
        assert int.from_bytes(signature[32:64], "big") <= HALF


def test_the_address_is_that_of_the_public_key(signer: KmsSigner, key: KmsKey, url: str) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
    from eth_keys import keys

    public = load_der_public_key(kms_server.client(url).get_public_key(KeyId=key.key)["PublicKey"])
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert str(signer.address) == keys.PublicKey(point[1:]).to_checksum_address()


def test_an_envelope_signed_in_a_kms_verifies(key: KmsKey) -> None:
    companions = Companions(bytes(96))
    signer = key.signer(companions=companions)
    envelope = signing.sign(b"{}", signer)
    signing.verify(envelope, signer.address)
    assert signing.cosignature(envelope, companions.public)


def test_the_chain_takes_its_transactions(signer: KmsSigner, tmp_path: Path) -> None:
    somebody = LocalSigner.generate().address
    with Chain.open_embedded(tmp_path) as chain:
        chain.fund(signer.address, 10**18)
        chain.transact(signer, somebody, b"", value=7)
        chain.transact(signer, somebody, b"", value=8)
        assert chain.balance(somebody) == 15
        assert chain.nonce(signer.address) == 2


def test_an_alias_names_a_key(signer: KmsSigner, key: KmsKey, url: str) -> None:
    kms_server.client(url).create_alias(AliasName="alias/label", TargetKeyId=key.key)
    assert KmsKey("alias/label", region="eu-central-1", endpoint=url).signer().address == signer.address


# -- no


def test_an_unknown_key(url: str) -> None:
    with pytest.raises(KeyNotFound, match="1234-none"):
        KmsKey("1234-none", endpoint=url).signer()


@pytest.mark.parametrize(
    ("spec", "usage", "word"),
    [("ECC_NIST_P256", "SIGN_VERIFY", "ECC_SECG_P256K1"), ("RSA_2048", "SIGN_VERIFY", "ECC_SECG_P256K1")],
)
def test_a_key_of_another_kind(url: str, spec: str, usage: str, word: str) -> None:
    with pytest.raises(KeyUnfit, match=word):
        KmsKey(kms_server.new_key(url, spec, usage), endpoint=url).signer()


def test_a_key_that_encrypts(url: str) -> None:
    with pytest.raises(KeyFault, match="in KMS"):
        KmsKey(kms_server.new_key(url, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"), endpoint=url).signer()


@pytest.mark.parametrize("known", [True, False])
def test_a_user_without_rights(key: KmsKey, url: str, known: bool) -> None:
    import boto3
    import requests

    user = {"AccessKeyId": "AKIANOBODY", "SecretAccessKey": "hush-nobody"}
    if known:  # an account's user who was given nothing
        iam = boto3.client("iam", endpoint_url=url)
        iam.create_user(UserName="intern")
        user = iam.create_access_key(UserName="intern")["AccessKey"]
    variables = {"AWS_ACCESS_KEY_ID": user["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": user["SecretAccessKey"]}
    requests.post(f"{url}/moto-api/reset-auth", data=b"0", timeout=5)
    try:
        with mock.patch.dict("os.environ", variables), pytest.raises(KeyWithheld, match="KMS does not let") as caught:
            key.signer()
    finally:
        requests.post(f"{url}/moto-api/reset-auth", data=b"inf", timeout=5)
    assert ("kms:GetPublicKey" in str(caught.value)) == known
    assert user["SecretAccessKey"] not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("AccessDeniedException", KeyWithheld),
        ("DisabledException", KeyWithheld),
        ("KMSInvalidStateException", KeyWithheld),
        ("ExpiredTokenException", KeyWithheld),
        ("NotFoundException", KeyNotFound),
        ("InvalidKeyUsageException", KeyUnfit),
        ("ThrottlingException", KeyUnreachable),
        ("KMSInternalException", KeyUnreachable),
    ],
)
def test_the_documented_errors_have_names_here(signer: KmsSigner, code: str, error: type[KeyFault]) -> None:
    from botocore.exceptions import ClientError

    refusal = ClientError({"Error": {"Code": code, "Message": "so it is"}}, "Sign")
    with mock.patch.object(signer._client, "sign", side_effect=refusal), pytest.raises(error, match="so it is"):
        signer.sign_digest(bytes(32))


def test_nobody_answers() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # bound, and not listening
        port = silent.getsockname()[1]
        with pytest.raises(KeyUnreachable, match=f"127.0.0.1:{port}"):
            KmsKey("any", endpoint=f"http://127.0.0.1:{port}").signer()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"hello"),
        (200, b"{}"),
        (200, b"[]"),
        (200, b'{"PublicKey":5}'),
        (404, b"<html>"),
        (302, b""),
        (500, b"no"),
    ],
)
def test_somebody_else_answers(status: int, body: bytes) -> None:
    class Stranger(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(KeyUnreachable, match=f"127.0.0.1:{server.server_port}"):
            KmsKey("any", endpoint=f"http://127.0.0.1:{server.server_port}").signer()
        server.shutdown()


def test_no_credentials(key: KmsKey) -> None:
    with mock.patch.dict("os.environ"):
        import os

        del os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        with pytest.raises(KeyUnreachable, match="credentials"):
            key.signer()


def test_no_region(key: KmsKey) -> None:
    with mock.patch.dict("os.environ"):
        import os

        del os.environ["AWS_DEFAULT_REGION"]
        with pytest.raises(KeyUnreachable, match="region"):
            key.signer()


def test_without_boto3_it_says_what_to_install(key: KmsKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(KeyUnreachable, match=r"stemmata\[kms\]"):
        key.signer()


def test_a_service_that_signs_something_else_is_found_out(signer: KmsSigner) -> None:
    other = signer._client.sign(
        KeyId=signer._key.key, Message=bytes(31) + b"\1", MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256"
    )
    for answer in (other, {"Signature": b"no DER"}, {"Signature": bytes.fromhex("3006020100020100")}):
        with mock.patch.object(signer._client, "sign", return_value=answer), pytest.raises(SignatureInvalid):
            signer.sign_digest(bytes(32))


@pytest.mark.parametrize("endpoint", ["kms.example", "ftp://kms.example", "http://user:hush@kms.example", "http://["])
def test_an_endpoint_is_a_plain_url(endpoint: str) -> None:
    with pytest.raises(Malformed, match="endpoint") as caught:
        KmsKey("any", endpoint=endpoint)
    assert "hush" not in str(caught.value)


def test_it_shows_no_credentials(signer: KmsSigner) -> None:
    assert repr(signer) == f"KmsSigner({signer.address})"
    with pytest.raises(TypeError):
        pickle.dumps(signer)


def test_digests_have_32_bytes(signer: KmsSigner) -> None:
    with pytest.raises(Malformed, match="32 bytes"):
        signer.sign_digest(b"short")


# -- what all hardware has in common


class Pretended(HardwareSigner):
    """A key in this process that is asked as hardware is."""

    def __init__(self, secret: bytes, upper: bool) -> None:
        self.inner = LocalSigner(secret)
        self.upper = upper
        super().__init__(self.inner.address, None)

    def ecdsa(self, digest: bytes) -> tuple[int, int]:
        signature = self.inner.sign_digest(digest)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        return r, (2 * HALF + 1 - s if self.upper else s)


TRANSACTIONS = {
    "legacy": {"chainId": 61, "gasPrice": 3},
    "legacy of no chain": {"gasPrice": 3},
    "eip-2930": {"type": 1, "chainId": 61, "gasPrice": 3, "accessList": []},
    "eip-1559": {"type": 2, "chainId": 61, "maxFeePerGas": 10, "maxPriorityFeePerGas": 1},
}


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("kind", TRANSACTIONS)
def test_transactions_are_those_that_eth_account_signs(kind: str, upper: bool) -> None:
    from eth_account import Account

    for secret in (bytes(31) + b"\1", bytes(31) + b"\2", bytes(range(32))):
        signer = Pretended(secret, upper)
        tx = {"nonce": 4, "to": "0x" + "11" * 20, "value": 5, "gas": 21000, "data": b"d", **TRANSACTIONS[kind]}
        assert signer.sign_transaction(tx) == bytes(Account.sign_transaction(tx, secret).raw_transaction)
        assert signer.sign_digest(bytes(32)) == signer.inner.sign_digest(bytes(32))


def test_a_transaction_that_lacks_a_field() -> None:
    with pytest.raises(Malformed, match="gas"):
        Pretended(bytes(31) + b"\1", upper=False).sign_transaction({"nonce": 1, "chainId": 1})


@pytest.mark.parametrize("point", [b"", b"\4" + bytes(64), b"\4" + b"\1" * 64, bytes(65)])
def test_what_is_no_point(point: bytes) -> None:
    with pytest.raises(KeyUnfit, match="hsm is not on secp256k1"):
        address_of(point, "hsm")


# -- in the keystore


def test_a_name_stands_for_a_key_in_a_kms(store: Keystore, key: KmsKey, signer: KmsSigner, tmp_path: Path) -> None:
    address = store.adopt("label", key, "secret", scrypt_n=QUICK)
    assert address == signer.address == store.address("label")
    assert store.names() == ("label",)
    opened = store.unlock("label", "secret")
    assert opened.address == address
    card = store.card("label")
    assert (card.kind, card.public) == ("kms", opened.companions and opened.companions.public)
    assert key.key in str(card.where)
    assert store.unlock("label", "secret") is opened
    assert store.adopt("label", key, "secret", scrypt_n=QUICK) == address
    with pytest.raises(WrongPassphrase):
        store.adopt("label", key, "guess", scrypt_n=QUICK)
    with pytest.raises(WrongPassphrase):
        store.unlock("label", "guess")
    with pytest.raises(KeyExists):
        store.adopt("label", KmsKey(key.key, region="eu-central-1", endpoint=key.endpoint), "secret", scrypt_n=QUICK)
    with pytest.raises(KeyExists):
        store.new("label", "secret", scrypt_n=QUICK)


def test_a_kill_before_the_entry_is_made_good(
    store: Keystore, key: KmsKey, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write, made = Keystore._write, []

    def once(self: Keystore, file: object) -> None:
        if made:
            raise KeyboardInterrupt
        made.append(file)
        write(self, file)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Keystore, "_write", once)
        with pytest.raises(KeyboardInterrupt):
            store.adopt("label", key, "secret", scrypt_n=QUICK)
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["label.companions.json"]
    before = (tmp_path / "keys" / "label.companions.json").read_bytes()
    store.adopt("label", key, "secret", scrypt_n=QUICK)
    assert (tmp_path / "keys" / "label.companions.json").read_bytes() == before


def test_lost_companions_are_not_made_anew_by_a_slip(store: Keystore, key: KmsKey, tmp_path: Path) -> None:
    store.adopt("label", key, "secret", scrypt_n=QUICK)
    (tmp_path / "keys" / "label.companions.json").unlink()
    with pytest.raises(KeyDamaged, match=r"label\.companions\.json is gone"):
        store.unlock("label", "sceret")
    assert store.unlock("label", "sceret", companions=False).companions is None
    store.adopt("label", key, "secret", scrypt_n=QUICK)
    assert store.unlock("label", "secret").companions is not None


def test_a_key_that_was_swapped_in_the_kms_is_noticed(store: Keystore, key: KmsKey, url: str, tmp_path: Path) -> None:
    store.adopt("label", key, "secret", scrypt_n=QUICK)
    path = tmp_path / "keys" / "label.json"
    path.write_text(path.read_text().replace(key.key, kms_server.new_key(url)))
    with pytest.raises(KeyDamaged, match="opens to 0x"):
        store.unlock("label", "secret")


@pytest.mark.parametrize("change", [{"kind": "cloud"}, {"kind": 5}, {"version": 2}, {"key": None}, {"colour": "red"}])
def test_an_entry_that_names_no_place(store: Keystore, key: KmsKey, tmp_path: Path, change: dict) -> None:
    store.adopt("label", key, "secret", scrypt_n=QUICK)
    path = tmp_path / "keys" / "label.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    for attempt in (lambda: store.unlock("label", "secret"), lambda: store.card("label")):
        with pytest.raises(KeyDamaged, match=r"label\.json"):
            attempt()


def test_an_export_carries_the_entry_and_the_companions(store: Keystore, key: KmsKey, tmp_path: Path) -> None:
    store.adopt("label", key, "secret", scrypt_n=QUICK)
    KeyExport(*store.files("label")).write(tmp_path / "label.key")
    other = Keystore(tmp_path / "elsewhere")
    other.add("same", KeyExport.read(tmp_path / "label.key"), "secret", scrypt_n=QUICK)
    assert other.card("same").fingerprint == store.card("label").fingerprint
    assert other.unlock("same", "secret").address == store.address("label")
