"""Forget what a dataset's files were called, or how to open its recordings, by erasing the keys (crypto-shredding).

Records, roots, licenses and audits rest on digests and salted commitments, never on a key, so that every proof stays
what it is. What cannot be reached from here is said: copies of this home, and whoever holds a key already.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from api import intake, private_names
from api.data_keys import of_recordings
from api.home import Home, Ledger
from ledger import file

if TYPE_CHECKING:
    from ledger.records import DatasetRecord


@dataclass(frozen=True, slots=True)
class Remains:
    """What stays of a dataset, for everybody: its record, and what rests on it on chain.

    ``stored`` counts the recordings whose ciphertext is in this home's store, ``licensees`` the accounts that were ever
    licensed to train, each of which may hold the recordings' key; ``on_sale`` says that licenses to train still are.
    """

    record: DatasetRecord
    stored: int
    licenses: int
    licensees: int
    on_sale: bool
    models: int
    tracks: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The outcome of :func:`forget`: what was erased now. ``recordings_open`` says that this home can open them yet."""

    names: bool
    recordings: bool
    recordings_open: bool
    remains: Remains


def forget(
    home: Home, dataset_id: int, *, recordings: bool = False, confirm: Callable[[DatasetRecord], None]
) -> Forgotten:
    """Erase the key of the file names and salts of a dataset, and with ``recordings`` the key of its recordings.

    The keys go first, then what they opened and what this home noted of the folder; so a run that was killed has
    forgotten all that it got to, and the same call goes on. Once more, it erases nothing. ``confirm`` is asked before.
    Raises :class:`~ledger.errors.StoreFault` where the disk refuses.
    """
    with home.ledger() as ledger:
        remains = _remains(ledger, dataset_id)
    record = remains.record
    confirm(record)
    vault = home.vault()
    own = of_recordings(record.asset, record.root, record.holder)
    # Erased last, since it says that the asset is this home's, and not words in somebody's record.
    asset = record.asset if vault.holds(own) else None
    names, erased = False, False
    for called, begun in intake.noted(home, record.root, asset):
        if recordings or begun != asset:
            erased = vault.erase(begun) or erased
        names = intake.forget(home, vault, called) or names
    with home.changing("datasets"):
        names = vault.erase(private_names.asset(record.root)) or names
        names = _shred(private_names.path(home, record.root)) or names
        keys = [key for key in (asset, f"licensed:{record.root}", own) if key is not None]
        for key in keys if recordings else ():
            erased = vault.erase(key) or erased
        left = any(vault.holds(key) for key in keys)
    return Forgotten(names, erased, left, remains)


def _shred(path: Path) -> bool:
    try:
        file.shred(path)
    except FileNotFoundError:
        return False
    return True


def _remains(ledger: Ledger, dataset_id: int) -> Remains:
    from api.workflows import datasets

    contracts = ledger.contracts
    entry, record = datasets.show(ledger, dataset_id)
    licenses = contracts.licenses("dataset", dataset_id)
    models = {model.id for model in contracts.models() if dataset_id in dict(model.datasets)}
    return Remains(
        record=record,
        stored=sum(ledger.store.has(recording.content.cid) for recording in record.recordings),
        licenses=len(licenses),
        licensees=len({entry.licensee for entry in licenses if "train" in entry.uses}),
        on_sale="train" in entry.in_force.uses,
        models=len(models),
        tracks=sum(track.model in models for track in contracts.tracks()),
    )
