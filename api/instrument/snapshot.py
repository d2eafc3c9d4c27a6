"""An instrument taken out of the home in which it was made: everything but the recordings, and nobody's secrets."""

from __future__ import annotations

import lzma
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from api.errors import UsageError
from api.home import Home, Ledger
from api.instrument.files import CHAIN, MANIFEST, RECORDS, WEIGHTS, Instrument
from ledger.digest import Digest

if TYPE_CHECKING:
    from ledger.cid import Cid


def take(home: Home, model_id: int, folder: Path) -> Instrument:
    """Write the files of :class:`Instrument` into ``folder``, which is made if need be; the manifest last.

    Raises :class:`UsageError` where the weights are sealed, or the home speaks to a network, and errors of
    the store where a record or the weights are not in it.
    """
    from ledger import car, file
    from ledger.archive import fetch
    from ledger.records import TrainingRunRecord

    if home.settings.rpc_url is not None:
        raise UsageError("an instrument comes out of a home with an embedded chain, and STEMMATA_RPC is set")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    with home.ledger() as ledger:
        entry = ledger.contracts.model(model_id)
        run = fetch(ledger.store, TrainingRunRecord, entry.cid, entry.record, entry.trainer)
        if run.sealed:
            raise UsageError(f"model {model_id}: its weights are sealed, and an instrument's are for everybody")
        weights = ledger.store.read(run.content.cid)
        file.write(folder / WEIGHTS, lambda out: out.writelines(weights), mode=0o644)
        holders = {ledger.contracts.dataset(dataset).holder for dataset, _ in entry.datasets}
        makers = tuple(sorted({entry.trainer, *holders}))
        roots = _roots(ledger)
        file.write(folder / RECORDS, lambda out: car.export(ledger.store, roots, out), mode=0o644)
        # Under the chain's lock: nobody writes to it meanwhile.
        packed = _packed(home.folder("chain") / "chain.sqlite")
        file.write(folder / CHAIN, lambda out: out.write(packed), mode=0o644)
    files = {name: Digest.of_file(folder / name) for name in (WEIGHTS, RECORDS, CHAIN)}
    instrument = Instrument(folder, makers, files)
    file.write(folder / MANIFEST, lambda out: out.write(instrument.to_json().encode()), mode=0o644)
    return instrument


def _roots(ledger: Ledger) -> list[Cid]:
    """What every record on the chain names, and the records; but no recording and no weights."""
    from api.workflows import datasets
    from ledger import closure
    from ledger.archive import fetch
    from ledger.records import TrainingRunRecord

    contracts, store = ledger.contracts, ledger.store
    left_out = {
        fetch(store, TrainingRunRecord, model.cid, model.record, model.trainer).content.cid
        for model in contracts.models()
    }
    for dataset in contracts.datasets():
        left_out |= {item.content.cid for item in datasets.show(ledger, dataset.id)[1].recordings}
    named: dict[Cid, None] = {}
    for filed in closure.records(contracts):
        named |= {each.cid: None for each in (filed.envelope, *filed.read(store))}
    return [cid for cid in named if cid not in left_out]


def _packed(path: Path) -> bytes:
    """A chain's file without free pages and log, compressed. Other processes' blocks are in it whole or not at all."""
    with tempfile.TemporaryDirectory() as place, closing(sqlite3.connect(path)) as connection:
        copy = Path(place) / path.name
        connection.execute("vacuum into ?", (str(copy),))
        return lzma.compress(copy.read_bytes(), preset=9 | lzma.PRESET_EXTREME)
