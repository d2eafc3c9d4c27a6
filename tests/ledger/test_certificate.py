"""Chains of certificates: one that an account makes for itself, and those that an authority gives, good and bad."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gen.audio import save
from gen.waveform import Waveform
from ledger import credentials, manifest
from ledger.address import Address
from ledger.certificate import Chain, request, roots
from ledger.cid import Cid
from ledger.companions import Companions
from ledger.digest import Digest
from ledger.errors import CertificateUnfit, Malformed
from ledger.origin import Origin

ACCOUNT = Address(bytes(range(20)))
COMPANIONS = Companions(bytes(range(96)))
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
HOUSE = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "House"), x509.NameAttribute(NameOID.COMMON_NAME, "Anna")]


def issued(
    authority: EllipticCurvePrivateKey,
    *,
    subject: list[x509.NameAttribute] = HOUSE,
    use: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
    until: datetime = NOW + DAY,
    signs: bool = True,
) -> bytes:
    """What an authority answers to the account's request: the account's certificate and its own, in PEM."""
    asked = x509.load_pem_x509_csr(request(COMPANIONS, "CN=Anna,O=House"))
    assert asked.is_signature_valid
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Authority")])
    rest = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)

    def certificate(key: object, who: x509.Name, ca: bool) -> x509.Certificate:
        usage = x509.KeyUsage(
            digital_signature=signs and not ca,
            key_cert_sign=ca,
            crl_sign=ca,
            encipher_only=False,
            decipher_only=False,
            **rest,
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(who)
            .issuer_name(name)
            .public_key(key)  # type: ignore[arg-type]
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - DAY)
            .not_valid_after(NOW + 2 * DAY if ca else until)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)  # type: ignore[arg-type]
        )
        if not ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        return builder.sign(authority, SHA256())

    both = (certificate(asked.public_key(), x509.Name(subject), False), certificate(authority.public_key(), name, True))
    return b"".join(each.public_bytes(Encoding.PEM) for each in both)


@pytest.fixture(scope="module")
def authority() -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


def test_a_local_chain_names_the_address_and_nobody() -> None:
    chain = Chain.local(COMPANIONS, ACCOUNT, NOW)
    leaf, root = chain.certificates
    assert chain.is_local
    assert {name.value for name in leaf.subject if name.oid == NameOID.COMMON_NAME} == {str(ACCOUNT)}
    leaf.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    assert chain.until > NOW + 19 * 365 * DAY
    assert Chain.read(chain.pem, COMPANIONS.public, NOW) == chain
    # The root follows from the companions: it certifies again what is made anew.
    again = Chain.local(Companions(COMPANIONS.reveal()), ACCOUNT, NOW)
    again.certificates[0].verify_directly_issued_by(root)
    other = Chain.local(Companions.generate(), ACCOUNT, NOW)
    with pytest.raises(InvalidSignature):
        other.certificates[0].verify_directly_issued_by(root)


def test_a_chain_that_an_authority_gave_signs_and_is_trusted(
    authority: EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    chain = Chain.read(issued(authority), COMPANIONS.public, NOW)
    assert not chain.is_local
    assert (chain.subject, chain.issuer) == ("CN=Anna,O=House", "O=Authority")
    origin = Origin(1, ACCOUNT, "00" * 8, Digest.of(b""), Digest.of(b""), Digest.of(b""), ())
    said = manifest.Statement(origin, "ISCC:EIAQMBEYSNJIUHUJ", Cid.of_digest(bytes(32)))
    plain, path = tmp_path / "plain.wav", tmp_path / "signed.wav"
    save(plain, Waveform(np.zeros((1, 44100), np.float32), 44100))
    with path.open("w+b") as out:
        manifest.sign(io.BytesIO(plain.read_bytes()), out, ".wav", said, manifest.Pen(COMPANIONS, chain))
    found = credentials.read(path, roots(chain.pem)[1:])
    assert found is not None
    assert (found.state, found.signer) == ("trusted", "CN=Anna,O=House")


def test_what_could_not_sign_is_refused_by_its_reason(authority: EllipticCurvePrivateKey) -> None:
    public, whole = COMPANIONS.public, issued(authority)
    split = whole.index(b"-----BEGIN", 10)
    stranger = issued(generate_private_key(SECP256R1()))
    cases = [
        (whole, Companions.generate().public, "for another key"),
        (whole[split:] + whole[:split], public, "for another key"),
        (whole[:split], public, "two certificates or more"),
        (whole[:split] + stranger[stranger.index(b"-----BEGIN", 10) :], public, "not certified by"),
        (issued(authority, subject=HOUSE[1:]), public, "no organisation"),
        (issued(authority, use=ExtendedKeyUsageOID.SERVER_AUTH), public, "not for signing content"),
        (issued(authority, signs=False), public, "not for signing content"),
        (issued(authority, until=NOW - timedelta(hours=1)), public, "is valid from"),
    ]
    for content, keys, reason in cases:
        with pytest.raises(CertificateUnfit, match=reason):
            Chain.read(content, keys, NOW)
    for junk in (b"", b"nothing", whole[: split - 40], whole * 9):
        with pytest.raises(Malformed, match="certificates"):
            Chain.read(junk, public, NOW)
    with pytest.raises(Malformed, match="no certificates"):
        roots(b"nothing")
