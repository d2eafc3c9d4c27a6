"""Certificates: the chain under which an account's P-256 key signs manifests.

A manifest names its signer by a chain of X.509 certificates. One that is trusted comes from an authority: it answers a
:func:`request`, and :meth:`Chain.read` takes what it gives. Without one an account certifies itself
(:meth:`Chain.local`): whoever reads such a manifest sees that it is whole, and that nobody vouches for its signer.

Sources: PKCS #10 (RFC 2986), RFC 5280, and what C2PA asks of a certificate (C2PA specification 2.4, section 14.5.1):
digital signature, e-mail protection or another use for signing content, an organisation's name, never self-signed.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from ledger.errors import CertificateUnfit, Malformed

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    from ledger.address import Address
    from ledger.companions import Companions, PublicKeys

LOCAL_ORGANISATION = "Stemmata local certificate (vouched for by nobody)"
"""The organisation in a chain that an account made for itself."""
_LOCAL_YEARS = 20
_LARGEST = 1 << 17
_MOST_CERTIFICATES = 8
# id-kp-emailProtection, id-kp-documentSigning (RFC 9336), and C2PA's own claim signing.
_USES = ("1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.62558.2.1")


@dataclass(frozen=True, slots=True)
class Chain:
    """Certificates in PEM: first the signer's own, then each that certifies the one before."""

    pem: bytes

    @classmethod
    def local(cls, companions: Companions, address: Address, since: datetime) -> Self:
        """Two certificates that the account makes for itself, valid for twenty years from the day before ``since``.

        They name nobody but the address, which everybody can see on chain: a certificate stands in every file.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import Encoding

        authority, signer = companions.authority(), companions.p256()
        above, below = _local_name(f"{address} root"), _local_name(str(address))
        start = since - timedelta(days=1)

        def begun(subject: x509.Name, key: EllipticCurvePublicKey) -> x509.CertificateBuilder:
            return (
                x509.CertificateBuilder()
                .subject_name(subject)
                .issuer_name(above)
                .public_key(key)
                .serial_number(x509.random_serial_number())
                .not_valid_before(start)
                .not_valid_after(start + timedelta(days=_LOCAL_YEARS * 365))
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
                .add_extension(
                    x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False
                )
            )

        root = (
            begun(above, authority.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(certifies=True), critical=True)
            .sign(authority, SHA256())
        )
        leaf = (
            begun(below, signer.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(certifies=False), critical=True)
            .add_extension(_email_protection(), critical=False)
            .sign(authority, SHA256())
        )
        return cls(leaf.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM))

    @classmethod
    def read(cls, content: bytes, public: PublicKeys, now: datetime) -> Self:
        """A chain that an authority gave, checked for the account whose companions these are.

        Raises :class:`Malformed` for what is no chain in PEM, and :class:`CertificateUnfit` where it is for another
        key, broken, over, not for signing content, or names no organisation.
        """
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        chain = cls(content)
        found = chain.certificates
        leaf = found[0]
        try:
            point = leaf.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        except ValueError:
            point = b""
        if point != public.p256:
            raise CertificateUnfit(
                "the first certificate is for another key; have the request signed that `stemmata key export "
                "--certificate-request` writes, and put its certificate first"
            )
        if len(found) == 1:
            raise CertificateUnfit("a chain has two certificates or more: the key's own, then its authority's")
        for below, above in itertools.pairwise(found):
            try:
                below.verify_directly_issued_by(above)
            except Exception as error:  # it says so in four types
                raise CertificateUnfit(
                    f"{_said(below)} is not certified by {_said(above)}, which follows it: {error or 'another key did'}"
                ) from None
        _check_use(leaf)
        chain.check_time(now)
        return cls(b"".join(each.public_bytes(Encoding.PEM) for each in found))

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """Parsed. Raises :class:`Malformed`."""
        from cryptography import x509

        if len(self.pem) > _LARGEST:
            raise Malformed(f"{len(self.pem)} bytes are too many for a chain of certificates")
        try:
            found = tuple(x509.load_pem_x509_certificates(self.pem))
        except ValueError:
            raise Malformed("it holds no certificates in PEM") from None
        if len(found) > _MOST_CERTIFICATES:
            raise Malformed(f"{len(found)} certificates are too many for a chain")
        return found

    @property
    def subject(self) -> str:
        """Whom the first certificate names, as in RFC 4514."""
        return _said(self.certificates[0])

    @property
    def issuer(self) -> str:
        """Who certified it."""
        return self.certificates[0].issuer.rfc4514_string()

    @property
    def until(self) -> datetime:
        """When the first of them ends (UTC)."""
        return min(each.not_valid_after_utc for each in self.certificates)

    @property
    def is_local(self) -> bool:
        """Whether the account made it for itself."""
        return LOCAL_ORGANISATION in (name.value for name in self.certificates[-1].subject)

    def check_time(self, now: datetime) -> None:
        """Raise :class:`CertificateUnfit` where a certificate has not begun yet, or is over."""
        for each in self.certificates:
            if not each.not_valid_before_utc <= now <= each.not_valid_after_utc:
                raise CertificateUnfit(
                    f"{_said(each)} is valid from {each.not_valid_before_utc:%Y-%m-%d} to "
                    f"{each.not_valid_after_utc:%Y-%m-%d}; bring another chain with `stemmata key certificate`"
                )


def roots(content: bytes) -> tuple[bytes, ...]:
    """The certificates of a PEM file that somebody trusts, each in PEM. Raises :class:`Malformed`."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        return tuple(each.public_bytes(Encoding.PEM) for each in x509.load_pem_x509_certificates(content))
    except ValueError:
        raise Malformed("it holds no certificates in PEM") from None


def request(companions: Companions, subject: str) -> bytes:
    """A signed request in PEM. ``subject`` is a name as in RFC 4514, such as ``CN=Anna,O=House``; else Malformed."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        name = x509.Name.from_rfc4514_string(subject)
    except ValueError as error:
        raise Malformed(f"the subject {subject!r} is no name such as CN=Anna,O=House: {error}") from None
    if not list(name):
        raise Malformed("the subject is empty; give one such as CN=Anna,O=House")
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .add_extension(_key_usage(certifies=False), critical=True)
        .add_extension(_email_protection(), critical=False)
    )
    return builder.sign(companions.p256(), SHA256()).public_bytes(Encoding.PEM)


def _local_name(common: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, LOCAL_ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _key_usage(*, certifies: bool) -> x509.KeyUsage:
    from cryptography import x509

    rest = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
    return x509.KeyUsage(
        digital_signature=not certifies,
        key_cert_sign=certifies,
        crl_sign=certifies,
        encipher_only=False,
        decipher_only=False,
        **rest,
    )


def _email_protection() -> x509.ExtendedKeyUsage:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    return x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])


def _check_use(leaf: x509.Certificate) -> None:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    if not leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME):
        raise CertificateUnfit(f"{_said(leaf)} names no organisation (O=), which C2PA asks for")
    try:
        signs = leaf.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
        uses = [use.dotted_string for use in leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value]
    except (x509.ExtensionNotFound, ValueError):
        signs, uses = False, []
    if not signs or not set(uses) & set(_USES):
        raise CertificateUnfit(
            f"{_said(leaf)} is not for signing content: it needs the key usage digital signature, and the extended one "
            "e-mail protection, document signing, or C2PA's claim signing"
        )


def _said(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()
