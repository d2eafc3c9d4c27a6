"""The deployed contracts, as verbs on typed values.

Every verb that changes the chain returns when its transaction is mined. Any method may raise :class:`ChainUnreachable`,
those that send :class:`InsufficientFunds`, and those that name a token :class:`NotFound` if it does not exist. Amounts
are in a currency's smallest unit; a currency is the address of an ERC-20 token, or None for ether, counted in wei.
"""

from __future__ import annotations

from ledger.contracts.datasets import DatasetVerbs
from ledger.contracts.entries import (
    AnchorEntry,
    DatasetEntry,
    KeyEnd,
    KeyEntry,
    LicenseEntry,
    ListingEntry,
    ModelEntry,
    ShareEntry,
    TrackEntry,
)
from ledger.contracts.keys import KeyVerbs
from ledger.contracts.licenses import LicenseVerbs
from ledger.contracts.market import MarketVerbs
from ledger.contracts.models import ModelVerbs
from ledger.contracts.royalties import RoyaltyVerbs
from ledger.deployment import Deployment, deploy

__all__ = [
    "AnchorEntry",
    "Contracts",
    "DatasetEntry",
    "Deployment",
    "KeyEnd",
    "KeyEntry",
    "LicenseEntry",
    "ListingEntry",
    "ModelEntry",
    "ShareEntry",
    "TrackEntry",
    "deploy",
]


class Contracts(DatasetVerbs, LicenseVerbs, ModelVerbs, RoyaltyVerbs, MarketVerbs, KeyVerbs):
    """The seven contracts of a deployment on an open chain."""
