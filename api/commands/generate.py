"""``stemmata generate``: make a track with a model."""

from __future__ import annotations

import re
from dataclasses import replace
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
    from api.workflows.styles import Style
    from gen.waveform import Waveform
    from ledger.address import Address
    from ledger.records import RepeatableTrackRecord

_LABEL = re.compile(r"(?:(?P<dataset>[0-9]{1,15}):)?(?P<field>[a-z]+)=(?P<number>[0-9]{1,15})")


@click.command()
@click.option(
    "--model",
    "named",
    type=click.IntRange(min=1),
    metavar="ID",
    help="The model that plays.  [default: the instrument that comes with the package]",
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
    "--style",
    metavar="NAME=N,..|A,B,..",
    help="How much of which dataset: bach=2,mozart=1, by words of their titles; or a number for each. Even if unset.",
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
    "--device",
    default="cpu",
    show_default=True,
    metavar="NAME",
    help="What renders: cpu, cuda, or one GPU such as cuda:1, whose samples differ from the processor's by rounding.",
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
    named: int | None,
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
    device: str,
    out: Path,
    key_name: str,
    as_json: bool,
) -> None:
    """Generate tracks that carry the watermark of their claim. The same command makes the same files.

    Without `--model` the instrument plays that comes with the package. It needs a license as any model does; it is
    free, and the key takes it at the first time.
    """
    from api.workflows import generation, instrument, model_labels
    from api.workflows.styles import Style

    home, console = Home(settings, ask_passphrase), Console(as_json)
    asked, (morph_seed, toward) = _labels(labels), _morph(morph)
    mixed = None if style is None else Style.read("--style", style, ",")
    wish = generation.Wish(
        temperature=_decimal("--temperature", temperature, 0.05, 5),
        nucleus=None if top_p is None else _decimal("--top-p", top_p, 1e-6, 1),
        beams=beams,
        primer=None if primer is None else heard_primer(primer),
        morph_seed=morph_seed,
        limit=repeat_limit,
    )
    creator = home.keystore().address(key_name)
    with home.ledger() as ledger:
        model_id = instrument.entry(home, ledger).id if named is None else named
        weights = None if mixed is None else mixed.of(ledger, model_id)
        wish = replace(
            wish,
            labels=model_labels.moved(ledger, model_id, asked) if asked else None,
            morph_style=None if toward is None else toward.of(ledger, model_id),
        )
    if named is None:  # once all that was asked for makes sense
        _license_instrument(home, console, creator, key_name)
    outs = [out] if variations == 1 else [out.with_stem(f"{out.stem}-{number + 1}") for number in range(variations)]
    already: set[Path] = set()
    made = generation.variations(
        home,
        model_id,
        seconds=seconds,
        seed=seed,
        creator=creator,
        outs=outs,
        now=now,
        style=weights,
        wish=wish,
        unlock=lambda: home.signer(key_name),
        before=already.add,
        device=device,
    )
    pairs = zip(made, outs, strict=True)
    tracks = [{**_content(record, path, model_id), "already": path in already} for record, path in pairs]
    content = tracks[0] if variations == 1 else {"tracks": tracks}
    console.result(content, "\n".join(line for track in tracks for line in _lines(track)))


def _license_instrument(home: Home, console: Console, creator: Address, key_name: str) -> None:
    """Have the key licensed to play the instrument, and say so where that was done now."""
    from api.workflows import instrument

    playable = instrument.ready(home, creator=creator, unlock=lambda: home.signer(key_name), now=now)
    if playable.taken is not None:
        console.say(f"license {playable.taken.id} of model {playable.model}, the instrument: generate, free")


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
        f"{track['file']}  {track['seconds']:.1f} s{' (made before)' if track['already'] else ''}",
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
        f"repeats at most {measure['longest']} s of one of {measure['compared']} training recordings"
        f"{_likest(measure)}{missing}{refused}"
    )


def _likest(measure: dict[str, Any]) -> str:
    """What the music in it is likest to, in words."""
    if "likeness" not in measure:
        return ""
    higher, tempo = int(measure["likenessSemitones"]), float(measure["likenessTempo"])
    moved = [f"{higher:+d} semitones"] * (higher != 0) + [f"tempo x {tempo:g}"] * (tempo != 1)
    seconds = float(measure["likenessSeconds"])
    passage = f" for {seconds:.0f} s" if seconds else ""
    return f"; the music is {measure['likeness']} like one{passage}{''.join(f', {each}' for each in moved)}"


def heard_primer(path: Path) -> Waveform:
    """The music in a primer's file. Raises :class:`UsageError`."""
    from gen.audio import load
    from gen.errors import AudioError

    try:
        return load(path)
    except AudioError as error:
        raise UsageError(f"--primer {path}: {error}") from error


def _morph(text: str | None) -> tuple[int | None, Style | None]:
    from api.workflows.styles import Style

    seed, style = None, None
    for part in [] if text is None else text.split(","):
        name, _, value = part.partition("=")
        if name == "seed" and re.fullmatch("[0-9]{1,16}", value) and int(value) < 2**53:
            seed = int(value)
        elif name == "style":
            style = Style.read("--morph style", value, ":")
        else:
            raise UsageError(
                f"--morph {text!r}: give seed=NUMBER, style=A:B:.. (a weight per dataset, or NAME=A:..), or both"
            )
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


def _decimal(option: str, text: str, least: float, most: float) -> str:
    """The text itself goes into the claim, in one spelling, so that equal settings are equal claims."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise UsageError(f"{option} {text!r}: a number from {least:g} to {most:g}")
    return repr(value)
