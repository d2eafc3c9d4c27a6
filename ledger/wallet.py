"""Keys in a person's own wallet: who is asked there to sign a message, or to send a transaction.

A wallet (EIP-1193) signs personal messages (EIP-191) and sends transactions through a node of its own. It signs no bare
digest, and hands out no signed transaction: so what it is asked to send is looked up on the chain afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Protocol

from ledger.address import Address
from ledger.errors import KeyUnreachable, KeyWithheld, SignatureInvalid
from ledger.hardware import Place

if TYPE_CHECKING:
    from ledger.companions import Companions

_SIGNATURE = 65


class Wallet(Protocol):
    """The way to the person at a wallet. Both wait for an answer.

    They raise :class:`~ledger.errors.KeyUnreachable` where none comes, and :class:`~ledger.errors.KeyWithheld` where it
    is no.
    """

    def sign(self, message: bytes) -> bytes:
        """65 bytes over a personal message."""

    def send(self, chain_id: int, to: Address | None, data: bytes, value: int, gas: int) -> str:
        """The hash of what was sent, ``0x`` and 64 hex digits; ``value`` is in wei, ``gas`` the most it may use."""


@dataclass(frozen=True)
class WalletKey(Place):
    """A key in the wallet of whoever has this account; the file holds no secret, as that of a key in hardware."""

    kind: ClassVar[str] = "wallet"

    account: str

    def __post_init__(self) -> None:
        """Raise :class:`~ledger.errors.Malformed` for what is no address."""
        Address.parse(self.account)

    def signer(self, pin: str, companions: Companions | None = None) -> WalletSigner:
        """A signer that nobody stands behind yet: :meth:`WalletSigner.by` gives it its wallet."""
        return WalletSigner(Address.parse(self.account), companions)


class WalletSigner:
    """Signs what a person's wallet signs. It shows itself by its address alone, and refuses to be pickled."""

    def __init__(self, address: Address, companions: Companions | None = None, wallet: Wallet | None = None) -> None:
        self._address = address
        self._companions = companions
        self._wallet = wallet

    @property
    def address(self) -> Address:
        """The account that signs."""
        return self._address

    @property
    def companions(self) -> Companions | None:
        """The account's companion keys, if they are open: those lie in the home, not in the wallet."""
        return self._companions

    def by(self, wallet: Wallet) -> WalletSigner:
        """The same, with somebody to ask."""
        return WalletSigner(self._address, self._companions, wallet)

    def sign_message(self, message: bytes) -> bytes:
        """65 bytes r, s, v. Raises :class:`SignatureInvalid` where the wallet's account, or message, is another."""
        from ledger.signing import personal_digest, recover

        signature = self._asked().sign(message)
        if len(signature) == _SIGNATURE and signature[64] in (0, 1):  # as hardware behind a wallet counts
            signature = signature[:64] + bytes([27 + signature[64]])
        if recover(personal_digest(message), signature) != self._address:
            raise SignatureInvalid(f"the wallet signed as another account than {self._address}, or another message")
        return signature

    def send_transaction(self, chain_id: int, to: Address | None, data: bytes, value: int, gas: int) -> str:
        """The hash of what the wallet sent; whoever asks looks whether it is what was asked for."""
        return self._asked().send(chain_id, to, data, value, gas)

    def sign_digest(self, digest: bytes) -> NoReturn:
        """Raise :class:`KeyWithheld`: no wallet signs what its owner cannot read."""
        raise KeyWithheld(f"the wallet of {self._address} signs messages, and no bare digests")

    def sign_transaction(self, tx: Mapping[str, Any]) -> NoReturn:
        """Raise :class:`KeyWithheld`: a wallet sends its transactions itself (:meth:`send_transaction`)."""
        raise KeyWithheld(f"the wallet of {self._address} sends transactions itself, and hands none out")

    def _asked(self) -> Wallet:
        if self._wallet is None:
            raise KeyUnreachable(f"the key of {self._address} is in a wallet, and nobody is there to ask")
        return self._wallet

    def __repr__(self) -> str:
        return f"WalletSigner({self._address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a way to a key does not leave its process")
