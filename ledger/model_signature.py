"""Model signatures: a file beside a model that other programs check without knowing anything of Stemmata.

Source: OpenSSF model signing 1.1 (github.com/sigstore/model-transparency): a Sigstore bundle around an in-toto
statement with the digest of each file, signed by the account's P-256 key. The extra ``model-signing`` brings the
library.
"""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path

from ledger.companions import Companions, PublicKeys
from ledger.errors import SignatureInvalid


def sign(model: Path, signature: Path, companions: Companions) -> None:
    """Write the signature of a model's file, or folder. Raises OSError, and ModuleNotFoundError without the extra."""
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
    from model_signing import signing

    # The library takes a key from a file alone. It lies there encrypted, under a word that nobody will know.
    word = secrets.token_urlsafe(32).encode()
    with tempfile.NamedTemporaryFile(prefix="key-") as file:
        encryption = BestAvailableEncryption(word)
        file.write(companions.p256().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
        file.flush()
        by = signing.Config()  # type: ignore[no-untyped-call]
        # It says that it takes a text, and takes bytes alone.
        by.use_elliptic_key_signer(private_key=file.name, password=word).sign(model, signature)  # type: ignore[arg-type]


def verify(model: Path, signature: Path, public: PublicKeys) -> None:
    """Raise :class:`SignatureInvalid` unless the account signed this model. Others check with the key in PEM."""
    from model_signing import verifying

    with tempfile.NamedTemporaryFile(prefix="key-") as file:
        file.write(pem(public))
        file.flush()
        by = verifying.Config()  # type: ignore[no-untyped-call]
        try:
            by.use_elliptic_key_verifier(public_key=file.name).verify(model, signature)
        except Exception as error:  # the library has no class of its own for it
            raise SignatureInvalid(f"{signature} is no signature of {model} by this account: {error}") from None


def pem(public: PublicKeys) -> bytes:
    """The account's public P-256 key, as other programs read it."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public.p256)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
