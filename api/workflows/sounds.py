"""What a run hears of licensed datasets: recordings decrypted in memory and decoded apart, or from the cache."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from api import feature_cache
from api.home import Home
from api.workflows import datasets, opening

if TYPE_CHECKING:
    from gen.audio import Decoder, Waveform
    from gen.training.material import StyleCorpus
    from ledger.contracts import DatasetEntry
    from ledger.keys import Signer
    from ledger.records import DatasetRecord, Recording
    from ledger.store import BlockStore
    from ledger.vault import DataKey


def of_datasets(
    home: Home,
    chosen: Sequence[tuple[DatasetEntry, DatasetRecord]],
    decoder: Decoder,
    *,
    signer: Signer,
    now: Callable[[], datetime],
) -> list[StyleCorpus]:
    """The datasets as training sees them, for whoever is licensed to hear them, in the order of their records.

    Labels are the numbers in the record, which say what belongs together and no name. Nothing is decoded before it is
    asked for. Raises what :func:`api.workflows.opening.data_key` raises.
    """
    from gen.source import Source
    from gen.training.material import StyleCorpus

    vault, store = home.vault(), home.store()
    keys = [opening.data_key(home, vault, "dataset", entry.id, signer=signer, now=now) for entry, _ in chosen]
    found = []
    for (entry, record), key in zip(chosen, keys, strict=True):
        recordings = tuple(
            Source(item.sha256.raw, 0, partial(_decoded, store, record.asset, key, item, decoder), labels=item.labels)
            for item in record.recordings
        )
        found.append(StyleCorpus(f"dataset-{entry.id}", recordings, feature_cache.opened(home, key)))
    return found


def _decoded(store: BlockStore, asset: str, key: DataKey, item: Recording, decoder: Decoder) -> Waveform:
    from gen.audio import load

    recording = datasets.read(store, asset, item, key)
    return load(io.BytesIO(recording), name=str(item.sha256), decoder=decoder)
