"""``stemmata generate``: make a track with a model."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands import json_option, key_option, now
from api.console import Console, ask_passphrase
from api.errors import UsageError
from api.home import Home
from api.settings import Settings


@click.command()
@click.option(
    "--model", "model_id", required=True, type=click.IntRange(min=1), metavar="ID", help="The model that plays."
)
@click.option("--seconds", default=30.0, show_default=True, type=float, help="Length, 3 to 3600.")
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0, max=2**32 - 1),
    help="Another seed, another track.",
)
@click.option(
    "--style", metavar="A,B,..", help="Weight of each of the model's datasets, as whole numbers; even if unset."
)
@click.option("--temperature", default="1.0", show_default=True, help="How daring, 0.05 to 5; 1 as the music was.")
@click.option(
    "--out",
    required=True,
    metavar="FILE.wav",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write.",
)
@key_option
@json_option
@click.pass_obj
def generate(
    settings: Settings,
    model_id: int,
    seconds: float,
    seed: int,
    style: str | None,
    temperature: str,
    out: Path,
    key_name: str,
    as_json: bool,
) -> None:
    """Generate a track that carries the watermark of its claim. The same command makes the same file."""
    from api.workflows import generation

    home = Home(settings, ask_passphrase)
    made = generation.generate(
        home,
        model_id,
        seconds=seconds,
        seed=seed,
        creator=home.keystore().address(key_name),
        out=out,
        now=now,
        style=_weights(style),
        temperature=_temperature(temperature),
        unlock=lambda: home.signer(key_name),
    )
    content = {
        "claim": str(made.claim.digest),
        "watermark": made.claim.watermark.hex(),
        "sha256": str(made.audio),
        "pcm": str(made.pcm),
        "iscc": made.iscc,
        "file": str(out),
        "seconds": made.claim.frames / made.claim.rate,
        "model": model_id,
        "seed": seed,
    }
    lines = [
        f"{out}  {content['seconds']:.1f} s",
        f"  claim      {made.claim.digest}",
        f"  watermark  {made.claim.watermark.hex()}",
        f"  sha256     {made.audio}",
        f"  iscc       {made.iscc}",
    ]
    Console(as_json).result(content, "\n".join(lines))


def _weights(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--style {text!r}: give whole numbers with commas between them, such as 3,1") from None


def _temperature(text: str) -> str:
    """The text itself goes into the claim, in one spelling, so that equal settings are equal claims."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.05 <= value <= 5:
        raise UsageError(f"--temperature {text!r}: a number from 0.05 to 5")
    return repr(value)
