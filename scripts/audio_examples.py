#!/usr/bin/env python
"""Make a page of audio examples that a person can listen to: what a model copies, goes on with, and makes by itself.

    python scripts/audio_examples.py MODEL.safetensors recordings/ --out examples/

MODEL is a weights file; recordings are music to copy and to go on from, best some that the model has not learned from.
The folder gets index.html, which needs no network and no script, and one small Opus file for each example. The same
model, recordings and seed give the same files on one machine.
"""

import argparse
import hashlib
import html
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from gen.audio import encode, load
from gen.config import RATE
from gen.corpus import scan
from gen.errors import GenError
from gen.features import log_mel
from gen.generate import GenerationRequest, Generator
from gen.models.stereo import stereo_frames
from gen.request import Morph
from gen.training.checkpoint import Checkpoint, load_checkpoint
from gen.waveform import Waveform

PRIMER = 6.0
LEVEL = 0.1
"""RMS of every example, -20 dB below full scale, so that none is preferred for being louder."""
PEAK = 0.97
KBPS = 96


@dataclass(frozen=True)
class Example:
    """One sound of a section. name: of its file, without the suffix."""

    name: str
    said: str
    sound: Waveform


@dataclass(frozen=True)
class Section:
    """Examples that answer one question."""

    title: str
    said: str
    examples: tuple[Example, ...]


def main() -> None:
    """Make the page."""
    options = _options()
    torch.set_num_threads(1)
    try:
        recordings = _chosen(options.recordings, options.most)
        checkpoint, generator = load_checkpoint(options.model), Generator.load(options.model)
        options.out.mkdir(parents=True, exist_ok=True)
        sections = []
        for section in _sections(checkpoint, generator, recordings, options.seconds, options.seed):
            for example in section.examples:
                encode(options.out / f"{example.name}.opus", _levelled(example.sound), KBPS)
            print(f"{section.title}: {len(section.examples)} examples", flush=True)
            sections.append(section)
        digest = hashlib.sha256(options.model.read_bytes()).hexdigest()
        about = f"Preset {checkpoint.preset.name}, weights {digest[:16]}, seed {options.seed}, Opus {KBPS} kbit/s."
        (options.out / "index.html").write_text(page(sections, about), encoding="utf-8")
    except (GenError, OSError) as error:
        raise SystemExit(f"{error}") from error
    size = sum(path.stat().st_size for path in options.out.iterdir())
    print(f"{options.out / 'index.html'}: {size / 1e6:.1f} MB in all")


def page(sections: list[Section], about: str) -> str:
    """The page; it names the files that lie beside it."""
    parts = []
    for section in sections:
        rows = "\n".join(
            f"<tr><td>{html.escape(example.said)}</td><td>{example.sound.duration:.0f} s</td>"
            f'<td><audio controls preload="none" src="{html.escape(example.name)}.opus"></audio></td></tr>'
            for example in section.examples
        )
        parts.append(
            f"<h2>{html.escape(section.title)}</h2>\n<p>{html.escape(section.said)}</p>\n<table>{rows}</table>"
        )
    return _PAGE.format(about=html.escape(about), body="\n".join(parts))


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Audio examples</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem }}
td {{ padding: .3rem 1rem .3rem 0; vertical-align: middle }}
</style>
<h1>Audio examples</h1>
<p>{about} All are brought to one level; nothing was
chosen by ear. They come straight from the model and carry no watermark.</p>
{body}
</html>
"""


def _sections(
    checkpoint: Checkpoint, generator: Generator, recordings: list[Path], seconds: float, seed: int
) -> Iterator[Section]:
    excerpts = [(path, _middle(load(path).resampled(RATE), seconds)) for path in recordings]
    yield Section(
        "Reconstruction",
        "A recording; what the vocoder makes of its mel frames; and the same once the frames went through the latent "
        "space. No generator can sound better than the last.",
        tuple(part for place, excerpt in enumerate(excerpts) for part in _copies(checkpoint, place, *excerpt, seed)),
    )
    frames = int(seconds * RATE)
    yield Section(
        "Continuation",
        f"The first {PRIMER:g} s are a recording; then the model goes on.",
        tuple(
            Example(f"continuation-{place}", f"{path.stem}, continued", _continued(generator, excerpt, frames, seed))
            for place, (path, excerpt) in enumerate(excerpts)
        ),
    )
    count = len(generator.styles)
    alone = [tuple(float(place == style) for place in range(count)) for style in range(count)]
    yield Section(
        "Each style",
        "One dataset of the model alone, two seeds.",
        tuple(
            Example(
                f"style-{style}-{number}",
                f"{generator.styles[style]}, seed {seed + number}",
                generator.render(GenerationRequest(frames, seed + number, weights)).waveform,
            )
            for style, weights in enumerate(alone)
            for number in range(2)
        ),
    )
    turns = [
        Example(
            f"interpolation-{one}-{one + 1}",
            f"from {generator.styles[one]} to {generator.styles[one + 1]}",
            generator.render(GenerationRequest(2 * frames, seed, start, morph=Morph(style=end))).waveform,
        )
        for one, (start, end) in enumerate(pairwise(alone))
    ]
    walk = generator.render(GenerationRequest(2 * frames, seed, morph=Morph(seed=seed + 1))).waveform
    turns.append(Example("interpolation-seeds", f"from the walk of seed {seed} to that of seed {seed + 1}", walk))
    yield Section(
        "Interpolation",
        "Evenly from one style to the next, and from one walk to another, through the latent space.",
        tuple(turns),
    )


def _copies(checkpoint: Checkpoint, place: int, path: Path, excerpt: Waveform, seed: int) -> Iterator[Example]:
    stereo = checkpoint.preset.vocoder.stereo
    sound = excerpt if stereo else excerpt.mono()
    samples = torch.from_numpy(sound.samples.copy())
    with torch.no_grad():
        if stereo:
            frames = stereo_frames(samples.expand(2, -1)[None], checkpoint.preset.mel)
        else:
            frames = log_mel(samples, checkpoint.preset.mel)
        latent = checkpoint.generator.latent
        through = latent.decode(latent.encode(frames))
        yield Example(f"recording-{place}", f"{path.stem}: the recording", sound)
        for name, said, copied in (("copy", "vocoder", frames), ("latent", "latent space and vocoder", through)):
            made = checkpoint.vocoder.render(copied, torch.Generator().manual_seed(seed))
            wave = Waveform(np.atleast_2d(made[0].numpy()), RATE)
            yield Example(f"{name}-{place}", f"{path.stem}: {said}", wave)


def _continued(generator: Generator, excerpt: Waveform, frames: int, seed: int) -> Waveform:
    primer = excerpt.excerpt(0, PRIMER)
    made = generator.render(GenerationRequest(frames, seed, primer=primer)).waveform
    heard = primer.samples if made.channels == primer.channels else primer.mono().samples
    parts = (Waveform(np.broadcast_to(heard, (made.channels, heard.shape[1])).copy(), RATE), made)
    return Waveform(np.concatenate([_levelled(part).samples for part in parts], axis=1), RATE)


def _levelled(sound: Waveform) -> Waveform:
    size, peak = float(np.sqrt((sound.samples**2).mean())), float(np.abs(sound.samples).max())
    return Waveform(sound.samples * min(LEVEL / max(size, 1e-6), PEAK / max(peak, 1e-6)), sound.rate)


def _middle(sound: Waveform, seconds: float) -> Waveform:
    start = max(0.0, (sound.duration - seconds) / 2)
    return sound.excerpt(start, start + seconds)


def _chosen(folder: Path, most: int) -> list[Path]:
    """Recordings, a folder in turn, so that each composer's is heard."""
    found = scan(folder).recordings
    turns = {path: sum(other.parent == path.parent for other in found[:place]) for place, path in enumerate(found)}
    return sorted(found, key=lambda path: (turns[path], path))[:most]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make a page of audio examples from a model and recordings.")
    parser.add_argument("model", type=Path, help="a weights file")
    parser.add_argument("recordings", type=Path, help="a folder, searched through with its sub-folders")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write to")
    parser.add_argument("--most", type=int, default=4, help="recordings that are used at most (%(default)s)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of an example, 6 or more (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="%(default)s")
    options = parser.parse_args()
    if options.seconds < PRIMER:
        parser.error(f"--seconds: {PRIMER:g} or more")
    return options


if __name__ == "__main__":
    main()
