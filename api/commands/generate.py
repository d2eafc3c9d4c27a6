"""``stemmata generate``: make a track with a model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.commands import json_option, key_option, now
from api.console import Console, ask_passphrase
from api.errors import UsageError
from api.home import Home
from api.settings import Settings

if TYPE_CHECKING:
    from api.workflows.model_labels import Asked
    from gen.waveform import Waveform
    from ledger.records import RepeatableTrackRecord

_LABEL = re.compile(r"(?:(?P<dataset>[0-9]{1,15}):)?(?P<field>[a-z]+)=(?P<number>[0-9]{1,15})")


@click.command()
@click.option(
    "--model", "model_id", required=True, type=click.IntRange(min=1), metavar="ID", help="The model that plays."
)
@click.option("--seconds", default=30.0, show_default=True, type=float, help="Length, 3 to 3600.")
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0, max=2**53 - 1),
    help="Another seed, another track.",
)
@click.option(
    "--style", metavar="A,B,..", help="Weight of each of the model's datasets, as whole numbers; even if unset."
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="[DATASET:]FIELD=NUMBER",
    help="A label by its number in a dataset, such as 3:composer=2 (model show lists them); once for each field.",
)
@click.option("--temperature", default="1.0", show_default=True, help="How daring, 0.05 to 5; 1 as the music was.")
@click.option("--top-p", metavar="P", help="Only the likeliest that together reach this probability, above 0 to 1.")
@click.option(
    "--beams", default=1, show_default=True, type=click.IntRange(1, 64), help="More than 1: search the likeliest way."
)
@click.option(
    "--primer",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Music to go on from, 0.5 to 60 s; keep it, since a replay asks for it.",
)
@click.option(
    "--morph",
    metavar="seed=N,style=A:B:..",
    help="Where the music moves to, evenly, until its end: to another seed's, to another style, or both.",
)
@click.option(
    "--variations", default=1, show_default=True, type=click.IntRange(1, 100), help="So many tracks: FILE-1.wav, ..."
)
@click.option(
    "--repeat-limit",
    default=5.0,
    show_default=True,
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="What repeats more of a training recording is refused and made again.",
)
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
    labels: tuple[str, ...],
    temperature: str,
    top_p: str | None,
    beams: int,
    primer: Path | None,
    morph: str | None,
    variations: int,
    repeat_limit: float,
    out: Path,
    key_name: str,
    as_json: bool,
) -> None:
    """Generate tracks that carry the watermark of their claim. The same command makes the same files."""
    from api.workflows import generation

    home = Home(settings, ask_passphrase)
    weights, asked = None if style is None else _weights("--style", style, ","), _labels(labels)
    morph_seed, morph_style = _morph(morph)
    wish = generation.Wish(
        temperature=_decimal("--temperature", temperature, 0.05, 5),
        nucleus=None if top_p is None else _decimal("--top-p", top_p, 1e-6, 1),
        beams=beams,
        labels=_moved(home, model_id, asked) if asked else None,
        primer=None if primer is None else heard_primer(primer),
        morph_seed=morph_seed,
        morph_style=morph_style,
        limit=repeat_limit,
    )
    outs = [out] if variations == 1 else [out.with_stem(f"{out.stem}-{number + 1}") for number in range(variations)]
    made = generation.variations(
        home,
        model_id,
        seconds=seconds,
        seed=seed,
        creator=home.keystore().address(key_name),
        outs=outs,
        now=now,
        style=weights,
        wish=wish,
        unlock=lambda: home.signer(key_name),
    )
    tracks = [_content(record, path, model_id) for record, path in zip(made, outs, strict=True)]
    content = tracks[0] if variations == 1 else {"tracks": tracks}
    Console(as_json).result(content, "\n".join(line for track in tracks for line in _lines(track)))


def _content(made: RepeatableTrackRecord, path: Path, model_id: int) -> dict[str, Any]:
    return {
        "claim": str(made.claim.digest),
        "watermark": made.claim.watermark.hex(),
        "sha256": str(made.audio),
        "pcm": str(made.pcm),
        "iscc": made.iscc,
        "file": str(path),
        "seconds": made.claim.frames / made.claim.rate,
        "model": model_id,
        "seed": made.claim.seed,
        "originality": dict(made.making.originality),
    }


def _lines(track: dict[str, Any]) -> list[str]:
    return [
        f"{track['file']}  {track['seconds']:.1f} s",
        f"  claim      {track['claim']}",
        f"  watermark  {track['watermark']}",
        f"  sha256     {track['sha256']}",
        f"  iscc       {track['iscc']}",
        f"  original   {_original(track['originality'])}",
    ]


def _original(measure: dict[str, Any]) -> str:
    refused = f"; {measure['refused']} refused before it" if measure["refused"] else ""
    missing = f"; {measure['unread']} could not be read" if measure["unread"] else ""
    return (
        f"repeats at most {measure['longest']} s of one of {measure['compared']} training recordings{missing}{refused}"
    )


def heard_primer(path: Path) -> Waveform:
    """The music in a primer's file. Raises :class:`UsageError`."""
    from gen.audio import load
    from gen.errors import AudioError

    try:
        return load(path)
    except AudioError as error:
        raise UsageError(f"--primer {path}: {error}") from error


def _morph(text: str | None) -> tuple[int | None, tuple[int, ...] | None]:
    seed, style = None, None
    for part in [] if text is None else text.split(","):
        name, _, value = part.partition("=")
        if name == "seed" and re.fullmatch("[0-9]{1,16}", value) and int(value) < 2**53:
            seed = int(value)
        elif name == "style":
            style = _weights("--morph style", value, ":")
        else:
            raise UsageError(f"--morph {text!r}: give seed=NUMBER, style=A:B:.. with a weight per dataset, or both")
    return seed, style


def _labels(given: tuple[str, ...]) -> list[Asked]:
    from api.workflows.model_labels import Asked
    from ledger.records import LABELS

    found = []
    for text in given:
        match = _LABEL.fullmatch(text)
        if match is None or match["field"] not in LABELS:
            raise UsageError(
                f"--label {text!r}: give FIELD=NUMBER or DATASET:FIELD=NUMBER, with a field out of {', '.join(LABELS)}"
            )
        dataset = None if match["dataset"] is None else int(match["dataset"])
        found.append(Asked(dataset, match["field"], int(match["number"])))
    return found


def _moved(home: Home, model_id: int, asked: list[Asked]) -> tuple[int, ...]:
    from api.workflows import model_labels

    with home.ledger() as ledger:
        return model_labels.moved(ledger, model_id, asked)


def _weights(option: str, text: str, between: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(between))
    except ValueError:
        raise UsageError(
            f"{option} {text!r}: give whole numbers with {between!r} between them, such as 3{between}1"
        ) from None


def _decimal(option: str, text: str, least: float, most: float) -> str:
    """The text itself goes into the claim, in one spelling, so that equal settings are equal claims."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise UsageError(f"{option} {text!r}: a number from {least:g} to {most:g}")
    return repr(value)
