"""The signature within a time-stamp token, checked alone: whoever vouches for the certificate is another question.

Source: RFC 5652, sections 5.4 and 5.6 (what is signed); RFC 3161, section 2.4.2, RFC 2634 and RFC 5816 (the signed
digest of the signer's own certificate).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ledger.errors import StampUncheckable, TimestampInvalid

if TYPE_CHECKING:
    from asn1crypto import cms
    from cryptography import x509

_DIGESTS = ("sha256", "sha384", "sha512")


def verify(token: bytes, signer: x509.Certificate, message: bytes) -> None:
    """Check a token (a CMS ``ContentInfo``, DER) over ``message``, as signed with the key of ``signer``.

    Raises :class:`TimestampInvalid`, and :class:`StampUncheckable` for algorithms that nothing here knows.
    """
    from asn1crypto import cms, tsp  # noqa: F401  (tsp teaches cms what a time stamp's content and attributes are)

    try:
        signed = cms.ContentInfo.load(token, strict=True)["content"]
        (info,) = signed["signer_infos"]
        content = signed["encap_content_info"]["content"]
        attributes = {each["type"].native: each["values"] for each in info["signed_attrs"]}
        with_digest = info["digest_algorithm"]["algorithm"].native
        (kind,), (digest,) = attributes["content_type"].native, attributes["message_digest"].native
        if kind != "tst_info" or digest != _hashed(with_digest, content.contents):
            raise TimestampInvalid("the time stamp does not hold: its content is not what was signed")
        if not _names(attributes, signer):
            raise TimestampInvalid("the time stamp does not hold: it was signed under another certificate")
        _verify(_key(signer), info, with_digest)
        imprint = content.parsed["message_imprint"]
        if _hashed(imprint["hash_algorithm"]["algorithm"].native, message) != imprint["hashed_message"].native:
            raise TimestampInvalid("the time stamp does not hold: it is over other bytes")
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise TimestampInvalid(f"the time stamp does not hold: {error}"[:500]) from None


def _hashed(algorithm: str, data: bytes) -> bytes:
    if algorithm not in _DIGESTS:
        raise StampUncheckable(f"the time stamp is made with {algorithm[:40]}, which cannot be checked here")
    return hashlib.new(algorithm, data).digest()


def _names(attributes: dict[str, Any], signer: x509.Certificate) -> bool:
    """Whether what was signed says which certificate it was signed under, and this is it."""
    from cryptography.hazmat.primitives.serialization import Encoding

    der = signer.public_bytes(Encoding.DER)
    if "signing_certificate_v2" in attributes:
        first = attributes["signing_certificate_v2"][0]["certs"][0]
        return bool(_hashed(first["hash_algorithm"]["algorithm"].native, der) == first["cert_hash"].native)
    first = attributes["signing_certificate"][0]["certs"][
        0
    ]  # RFC 2634 knows SHA-1 alone; it only picks the certificate
    return bool(hashlib.sha1(der, usedforsecurity=False).digest() == first["cert_hash"].native)


def _key(signer: x509.Certificate) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return signer.public_key()
    except UnsupportedAlgorithm as error:
        raise StampUncheckable(f"the time stamp is signed with a key that cannot be read here: {error}"[:500]) from None


def _verify(key: Any, info: cms.SignerInfo, digest: str) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    attributes = info["signed_attrs"].untag().dump()  # as a SET OF, not as the tagged field: RFC 5652, section 5.4
    algorithm, signature = info["signature_algorithm"], info["signature"].native
    try:
        kind = algorithm.signature_algo
    except ValueError:
        name = algorithm["algorithm"].native
        raise StampUncheckable(f"the time stamp is signed with {name[:40]}, which cannot be checked here") from None
    if kind in ("ecdsa", "rsassa_pkcs1v15") and algorithm["algorithm"].native != kind:
        digest = algorithm.hash_algo  # where the signature's own name says it
    if digest not in _DIGESTS:
        raise StampUncheckable(f"the time stamp is signed over {digest[:40]}, which cannot be checked here")
    hashed: hashes.HashAlgorithm = getattr(hashes, digest.upper())()
    try:
        if kind == "ecdsa" and isinstance(key, EllipticCurvePublicKey):
            key.verify(signature, attributes, ECDSA(hashed))
        elif kind == "rsassa_pkcs1v15" and isinstance(key, RSAPublicKey):
            key.verify(signature, attributes, padding.PKCS1v15(), hashed)
        else:
            raise StampUncheckable(f"the time stamp is signed with {kind[:40]}, which cannot be checked here")
    except InvalidSignature:
        raise TimestampInvalid("the time stamp does not hold: its authority did not sign it") from None
