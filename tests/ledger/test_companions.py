"""Companion keys: known answers, what each key does and refuses, and the file in which they rest."""

import copy
import json
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import certificate
from ledger.address import Address
from ledger.companionfile import CompanionFile
from ledger.companions import Companions, PublicKeys
from ledger.errors import KeyDamaged, Malformed, SignatureInvalid, WrongPassphrase

QUICK = 2
SEED = bytes(range(96))
ANA = Companions(SEED)
BEN = Companions(SEED[::-1])
HOLDER = Address(bytes(range(20)))
PATH = Path("keys/ana.companions.json")
FILE = CompanionFile.encrypt(PATH, ANA, HOLDER, b"secret", QUICK)


@pytest.fixture(scope="module")
def ml_dsa(vectors: Path) -> dict:
    return json.loads((vectors / "ml_dsa_65.json").read_text())


def public_with(ml_dsa_65: bytes) -> PublicKeys:
    return PublicKeys(ml_dsa_65, ANA.public.x25519, ANA.public.p256)


def test_known_seeds_give_known_keys(ml_dsa: dict) -> None:
    for case in ml_dsa["seeds"]:
        companions = Companions(bytes.fromhex(case["seed"]) + SEED[32:])
        assert companions.public.ml_dsa_65.hex() == case["public"]
        assert companions.public.x25519 == ANA.public.x25519


def test_known_signatures(ml_dsa: dict) -> None:
    outcomes = set()
    for case in ml_dsa["signatures"]:
        keys = public_with(bytes.fromhex(case["public"]))
        message, signature = bytes.fromhex(case["message"]), bytes.fromhex(case["signature"])
        # A signature that is good in some context is none in ours, which is empty.
        good = case["result"] == "valid" and "context" not in case
        outcomes.add((good, "context" in case))
        if good:
            keys.verify(message, signature)
        else:
            with pytest.raises(SignatureInvalid, match=keys.keyid):
                keys.verify(message, signature)
    assert outcomes == {(True, False), (False, False), (False, True)}


def test_a_cosignature_is_by_one_key_over_one_message() -> None:
    signature = ANA.cosign(b"message")
    assert len(signature) == 3309
    ANA.public.verify(b"message", signature)
    for keys, message, sig in (
        (BEN.public, b"message", signature),
        (ANA.public, b"massage", signature),
        (ANA.public, b"message", signature[:-1]),
        (ANA.public, b"message", signature[:-1] + bytes([signature[-1] ^ 1])),
        (ANA.public, b"message", b""),
    ):
        with pytest.raises(SignatureInvalid):
            keys.verify(message, sig)


@pytest.mark.parametrize("number", [bytes(32), b"\xff" * 32])
def test_every_seed_gives_a_p256_key(number: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    key = Companions(SEED[:64] + number).p256()
    key.public_key().verify(key.sign(b"m", ECDSA(SHA256())), b"m", ECDSA(SHA256()))


@pytest.mark.parametrize("size", [0, 32, 95, 97])
def test_seeds_of_another_length_are_refused(size: int) -> None:
    with pytest.raises(Malformed, match="96 bytes"):
        Companions(bytes(size))


@pytest.mark.parametrize("name", ["ml_dsa_65", "x25519", "p256"])
def test_public_keys_of_another_length_are_refused(name: str) -> None:
    keys = {field: getattr(ANA.public, field) for field in ("ml_dsa_65", "x25519", "p256")}
    with pytest.raises(Malformed, match=name):
        PublicKeys(**keys | {name: keys[name] + b"\0"})
    with pytest.raises(Malformed, match="curve"):
        PublicKeys(**keys | {"p256": b"\4" + bytes(64)})


def test_companions_never_show_themselves() -> None:
    shown = [repr(ANA), str(ANA), repr([ANA]), repr(dir(ANA))]
    for attempt in (lambda: pickle.dumps(ANA), lambda: copy.copy(ANA), lambda: copy.deepcopy(ANA)):
        with pytest.raises(TypeError) as caught:
            attempt()
        shown.append("".join(traceback.format_exception(caught.value)))
    assert not hasattr(ANA, "__dict__")
    for part in (SEED[:32], SEED[32:64], SEED[64:]):
        assert not any(part.hex() in text or repr(part)[2:-1] in text for text in shown)


def test_a_request_for_a_certificate_is_signed_by_the_p256_key() -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    read = x509.load_pem_x509_csr(certificate.request(ANA, "CN=Anna Çelik,O=Haus\\, groß"))
    assert read.is_signature_valid
    point = read.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert point == ANA.public.p256
    assert {part.value for part in read.subject} == {"Anna Çelik", "Haus, groß"}
    uses = read.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [use.dotted_string for use in uses] == ["1.3.6.1.5.5.7.3.4"]


@pytest.mark.parametrize("subject", ["", "Anna", "CN", "XX=1", "CN=a,,O=b"])
def test_a_subject_that_is_no_name(subject: str) -> None:
    with pytest.raises(Malformed, match="subject"):
        certificate.request(ANA, subject)


# -- at rest


def test_a_file_opens_to_what_it_was_made_of() -> None:
    assert FILE.address == HOLDER
    assert FILE.public == ANA.public
    assert FILE.decrypt(b"secret", HOLDER).reveal() == SEED
    for part in (SEED, SEED[:32], SEED[32:64], SEED[64:]):
        assert part not in FILE.content
        assert part.hex().encode() not in FILE.content


def test_a_wrong_passphrase_and_another_account_open_nothing() -> None:
    with pytest.raises(WrongPassphrase, match=r"ana\.companions\.json") as caught:
        FILE.decrypt(b"guess", HOLDER)
    assert "guess" not in str(caught.value)
    with pytest.raises(KeyDamaged, match="not of"):
        FILE.decrypt(b"secret", Address(bytes(20)))


def altered(**members: object) -> CompanionFile:
    return CompanionFile.of(PATH, FILE.document | members)


def test_a_file_moved_to_another_account_does_not_open_even_if_it_says_so() -> None:
    other = Address(bytes(20))
    with pytest.raises(WrongPassphrase, match="altered"):
        altered(address=str(other)).decrypt(b"secret", other)


def test_public_keys_of_somebody_else_are_noticed() -> None:
    with pytest.raises(KeyDamaged, match="other public keys"):
        altered(x25519=BEN.public.x25519.hex()).decrypt(b"secret", HOLDER)


def test_every_changed_byte_of_a_file_is_noticed() -> None:
    for place in range(len(FILE.content)):
        content = bytearray(FILE.content)
        content[place] ^= 0x20 if chr(content[place]).isalpha() else 0x01  # a letter's case, or a bit
        with pytest.raises((KeyDamaged, WrongPassphrase), match=r"ana\.companions\.json"):
            CompanionFile(PATH, bytes(content)).decrypt(b"secret", HOLDER)


DAMAGES: dict[str, Callable[[], CompanionFile]] = {
    "empty": lambda: CompanionFile(PATH, b""),
    "cut": lambda: CompanionFile(PATH, FILE.content[:-20]),
    "longer": lambda: CompanionFile(PATH, FILE.content + b" "),
    "a list": lambda: CompanionFile(PATH, b"[]\n"),
    "version 2": lambda: altered(version=2),
    "no address": lambda: altered(address=None),
    "cost beyond memory": lambda: altered(n=2**30),
    "cost no power of two": lambda: altered(n=3),
    "cost a text": lambda: altered(n="2"),
    "salt no hex": lambda: altered(salt="zz"),
    "nonce empty": lambda: altered(nonce=""),
    "secret a number": lambda: altered(wrapped=5),
    "public key too short": lambda: altered(x25519="00"),
    "point beside the curve": lambda: altered(p256="04" + "00" * 64),
}


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in DAMAGES.items()])
def test_a_damaged_file_is_named(make: Callable[[], CompanionFile]) -> None:
    with pytest.raises(KeyDamaged, match=r"ana\.companions\.json"):
        make().decrypt(b"secret", HOLDER)


def test_a_large_file_is_not_even_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.companions.json").write_bytes(b" " * 20_000)
    with pytest.raises(KeyDamaged, match="too large"):
        CompanionFile.read(tmp_path / "a.companions.json")
    assert CompanionFile.read(tmp_path / "b.companions.json") is None
