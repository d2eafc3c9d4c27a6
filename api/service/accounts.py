"""Accounts: whose key lies here, whose has ended, and on which chain they act."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from api.home import Home
from api.service.keys import in_wallet
from api.service.service import Service
from api.service.sessions import Sessions
from api.service.tokens import Tokens
from ledger.address import Address
from ledger.errors import KeyEnded

if TYPE_CHECKING:
    from ledger.chain import Chain


def signs_here(home: Home, account: Address) -> bool:
    """Whether jobs can sign for an account: its key is in this home, and so is what opens it."""
    return home.settings.passphrase is not None and not in_wallet(home, account)


@contextlib.contextmanager
def chain_of(home: Home) -> Iterator[Chain]:
    """The chain, to read it."""
    with home.reading() as ledger:
        yield ledger.chain


def refuse_ended(home: Home, account: Address) -> None:
    """Raise :class:`KeyEnded` for an account whose key was rotated or revoked, and so may be anybody's.

    Raises :class:`ChainUnreachable` where nobody can say.
    """
    with home.reading() as ledger:
        end = ledger.contracts.key_end(account)
    if end is not None:
        word = "revoked" if end.successor is None else f"followed by {end.successor}"
        raise KeyEnded(f"the key of {account} was {word} in block {end.block}: it signs nobody in any more")


def look_after(service: Service, account: Address) -> None:
    """Ask the chain whether an account's key has ended; if it has, so have its sessions and tokens.

    Raises as :func:`refuse_ended`.
    """
    try:
        refuse_ended(service.home, account)
    except KeyEnded:
        Sessions(service.database).end_all(account)
        Tokens(service.database).end_all(account)
        raise


def chain_id(home: Home) -> int:
    """The chain's id (EIP-155), as the deployment says it; a new home's chain is made first."""
    from ledger.deployment import Deployment

    where = home.settings.deployment or home.path / "deployment.json"
    if where.exists():
        return Deployment.read(where).chain_id
    with home.reading() as ledger:
        return ledger.contracts.deployment.chain_id
