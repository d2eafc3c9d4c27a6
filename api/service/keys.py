"""With which key a job signs: one that lies in the home, or that of the account's own wallet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from api.errors import KeyElsewhere, UsageError
from api.home import Home
from ledger.wallet import WalletKey, WalletSigner

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.companions import Companions
    from ledger.keys import Signer
    from ledger.wallet import Wallet

_INTRODUCTION: Final = b"Keep companion keys for my account, which sign beside it."


def require(home: Home, account: Address | None) -> None:
    """Raise :class:`~api.errors.KeyElsewhere`, with what to do instead, where nothing signs for the account here.

    On a network an account's own wallet does; no wallet reaches the embedded chain.
    """
    if account is None:
        raise UsageError("this is done for an account; sign in first")
    if home.settings.rpc_url is None and home.keystore().name_of(account) is None:
        raise KeyElsewhere(
            f"the key of {account} is not in this home, and no wallet reaches the embedded chain. Use a home "
            "of your own, have this one's keeper import the key (stemmata key import), or use a service on a network"
        )


def in_wallet(home: Home, account: Address) -> bool:
    """Whether the account's key lies in its wallet."""
    name = home.keystore().name_of(account)
    return name is None or home.keystore().card(name).kind == WalletKey.kind


def opened(home: Home, account: Address | None, wallet: Wallet | None) -> Signer:
    """The account's signer. Raises as :func:`require`, and what opening a key does.

    An account that signs with its wallet gets companion keys in the home once it has, as every other has: with them its
    manifests are signed, and the first record that it registers says which they are.
    """
    require(home, account)
    assert account is not None  # noqa: S101  (it is required)
    name = home.keystore().name_of(account)
    if name is None:
        return _Newcomer(home, account, wallet)
    signer = home.signer(name)
    return signer.by(wallet) if isinstance(signer, WalletSigner) and wallet is not None else signer


class _Newcomer(WalletSigner):
    """A wallet that has signed nothing here yet. Its companion keys are made when it has: anybody can name an account,
    and would fill the home with keys that nobody uses."""

    def __init__(self, home: Home, account: Address, wallet: Wallet | None) -> None:
        super().__init__(account, None, wallet)
        self._home, self._made = home, False

    @property
    def companions(self) -> Companions | None:
        """The account's companion keys. Where they are wanted before anything was signed, the wallet signs that."""
        if not self._made:
            self.sign_message(_INTRODUCTION)
        return self._companions

    def sign_message(self, message: bytes) -> bytes:
        """As every wallet; the first good signature leaves companion keys in the home."""
        signature = super().sign_message(message)
        if not self._made:
            name, place = f"wallet-{str(self.address)[2:].lower()}", WalletKey(str(self.address))
            self._home.keystore().adopt(name, place, self._home.passphrase("the companions of a wallet"))
            self._companions, self._made = self._home.signer(name).companions, True
        return signature
