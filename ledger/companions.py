"""Companions of an account's key: what an ECDSA key on secp256k1 cannot do alone.

Three keys, one for each thing: ML-DSA-65 (FIPS 204) co-signs records, so that they stay proven when ECDSA falls;
X25519 opens what is sealed to the account (HPKE, RFC 9180); P-256 signs certificates and manifests, which refuse
secp256k1. They are random, not derived: an account's key may lie in hardware that gives nothing away to derive from.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Self

from ledger.digest import Digest
from ledger.errors import DecryptionFailed, Malformed, SignatureInvalid

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.hpke import Suite

ML_DSA_BYTES = 1952
X25519_BYTES = 32
P256_BYTES = 65
SEED_BYTES = 96


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """The public halves, as their standards write them.

    ``ml_dsa_65``: 1952 bytes (FIPS 204, section 4). ``x25519``: 32 bytes (RFC 7748). ``p256``: 65 bytes, an
    uncompressed point (SEC 1, section 2.3.3). Raises :class:`Malformed` for another length, and for a point that is
    not on its curve.
    """

    ml_dsa_65: bytes
    x25519: bytes
    p256: bytes

    def __post_init__(self) -> None:
        for name, length in (("ml_dsa_65", ML_DSA_BYTES), ("x25519", X25519_BYTES), ("p256", P256_BYTES)):
            if len(getattr(self, name)) != length:
                raise Malformed(f"{name}: a public key has {length} bytes, not {len(getattr(self, name))}")
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

        try:
            EllipticCurvePublicKey.from_encoded_point(SECP256R1(), self.p256)
        except ValueError:
            raise Malformed("p256: not a point on the curve") from None

    @property
    def keyid(self) -> str:
        """What a co-signature is filed under: the algorithm, and the SHA-256 of the ML-DSA key."""
        return f"ml-dsa-65:{Digest.of(self.ml_dsa_65)}"

    def verify(self, message: bytes, signature: bytes) -> None:
        """Raise :class:`SignatureInvalid` unless the ML-DSA key signed ``message`` (pure, empty context)."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey

        try:
            MLDSA65PublicKey.from_public_bytes(self.ml_dsa_65).verify(signature, message)
        except InvalidSignature:
            raise SignatureInvalid(f"the co-signature is not by {self.keyid}, or the payload was altered") from None

    def seal(self, secret: bytes, purpose: bytes) -> bytes:
        """``secret`` for whoever holds the X25519 key; see :func:`seal`."""
        return seal(self.x25519, secret, purpose)


def seal(x25519: bytes, secret: bytes, purpose: bytes) -> bytes:
    """``secret`` for whoever holds a public X25519 key of 32 bytes; ``purpose`` has to be said again to open it.

    HPKE's base mode (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, with ``purpose`` as its info.
    48 bytes longer than ``secret``. Raises :class:`Malformed` for a key of another length, or of small order, with
    which everybody would share a secret.
    """
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    try:
        return _suite().encrypt(secret, X25519PublicKey.from_public_bytes(x25519), purpose)
    except ValueError:
        raise Malformed("x25519: not a public key that can be sealed to") from None


class Companions:
    """The secret halves in this process, made from 96 random bytes: one 32-byte seed or secret a key.

    They show themselves by their public keys alone, and refuse to be pickled or copied.
    """

    __slots__ = ("_public", "_seed")

    def __init__(self, seed: bytes) -> None:
        """``seed``: ML-DSA's seed, X25519's secret, and a number from which P-256's follows. Raises Malformed."""
        if len(seed) != SEED_BYTES:
            raise Malformed(f"companion keys are made from {SEED_BYTES} bytes, not {len(seed)}")
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        self._seed = seed
        point = self.p256().public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self._public = PublicKeys(
            ml_dsa_65=MLDSA65PrivateKey.from_seed_bytes(seed[:32]).public_key().public_bytes_raw(),
            x25519=X25519PrivateKey.from_private_bytes(seed[32:64]).public_key().public_bytes_raw(),
            p256=point,
        )

    @classmethod
    def generate(cls) -> Self:
        """New random keys."""
        return cls(secrets.token_bytes(SEED_BYTES))

    @property
    def public(self) -> PublicKeys:
        """The public halves."""
        return self._public

    def cosign(self, message: bytes) -> bytes:
        """A signature of 3309 bytes by ML-DSA-65 (pure, hedged, empty context)."""
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

        return MLDSA65PrivateKey.from_seed_bytes(self._seed[:32]).sign(message)

    def open(self, sealed: bytes, purpose: bytes) -> bytes:
        """What :meth:`PublicKeys.seal` sealed; :class:`DecryptionFailed` for another key, purpose, or altered bytes."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        try:
            return _suite().decrypt(sealed, X25519PrivateKey.from_private_bytes(self._seed[32:64]), purpose)
        except (InvalidTag, ValueError):
            raise DecryptionFailed(
                "the envelope does not open: it was sealed to another key or for another purpose, or was altered"
            ) from None

    def p256(self) -> EllipticCurvePrivateKey:
        """The P-256 key, for whoever signs certificates and manifests."""
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

        # A remainder: 256 random bits over the order are nearer to uniform than 2^-32 (FIPS 186-5, A.2.1 asks for 64
        # more bits; the order of P-256 lies so near to 2^256 that they would change nothing here).
        return derive_private_key(int.from_bytes(self._seed[64:]) % (_P256_ORDER - 1) + 1, SECP256R1())

    def authority(self) -> EllipticCurvePrivateKey:
        """The P-256 key that certifies :meth:`p256` where no authority does; it follows from the same secret."""
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        drawn = HKDF(SHA256(), 48, salt=None, info=b"stemmata local certificate authority v1").derive(self._seed)
        return derive_private_key(int.from_bytes(drawn) % (_P256_ORDER - 1) + 1, SECP256R1())

    def reveal(self) -> bytes:
        """The 96 bytes themselves, for whoever encrypts them at rest."""
        return self._seed

    def __repr__(self) -> str:
        return f"Companions({self._public.keyid})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("private keys do not leave their process")


# The order of the group of P-256, SEC 2 section 2.4.2.
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _suite() -> Suite:
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
