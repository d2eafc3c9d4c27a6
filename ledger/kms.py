"""Keys in AWS KMS: ECC_SECG_P256K1, made for SIGN_VERIFY.

Source: AWS KMS API Reference, GetPublicKey and Sign. Needs boto3 (the extra ``kms``), which finds region and
credentials where every AWS tool does: its variables, its files, or the machine's role.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from ledger.errors import KeyNotFound, KeyUnfit, KeyUnreachable, KeyWithheld, Malformed, SignatureInvalid
from ledger.hardware import HardwareSigner, Place, address_of, require_texts

if TYPE_CHECKING:
    from ledger.companions import Companions

_TIMEOUT = 10.0
_LONGEST_MESSAGE = 300
_ABSENT = {"NotFoundException", "InvalidArnException"}
_UNFIT = {"InvalidKeyUsageException", "UnsupportedOperationException"}
_BUSY = {"ThrottlingException", "KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException"}


@dataclass(frozen=True)
class KmsKey(Place):
    """A key of a KMS: ``key`` is its id, ARN or alias; ``region`` and ``endpoint`` where boto3 should not decide."""

    kind: ClassVar[str] = "kms"
    key: str
    region: str | None = None
    endpoint: str | None = None

    def __post_init__(self) -> None:
        require_texts(self)
        if self.endpoint is not None and not _is_plain_url(self.endpoint):
            raise Malformed("endpoint: an http or https URL without user and password, please")

    def signer(self, pin: str = "", companions: Companions | None = None) -> KmsSigner:
        """Whoever signs with the key. ``pin`` is not for KMS. Raises what :class:`KmsSigner` does."""
        return KmsSigner(self, companions)

    def __str__(self) -> str:
        return f"key {self.key!r} in KMS" + (f" at {self.endpoint}" if self.endpoint else "")


class KmsSigner(HardwareSigner):
    """Signs in AWS KMS: one request for each signature.

    Raises :class:`KeyNotFound`, :class:`KeyUnfit` for a key of another kind, :class:`KeyWithheld` where this machine's
    rights do not reach or the key is disabled, :class:`KeyUnreachable` for no answer, no credentials, no boto3.
    """

    def __init__(self, key: KmsKey, companions: Companions | None = None) -> None:
        self._key = key
        self._client = _client(key)
        super().__init__(address_of(self._point(), str(key)), companions)

    def ecdsa(self, digest: bytes) -> tuple[int, int]:
        """r and s over a 32-byte digest."""
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        question = {"Message": digest, "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}
        signature = self._ask("sign", "Signature", **question)
        try:
            return decode_dss_signature(signature)
        except ValueError:
            raise SignatureInvalid(f"{self._key} answered with what is no DER signature") from None

    def _point(self) -> bytes:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, EllipticCurvePublicKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

        try:
            public = load_der_public_key(self._ask("get_public_key", "PublicKey"))
        except (ValueError, UnsupportedAlgorithm):
            public = None
        if not isinstance(public, EllipticCurvePublicKey) or not isinstance(public.curve, SECP256K1):
            raise KeyUnfit(f"{self._key} is not on secp256k1: make one with key spec ECC_SECG_P256K1")
        return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def _ask(self, operation: str, member: str, **arguments: Any) -> bytes:
        """One member of the answer to a question."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            return bytes(getattr(self._client, operation)(KeyId=self._key.key, **arguments)[member])
        except ClientError as error:
            _refused(self._key, error.response.get("Error", {}))
        except BotoCoreError as error:
            raise KeyUnreachable(f"no answer about {self._key}: {error}") from None
        except (ResponseParserError, LookupError, TypeError, AttributeError):  # boto3 trusts whoever answers
            raise KeyUnreachable(f"the answer about {self._key} is not that of a KMS; look at its endpoint") from None


def _client(key: KmsKey) -> Any:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ModuleNotFoundError:
        raise KeyUnreachable(f"{key} needs boto3: pip install 'stemmata[kms]'") from None
    config = Config(connect_timeout=_TIMEOUT, read_timeout=_TIMEOUT, retries={"total_max_attempts": 3})
    try:
        return boto3.session.Session().client("kms", region_name=key.region, endpoint_url=key.endpoint, config=config)
    except (BotoCoreError, ValueError) as error:
        raise KeyUnreachable(f"{key} cannot be asked: {error}") from None


def _refused(key: KmsKey, error: dict[str, Any]) -> NoReturn:
    code, message = str(error.get("Code")), " ".join(str(error.get("Message")).split())[:_LONGEST_MESSAGE]
    if code in _ABSENT:
        raise KeyNotFound(f"there is no {key}: {message}") from None
    if code in _UNFIT:
        raise KeyUnfit(f"{key} cannot sign for an account: {message}") from None
    # A number is what some server said that is no KMS, or stands before one.
    if code in _BUSY or (code.isdigit() and code not in ("401", "403")):
        raise KeyUnreachable(f"{key} cannot be used now ({code}): {message}") from None
    raise KeyWithheld(f"KMS does not let {key} be used ({code}): {message}") from None


def _is_plain_url(text: str) -> bool:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
