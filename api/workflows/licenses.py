"""Buy the right to use a dataset."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from api.home import Home

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.contracts import Contracts, LicenseEntry
    from ledger.keys import Signer


@dataclass(frozen=True, slots=True)
class Licensed:
    """The outcome of :func:`buy`. ``entry`` is None for an owner, who needs no license."""

    entry: LicenseEntry | None
    already: bool


def buy(home: Home, dataset_id: int, *, use: str, signer: Signer, now: Callable[[], datetime]) -> Licensed:
    """Accept a dataset's terms, pay its price and hold a license; a valid one for the same use is not bought twice.

    The License record, signed by the licensee, is the acceptance of the terms named by the dataset's record.
    """
    from ledger.archive import publish
    from ledger.records import LicenseRecord, timestamp

    with home.changing("licenses"), home.ledger() as ledger:
        contracts = ledger.contracts
        dataset = contracts.dataset(dataset_id)
        if dataset.owner == signer.address:
            return Licensed(None, already=True)
        held = training_license(contracts, dataset_id, signer.address, use)
        if held is not None:
            return Licensed(held, already=True)
        record = LicenseRecord(
            subject_kind="dataset",
            subject_id=dataset_id,
            subject_record=dataset.record,
            licensee=signer.address,
            uses=(use,),
            valid_from=timestamp(now()),
            valid_until=dataset.terms.until,
            price=dataset.terms.price,
            currency=dataset.terms.currency,
            royalty_ppm=dataset.terms.royalty_ppm,
        )
        cid = publish(ledger.store, record, signer)
        home.fund(ledger, signer)
        terms = dataset.terms
        if terms.currency is not None and terms.price:
            contracts.allow(signer, terms.currency, terms.price)
        entry = contracts.buy_license(signer, "dataset", dataset_id, (use,), record.digest, str(cid), terms)
        return Licensed(entry, already=False)


def training_license(contracts: Contracts, dataset_id: int, who: Address, use: str = "train") -> LicenseEntry | None:
    """The license for ``use`` that the chain calls valid now, the one that lasts longest; or None."""
    if not contracts.is_licensed("dataset", dataset_id, who, use):
        return None
    held = [entry for entry in contracts.licenses("dataset", dataset_id, who) if use in entry.uses]
    return max(held, key=lambda entry: math.inf if entry.valid_until is None else entry.valid_until, default=None)
