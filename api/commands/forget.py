"""``stemmata dataset forget``: erase the keys of what a dataset's files were called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from api.commands import json_option
from api.console import Console, ask_passphrase, confirm, counted
from api.home import Home
from api.settings import Settings

if TYPE_CHECKING:
    from ledger.records import DatasetRecord

COPIES = (
    "copies of this home: whoever has a backup or snapshot of vault/ and private/, and the passphrase, reads the names "
    "in it; delete those too"
)
REMNANTS = (
    "what a disk has put aside by itself: spare cells of an SSD, a journal, an earlier version kept by the system"
)
HELD = "keys that licensees have been given, and copies of the content on other machines"


@click.command("forget")
@click.argument("dataset_id", metavar="ID", type=click.IntRange(min=1))
@click.option("--recordings", is_flag=True, help="Forget the recordings' key as well: nobody new can open them then.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def forget(settings: Settings, dataset_id: int, recordings: bool, yes: bool, as_json: bool) -> None:
    """Forget, for good, what the files of dataset ID were called, by erasing the key of their names and salts.

    The record, its root, licenses, models, tracks and every audit stay what they are: they rest on digests alone. Run
    it in the home that registered the dataset.
    """
    from api.workflows import forgetting

    def ask(record: DatasetRecord) -> None:
        if not yes:
            what = "the names of the files, and the key of the recordings," if recordings else "the names of the files"
            confirm(f"Forget {what} of dataset {dataset_id} ({record.title}), for good?", "--yes")

    done = forgetting.forget(Home(settings, ask_passphrase), dataset_id, recordings=recordings, confirm=ask)
    left, record = done.remains, done.remains.record
    forgotten = [word for word, erased in (("names", done.names), ("recordings", done.recordings)) if erased]
    total = len(record.recordings)
    content = {
        "dataset": dataset_id,
        "forgotten": forgotten,
        "already": not forgotten,
        "remains": {
            "title": record.title,
            "holder": str(record.holder),
            "record": str(record.digest),
            "root": str(record.root),
            "recordings": total,
            "ciphertexts": left.stored,
            "opens": done.recordings_open,
            "licenses": left.licenses,
            "licensees": left.licensees,
            "onSale": left.on_sale,
            "models": left.models,
            "tracks": left.tracks,
        },
        "beyond": [COPIES, REMNANTS, HELD],
    }
    erased = " and ".join({"names": "file names and salts", "recordings": "the recordings' key"}[w] for w in forgotten)
    opens = (
        "this home can open it; --recordings forgets that too"
        if done.recordings_open
        else f"this home cannot open it any more; {counted(left.licensees, 'licensee')} may hold the key"
    )
    lines = [
        f"dataset {dataset_id}: forgotten: {erased}" if forgotten else f"dataset {dataset_id}: nothing left to forget",
        "What remains, for everybody and for good:",
        f"  record      title {record.title!r}, holder {record.holder}, license, terms;",
        f"              of {counted(total, 'recording')} digests, length, rate, channels, ISCC, fingerprint, CID, and",
        "              commitments that say nothing without salts",
        f"  ciphertext  of {left.stored} of {total} recordings in this home: {opens}",
        f"  chain       the dataset, {counted(left.licenses, 'license')}, {counted(left.models, 'model')} and "
        f"{counted(left.tracks, 'track')} that rest on it; audits find them as before",
        *(
            [
                "  offer       licenses to train are on sale yet, and their buyers can be given no key; end that with:",
                f"              stemmata dataset withdraw {dataset_id}",
            ]
            if left.on_sale and not done.recordings_open
            else []
        ),
        "What this cannot reach:",
        *(f"  {beyond}" for beyond in content["beyond"]),  # type: ignore[attr-defined]
    ]
    Console(as_json).result(content, "\n".join(lines))
