"""The keys of what a home encrypts, by asset: made once, and kept in the vault before they encrypt anything.

A key is handed out under another name than the one that it encrypts under. A record's asset is public, and whoever
registers a record writes into it what he likes; a digest is whoever's who registers it first. So the name to hand out
under tells the account as well that registered both, and is written by the home of that account alone.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.digest import Digest
    from ledger.vault import DataKey, Vault


def get_or_new(vault: Vault, asset: str) -> DataKey:
    """The key of an asset, made at the first time; so the key of a run that was killed serves the next one."""
    from ledger.errors import KeyExists, NotFound
    from ledger.vault import DataKey

    try:
        return vault.get(asset)
    except NotFound:
        with contextlib.suppress(KeyExists):  # another process was faster
            vault.put(asset, DataKey.new())
        return vault.get(asset)


def of_recordings(asset: str, root: Digest, holder: Address) -> str:
    """Under which name a dataset's key is kept to be handed out."""
    return f"{asset}:{root}:{holder}"


def of_weights(weights: Digest, trainer: Address) -> str:
    """Under which name the key of a sealed model is kept, to encrypt and to be handed out."""
    return f"weights:{weights}:{trainer}"
