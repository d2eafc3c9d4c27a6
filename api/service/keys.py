"""With which key a job signs: one that lies in the home, or that of the account's own wallet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.errors import KeyElsewhere, UsageError
from api.home import Home

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.keys import Signer
    from ledger.wallet import Wallet


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
    from ledger.wallet import WalletKey

    name = home.keystore().name_of(account)
    return name is None or home.keystore().card(name).kind == WalletKey.kind


def opened(home: Home, account: Address | None, wallet: Wallet | None) -> Signer:
    """The account's signer. Raises as :func:`require`, and what opening a key does.

    An account that signs with its wallet gets companion keys in the home, as every other has: with them its manifests
    are signed, and the first record that it registers says which they are.
    """
    from ledger.wallet import WalletKey, WalletSigner

    require(home, account)
    assert account is not None  # noqa: S101  (it is required)
    name = home.keystore().name_of(account)
    if name is None:
        name = f"wallet-{str(account)[2:].lower()}"
        home.keystore().adopt(name, WalletKey(str(account)), home.passphrase("the companions of a wallet"))
    signer = home.signer(name)
    return signer.by(wallet) if isinstance(signer, WalletSigner) and wallet is not None else signer
