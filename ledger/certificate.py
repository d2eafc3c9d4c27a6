"""Certificate requests: how an account's P-256 key gets a certificate that signs manifests.

Source: PKCS #10 (RFC 2986). A manifest's certificate needs the uses that C2PA asks for (C2PA specification, section on
X.509 certificates): digital signature, and e-mail protection.
"""

from __future__ import annotations

from ledger.companions import Companions
from ledger.errors import Malformed


def request(companions: Companions, subject: str) -> bytes:
    """A signed request in PEM. ``subject`` is a name as in RFC 4514, such as ``CN=Anna,O=House``; else Malformed."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        name = x509.Name.from_rfc4514_string(subject)
    except ValueError as error:
        raise Malformed(f"the subject {subject!r} is no name such as CN=Anna,O=House: {error}") from None
    if not list(name):
        raise Malformed("the subject is empty; give one such as CN=Anna,O=House")
    uses = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign"), False
    )
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .add_extension(
            x509.KeyUsage(digital_signature=True, crl_sign=False, encipher_only=False, decipher_only=False, **uses),
            critical=True,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    )
    return builder.sign(companions.p256(), SHA256()).public_bytes(Encoding.PEM)
