"""Signers: who can sign for an account, and the one whose key is in this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, Protocol

from ledger.address import Address
from ledger.companions import Companions
from ledger.errors import Malformed


class Signer(Protocol):
    """Whoever can sign for an address. The key may be in this process, or far away in a KMS or HSM."""

    @property
    def address(self) -> Address:
        """The account that signs."""

    @property
    def companions(self) -> Companions | None:
        """The account's companion keys, where they are open: what is signed is then co-signed as well."""

    def sign_message(self, message: bytes) -> bytes:
        """The same as :meth:`sign_digest` over a personal message (EIP-191, version 0x45)."""

    def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes r, s, v over a 32-byte digest; v is 27 or 28, s in the lower half."""

    def sign_transaction(self, tx: Mapping[str, Any]) -> bytes:
        """The raw signed form of a transaction with all its fields filled in."""


class LocalSigner:
    """A key in this process. It shows itself by its address alone, and refuses to be pickled or copied."""

    __slots__ = ("_address", "_companions", "_key")

    def __init__(self, secret: bytes, companions: Companions | None = None) -> None:
        """Take the 32 bytes of a secp256k1 key. Raises :class:`Malformed`, silent about the bytes, if they are none."""
        from coincurve import PrivateKey
        from eth_utils.crypto import keccak

        if len(secret) != 32:
            raise Malformed(f"a private key has 32 bytes, not {len(secret)}")
        try:
            self._key = PrivateKey(secret)
        except ValueError:
            raise Malformed("a private key lies between 1 and the order of secp256k1") from None
        self._address = Address(keccak(self._key.public_key.format(compressed=False)[1:])[12:])
        self._companions = companions

    @classmethod
    def generate(cls) -> LocalSigner:
        """A new random key, without companions."""
        from coincurve import PrivateKey

        return cls(PrivateKey().secret)

    @property
    def address(self) -> Address:
        """The account that signs."""
        return self._address

    @property
    def companions(self) -> Companions | None:
        """The account's companion keys, if they are open."""
        return self._companions

    def sign_message(self, message: bytes) -> bytes:
        """65 bytes r, s, v over a personal message."""
        from ledger.signing import personal_digest

        return self.sign_digest(personal_digest(message))

    def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes r, s, v; the nonce follows RFC 6979, so one digest always gets the same signature."""
        if len(digest) != 32:
            raise Malformed(f"a digest to sign has 32 bytes, not {len(digest)}")
        signature: bytes = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([27 + signature[64]])

    def sign_transaction(self, tx: Mapping[str, Any]) -> bytes:
        """The raw signed transaction (EIP-155, 2930 or 1559, by its fields). :class:`Malformed` if one is missing."""
        from eth_account import Account

        try:
            return bytes(Account.sign_transaction(dict(tx), self._key.secret).raw_transaction)
        except (TypeError, ValueError) as error:
            raise Malformed(f"the transaction cannot be signed: {error}") from None

    def __repr__(self) -> str:
        return f"LocalSigner({self._address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key does not leave its process")
