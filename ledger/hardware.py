"""Keys in hardware: what is common to all that sign elsewhere and give no key away.

Such a key's file holds no secret: the kind of hardware, where the key lies in it, and the address.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from ledger.address import Address
from ledger.errors import KeyDamaged, KeyUnfit, Malformed, SignatureInvalid

if TYPE_CHECKING:
    from ledger.companions import Companions
    from ledger.signer import Signer

# The order of the group of secp256k1, SEC 2 section 2.4.1.
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_VERSION = 1


@dataclass(frozen=True)
class Place:
    """Where a key lies; each kind of hardware has its own."""

    kind: ClassVar[str]

    def signer(self, pin: str, companions: Companions | None = None) -> Signer:
        """Whoever signs with the key there. Raises what the kind's own signer does."""
        raise NotImplementedError

    def content(self, address: Address) -> bytes:
        """The key file of this place."""
        document = {"kind": self.kind, "version": _VERSION, "address": str(address), **asdict(self)}
        return (json.dumps(document, indent=1) + "\n").encode()


class HardwareSigner(ABC):
    """Signs with a key that lies elsewhere. It shows itself by its address alone, and refuses to be pickled."""

    def __init__(self, address: Address, companions: Companions | None) -> None:
        self._address = address
        self._companions = companions

    @property
    def address(self) -> Address:
        """The account that signs."""
        return self._address

    @property
    def companions(self) -> Companions | None:
        """The account's companion keys, if they are open."""
        return self._companions

    @abstractmethod
    def ecdsa(self, digest: bytes) -> tuple[int, int]:
        """r and s, as the hardware gives them, over a 32-byte digest."""

    def sign_message(self, message: bytes) -> bytes:
        """65 bytes r, s, v over a personal message (EIP-191). Raises as :meth:`sign_digest`."""
        from ledger.signing import personal_digest

        return self.sign_digest(personal_digest(message))

    def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes r, s, v; unlike a key in a file, hardware may sign one digest in many ways.

        Raises :class:`SignatureInvalid` where what came back is no signature by this address over this digest.
        """
        from ledger.signing import recover

        if len(digest) != 32:
            raise Malformed(f"a digest to sign has 32 bytes, not {len(digest)}")
        r, s = self.ecdsa(digest)
        # Hardware does not know Ethereum's rule (EIP-2): of the two s of one signature, the lower.
        s = min(s, _ORDER - s)
        if 0 < r < _ORDER and s > 0:
            for v in (27, 28):
                signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])
                try:
                    if recover(digest, signature) == self._address:
                        return signature
                except SignatureInvalid:
                    continue
        raise SignatureInvalid(f"what {self!r} gave is not a signature by it over the digest it was given")

    def sign_transaction(self, tx: Mapping[str, Any]) -> bytes:
        """The raw signed transaction (EIP-155, 2930 or 1559, by its fields). :class:`Malformed` if one is missing."""
        from eth_account._utils.signing import sign_transaction_dict

        fields: Any = {name: value for name, value in tx.items() if name != "from"}
        key: Any = _Key(self)
        try:
            return bytes(sign_transaction_dict(key, fields)[3])
        except (TypeError, ValueError) as error:
            raise Malformed(f"the transaction cannot be signed: {error}") from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a way to a key does not leave its process")


class _Key:
    """What eth-account asks of a private key when it signs a transaction: one method, and ``vrs`` of its answer."""

    def __init__(self, signer: HardwareSigner) -> None:
        self._signer = signer
        self.vrs = (0, 0, 0)

    def sign_msg_hash(self, digest: bytes) -> _Key:
        signature = self._signer.sign_digest(digest)
        r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:64]))
        self.vrs = (signature[64] - 27, r, s)
        return self


def place(document: Mapping[str, Any], path: Path) -> Place | None:
    """The place that a key file names, or None for a key that lies in the file itself. Raises :class:`KeyDamaged`."""
    kind = document.get("kind")
    if kind is None:
        return None
    from ledger.kms import KmsKey
    from ledger.pkcs11 import TokenKey
    from ledger.wallet import WalletKey

    kinds: dict[Any, type[Place]] = {one.kind: one for one in (KmsKey, TokenKey, WalletKey)}
    members = {name: value for name, value in document.items() if name not in ("kind", "version", "address")}
    if not isinstance(kind, str) or kind not in kinds or document.get("version") != _VERSION:
        raise KeyDamaged(f"{path} names a kind of key that is not known here: {kind!r}")
    try:
        return kinds[kind](**members)
    except (TypeError, Malformed) as error:
        raise KeyDamaged(f"{path} does not say where its key lies: {error}") from None


def require_texts(place: Place) -> None:
    """Raise :class:`Malformed` unless each field is a printable text, or absent where it may be."""
    for name, value in asdict(place).items():
        optional = place.__dataclass_fields__[name].default is None
        if (value is None and optional) or (isinstance(value, str) and value and value.isprintable()):
            continue
        raise Malformed(f"{name}: a printable text, please, not {value!r}")


def address_of(point: bytes, where: str) -> Address:
    """The account of a public key: 65 bytes, an uncompressed point. :class:`KeyUnfit` if it is none on secp256k1."""
    from coincurve import PublicKey
    from eth_utils.crypto import keccak

    try:
        key = PublicKey(point)
    except ValueError:
        raise KeyUnfit(f"{where} is not on secp256k1; an account needs a key on that curve") from None
    return Address(keccak(key.format(compressed=False)[1:])[12:])
