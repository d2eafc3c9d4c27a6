"""``stemmata train``: train a model on licensed datasets."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from api.amounts import percent_from_ppm, ppm_from_percent
from api.commands import json_option, key_option, now
from api.console import Console, ask_passphrase
from api.home import Home
from api.settings import Settings


@click.command()
@click.option(
    "--dataset",
    "dataset_ids",
    required=True,
    multiple=True,
    type=click.IntRange(min=1),
    metavar="ID",
    help="A dataset to learn from; repeat it for more.",
)
@click.option(
    "--preset",
    default="tiny",
    show_default=True,
    metavar="NAME|FILE.yaml",
    help="Size and settings of the model: tiny, small, base, or a file of your own.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0, max=2**32 - 1),
    help="Chooses among equally good outcomes.",
)
@click.option(
    "--royalty",
    default="0",
    show_default=True,
    metavar="PERCENT",
    help="Part of a track's income for the model's holder; cannot be changed later.",
)
@click.option("--seal", is_flag=True, help="Store the weights encrypted, for you and who is licensed to generate.")
@click.option(
    "--processes",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Share each batch among so many, on a GPU each if there are any.",
)
@click.option("--device", metavar="NAME", help="cpu, cuda, or one GPU such as cuda:1.  [default: cuda if there is one]")
@click.option(
    "--board",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write losses, spectrograms and sounds there, for TensorBoard.",
)
@key_option
@json_option
@click.pass_obj
def train(
    settings: Settings,
    dataset_ids: tuple[int, ...],
    preset: str,
    seed: int,
    royalty: str,
    seal: bool,
    processes: int,
    device: str | None,
    board: Path | None,
    key_name: str,
    as_json: bool,
) -> None:
    """Train a model on one or more datasets, each licensed to the key, and record the run on chain.

    Begun by torchrun, once for each process on each machine, all share one training, and the first one records it.
    """
    from api.errors import UsageError
    from api.workflows import training
    from gen.preset import load_preset, read_preset
    from gen.training.processes import begun_by_torchrun, by_torchrun

    home, console = Home(settings, ask_passphrase), Console(as_json)
    settled = read_preset(Path(preset)) if preset.endswith((".yaml", ".yml")) else load_preset(preset)
    asked = ppm_from_percent(royalty, "royalty")
    signer = home.signer(key_name)
    with contextlib.ExitStack() as shared:
        team = None
        if begun_by_torchrun():
            if processes > 1:
                raise UsageError("--processes: torchrun says how many there are; leave it out")
            team = shared.enter_context(by_torchrun(device))
        if team is not None and not team.leads:
            training.follow(home, dataset_ids, preset=settled, seed=seed, signer=signer, now=now, team=team)
            return
        report = shared.enter_context(console.progress())
        done = training.train(
            home,
            dataset_ids,
            preset=settled,
            seed=seed,
            signer=signer,
            now=now,
            royalty_ppm=asked,
            seal=seal,
            progress=lambda step: report(training.described(step), step.step, step.steps),
            effort=training.Effort(processes, device, board, team=team),
        )
    entry = done.entry
    content = {
        "model": entry.id,
        "weights": str(entry.weights),
        "record": str(entry.record),
        "cid": entry.cid,
        "datasets": [{"dataset": dataset_id, "share_ppm": share} for dataset_id, share in entry.datasets],
        "royalty": percent_from_ppm(entry.royalty_ppm),
        "metrics": done.metrics,
        "sealed": done.sealed,
        "already": done.already,
    }
    lines = [
        f"model {entry.id}{' (trained before)' if done.already else ''}",
        f"  weights   {entry.weights}{' (sealed)' if done.sealed else ''}",
        *(
            f"  dataset   {dataset_id}, {percent_from_ppm(share)} % of the audio"
            for dataset_id, share in entry.datasets
        ),
        f"  royalty   {content['royalty']} % of a track's income",
        f"  record    {entry.record}",
        *(f"  {name:<28}{value}" for name, value in done.metrics.items()),
    ]
    console.result(content, "\n".join(lines))
