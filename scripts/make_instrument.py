#!/usr/bin/env python
"""Make the instrument that comes with the package: datasets, model, offer, snapshot and model card, in one command.

    python scripts/render_scores.py recordings --styles bach beethoven haydn mozart schumann
    python scripts/make_instrument.py recordings --preset base --home maker --out my-instrument

RECORDINGS has a folder for each composer, as render_scores makes them. In the home a key `maker` registers each as a
dataset (CC0-1.0, free to train on), trains on all of them, and offers the model to generate with, for nothing. What is
done is found, so a run that was stopped goes on; with --model nothing is registered or trained, and that model of the
home is taken. The key's passphrase is STEMMATA_PASSPHRASE, or made up and kept in the home. Delete the home at the end:
nobody needs the key again.

`STEMMATA_INSTRUMENT=my-instrument` lets new homes begin with what is in the folder; `api/instrument` is the package's.
"""

from __future__ import annotations

import argparse
import csv
import os
import secrets
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from api.console import Console
from api.errors import ApiError
from api.home import Home
from api.instrument import snapshot
from api.instrument.files import WEIGHTS
from api.settings import Settings
from api.workflows import datasets, model_audit, offers, training
from api.workflows import instrument as workflow
from gen.errors import GenError
from gen.preset import load_preset, read_preset
from ledger.archive import fetch
from ledger.errors import LedgerError
from ledger.findings import Verdict
from ledger.records import DatasetRecord, Terms, TrainingRunRecord

if TYPE_CHECKING:
    from ledger.keys import Signer

# Monteverdi is not among them: the encodings that music21 has of him may come from an edition of 2003.
COMPOSERS = {
    "bach": "Johann Sebastian Bach",
    "beethoven": "Ludwig van Beethoven",
    "haydn": "Joseph Haydn",
    "mozart": "Wolfgang Amadeus Mozart",
    "schumann": "Robert Schumann",
}
MOST_BYTES = 20_000_000
"""Of weights in a package."""


def main() -> None:
    options = _options()
    home = Home(Settings(home=options.home.absolute(), passphrase=_passphrase(options.home)))
    try:
        signer = _maker(home, options.key)
        number = _trained(home, signer, options) if options.model is None else options.model
        offers.change(home, "model", number, _free, signer=signer)
        snapshot.take(home, number, options.out)
        run, learned = _records(home, number)
        sources = _sources(options.recordings, options.out)
        (options.out / "MODEL_CARD.md").write_text(_card(number, run, learned, sources), "utf-8")
        _try_out(options.out.absolute())
    except (ApiError, GenError, LedgerError, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    for path in sorted(options.out.iterdir()):
        if path.suffix != ".py" and path.is_file():
            print(f"{path.stat().st_size:>12}  {path}")
    size = (options.out / WEIGHTS).stat().st_size
    if size > MOST_BYTES:
        print(f"the weights have {size} bytes; a package should carry no more than {MOST_BYTES}")
    print(f"model {number} is the instrument. Delete {options.home} now: the key in it is needed by nobody.")


def _passphrase(home: Path) -> str:
    """The environment's, or one that was made up for a key that guards play money until its home is deleted."""
    given = os.environ.get("STEMMATA_PASSPHRASE")
    if given:
        return given
    kept = home / "passphrase"
    if not kept.exists():
        home.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
    return kept.read_text()


def _maker(home: Home, name: str) -> Signer:
    if not home.keystore().has(name):
        home.keystore().new(name, home.new_passphrase(f"key {name!r}"))
    return home.signer(name)


def _trained(home: Home, signer: Signer, options: argparse.Namespace) -> int:
    """Every dataset registered, and the model trained on them; its number."""
    console, numbers = Console(), []
    for name, composer in COMPOSERS.items():
        with console.progress(in_bytes=True) as report:
            done = datasets.add(
                home,
                options.recordings / name,
                title=f"{composer}: public-domain scores performed by FluidSynth",
                license_="CC0-1.0",
                terms=Terms(price=0, royalty_ppm=0, uses=("train",)),
                signer=signer,
                now=_now,
                skip_bad=True,
                report=report,
            )
        print(f"dataset {done.entry.id}: {name}, {done.recordings} recordings, {done.seconds / 60:.1f} min", flush=True)
        numbers.append(done.entry.id)
    preset = read_preset(Path(options.preset)) if options.preset.endswith(".yaml") else load_preset(options.preset)
    with console.progress() as report:
        trained = training.train(
            home,
            numbers,
            preset=preset,
            seed=options.seed,
            signer=signer,
            now=_now,
            progress=lambda step: report(training.described(step), step.step, step.steps),
            effort=training.Effort(options.processes, options.device, options.board),
        )
    return trained.entry.id


def _free(terms: Terms) -> Terms:
    return replace(terms, price=0, currency=None, uses=("generate",), until=None)


def _records(home: Home, number: int) -> tuple[TrainingRunRecord, list[DatasetRecord]]:
    with home.ledger() as ledger:
        entry = ledger.contracts.model(number)
        run = fetch(ledger.store, TrainingRunRecord, entry.cid, entry.record, entry.trainer)
        return run, [datasets.show(ledger, use.id)[1] for use in run.datasets]


def _sources(recordings: Path, out: Path) -> int:
    """The scores that became recordings, out of what render_scores wrote of all; how many."""
    with (recordings / "SOURCES.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["style"] in COMPOSERS and row["recording"]]
    fields = ("style", "score", "sha256", "recording", "seconds")
    with (out / "SOURCES.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: (row["style"], row["score"])))
    return len(rows)


def _try_out(folder: Path) -> None:
    """Begin a home with it, and audit the model there, as anybody will."""
    from gen.generate import Generator

    with tempfile.TemporaryDirectory() as place:
        home = Home(Settings(home=Path(place), instrument=folder))
        with home.ledger() as ledger:
            number = workflow.entry(home, ledger).id
        outcome = model_audit.audit(home, number)
        if outcome.verdict is not Verdict.VERIFIED:
            sys.exit(f"a home that begins with {folder} does not verify it: {outcome.verdict}")
    Generator.load(folder / WEIGHTS)


def _card(number: int, run: TrainingRunRecord, learned: list[DatasetRecord], sources: int) -> str:
    """Facts are the records' own."""
    hours = [sum(item.frames / item.rate for item in record.recordings) / 3600 for record in learned]
    began, ended = (datetime.fromisoformat(time) for time in (run.started, run.finished))
    devices = run.machine.partition(", ")[2]
    steps = [f"{phase} {run.config[f'{phase}.steps']}" for phase in ("latent", "generator", "vocoder")]
    rows = [
        f"| {use.id} | {record.title.partition(':')[0]} | {len(record.recordings)} | {time * 60:.1f} | `{use.root}` |"
        for use, record, time in zip(run.datasets, learned, hours, strict=True)
    ]
    template = (Path(__file__).parent / "model_card.md").read_text("utf-8")
    return template.format(
        weights=run.weights,
        size=run.weights_size,
        record=run.digest,
        maker=run.trainer,
        model=number,
        ids=f"{run.datasets[0].id} to {run.datasets[-1].id}",
        preset=run.preset,
        seed=run.seed,
        hours=sum(hours),
        recordings=sum(len(record.recordings) for record in learned),
        sources=sources,
        datasets="\n".join(rows),
        windows=f"{run.split.train} to learn from, {run.split.validation} and {run.split.test} to judge by",
        steps=", ".join(steps[1:] if run.config["latent.kind"] == "linear" else steps),
        began=run.started,
        ended=run.finished,
        minutes=(ended - began).total_seconds() / 60,
        machine=run.machine.partition(", ")[0],
        devices=f"on {devices}" if devices else "in one process on the processor, not on a GPU",
        code=run.code,
        packages=", ".join(f"{name} {version}" for name, version in run.packages.items()),
        metrics="\n".join(f"| `{name}` | {value} |" for name, value in run.metrics.items()),
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path, help="the folder that render_scores wrote")
    parser.add_argument("--home", type=Path, required=True, help="where keys, datasets and runs lie meanwhile")
    parser.add_argument("--out", type=Path, required=True, help="the instrument's folder")
    parser.add_argument("--preset", default="base", help="tiny, small, base or a .yaml file (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the training (%(default)s)")
    parser.add_argument("--model", type=int, help="take this model of the home, whatever it was trained on")
    parser.add_argument("--key", default="maker", help="its name in the home (%(default)s)")
    parser.add_argument("--processes", type=int, default=1, help="that share each batch (%(default)s)")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 (default: cuda if there is one)")
    parser.add_argument("--board", type=Path, help="a folder for TensorBoard")
    return parser.parse_args()


if __name__ == "__main__":
    main()
