"""The keys of what a home encrypts, by asset: made once, and kept in the vault before they encrypt anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.vault import DataKey, Vault


def get_or_new(vault: Vault, asset: str) -> DataKey:
    """The key of an asset, made at the first time; so the key of a run that was killed serves the next one."""
    from ledger.errors import NotFound
    from ledger.vault import DataKey

    try:
        return vault.get(asset)
    except NotFound:
        key = DataKey.new()
        vault.put(asset, key)
        return key
