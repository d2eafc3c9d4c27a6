"""``stemmata watermark``: write and read marks in audio files, and make private keys for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.commands import json_option
from api.console import Console, ask_passphrase
from api.errors import OutputExists, UsageError
from api.home import Home
from api.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

NOTHING_FOUND = 3


def _key_file(command: Callable[..., object]) -> Callable[..., object]:
    """``--key FILE``."""
    text = "A file that `watermark key` made.  [default: the published key, with which anybody can read and write]"
    kind = click.Path(exists=True, dir_okay=False, path_type=Path)
    return click.option("--key", "key_file", metavar="FILE", type=kind, help=text)(command)


@click.group()
def watermark() -> None:
    """Write and read the inaudible mark of 64 bits.

    The public layer, under a key that everybody has, names a track; a private one, under a key of your own, is evidence
    that only you could have written. A file can carry both.
    """


@watermark.command("embed")
@click.argument("source", metavar="IN", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--id", "identity", required=True, metavar="HEX", help="What to write: 16 hex digits.")
@_key_file
@click.option(
    "--strength",
    type=click.FloatRange(0.1, 4.0),
    default=1.0,
    show_default=True,
    help="A factor; more may be heard.",
)
@click.option(
    "--balance",
    type=click.FloatRange(0.0, 1.0),
    default=0.0,
    show_default=True,
    help="How much less is added where a band is loud; 0.2 with strength 0.7 is 5 dB fainter.",
)
@json_option
@click.pass_obj
def embed(
    settings: Settings,
    source: Path,
    target: Path,
    identity: str,
    key_file: Path | None,
    strength: float,
    balance: float,
    as_json: bool,
) -> None:
    """Mark IN and write it to OUT, a WAV file of 16 bits, which may not exist yet. IN is any sound file."""
    from gen.watermark import files
    from gen.watermark.mark import Watermark
    from gen.watermark.payload import ID_BYTES

    try:
        wanted = bytes.fromhex(identity)
    except ValueError:
        wanted = b""
    if len(wanted) != ID_BYTES:
        raise UsageError(f"--id {identity!r}: give {2 * ID_BYTES} hex digits")
    if target.suffix.lower() != ".wav":
        raise UsageError(f"{target}: what is marked is written as WAV; name it {target.with_suffix('.wav').name}")
    if target.exists():
        raise OutputExists(f"{target} exists already; give another name")
    marker = Watermark(_key(settings, key_file), strength=strength, balance=balance)
    seconds = files.embed(marker, source, target, wanted)
    content = {"out": str(target), "id": wanted.hex(), "layer": _layer(key_file), "seconds": round(seconds, 3)}
    Console(as_json).result(content, f"{target}: {wanted.hex()} written, {content['layer']} layer")


@watermark.command("detect")
@click.argument("source", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_key_file
@click.option("--search-speed", is_flag=True, help="Where no mark is found, try other speeds, tempos and pitches.")
@json_option
@click.pass_context
def detect(context: click.Context, source: Path, key_file: Path | None, search_speed: bool, as_json: bool) -> None:
    """Say which marks FILE carries, and where. Exit code 3 when there is none."""
    from gen.audio import load
    from gen.watermark.mark import Watermark

    reader = Watermark(_key(context.obj, key_file))
    reading = reader.read(load(source), search_speed=search_speed)
    marks = reading.marks
    content = {
        "layer": _layer(key_file),
        "marks": [
            {
                "id": mark.id.hex(),
                "score": round(mark.score, 2),
                "start": round(mark.start, 2),
                "end": round(mark.end, 2),
                "tempo": round(mark.tempo, 5),
                "pitch": round(mark.pitch, 5),
                "false_positive": mark.false_positive,
            }
            for mark in marks
        ],
        "whole": reading.whole,
    }
    lines = [
        f"{mark.id.hex()}  {mark.start:.1f} s to {mark.end:.1f} s  score {mark.score:.1f}  "
        f"false with probability below {mark.false_positive:.1e}"
        + ("" if mark.tempo == mark.pitch == 1 else f"  tempo x {mark.tempo:.4f}, pitch x {mark.pitch:.4f}")
        for mark in marks
    ]
    lines = lines or [f"no mark of the {content['layer']} layer was found"]
    if not reading.whole:
        lines.append(
            "the rest was not read, since too much was heard that says nothing: cut the file, and read the parts"
        )
    Console(as_json).result(content, "\n".join(lines))
    if not marks:
        context.exit(NOTHING_FOUND)


@watermark.command("key")
@click.argument("target", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@json_option
@click.pass_obj
def key(settings: Settings, target: Path, as_json: bool) -> None:
    """Make a private key, encrypted with a passphrase, in FILE, which may not exist yet.

    Keep it: marks can be read only with the key that wrote them.
    """
    from api import watermark_keys

    if target.exists():
        raise OutputExists(f"{target} exists already; a key is never written over")
    passphrase = Home(settings, ask_passphrase).new_passphrase(f"the watermark key {target.name}")
    try:
        watermark_keys.make(target, passphrase)
    except FileExistsError:
        raise OutputExists(f"{target} exists already; a key is never written over") from None
    Console(as_json).result({"key": str(target)}, f"{target}: a new watermark key")


def _key(settings: Settings, path: Path | None) -> bytes:
    if path is None:
        from gen.watermark.payload import PUBLIC_KEY

        return PUBLIC_KEY
    from api import watermark_keys

    return watermark_keys.read(path, Home(settings, ask_passphrase).passphrase(f"the watermark key {path.name}"))


def _layer(key_file: Path | None) -> str:
    return "public" if key_file is None else "private"
