"""How near a model's music is to real music that it has not heard, beside all that makes such a figure mean something.

Run with ``python benchmarks/quality.py --model MODEL.safetensors --real HELD-OUT --training LEARNT-FROM --other DIR``.
HELD-OUT and LEARNT-FROM are folders of recordings, searched through with their sub-folders; --other may be given
several times, for music that is neither. --clap FOLDER and --vggish FILE add embeddings from networks on this machine
(`gen.embeddings`). Prints a table in Markdown: Fréchet distance and kernel distance x 1000 to the held-out music, by
each embedding, the same number of windows in every row. Everything is drawn by --seed.

Rows, from the best that can be expected to the worst: other moments of the held-out music; what the model learned from;
the held-out music copied by the model's vocoder; the model's music, and that of other models (--beside, of ablations
say); other music; the held-out music cut into pieces of 50 ms in random order; noise with its spectrum; white noise.
"""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen.audio import load
from gen.config import RATE
from gen.corpus import scan
from gen.embeddings import EMBEDDINGS, Embedding, clap, vggish
from gen.features import log_mel
from gen.frechet import Vectors, frechet_distance, kernel_distance
from gen.generate import GenerationRequest, Generator
from gen.models.vocoder import Vocoder
from gen.training.checkpoint import load_checkpoint

LEVEL = 0.1
"""RMS that every piece is brought to, -20 dB below full scale."""
STRETCH = 10 * RATE
"""Samples that belong to the reference, then to the row beside it, in turn: neighbours are not in both."""
PIECE = 30
"""Seconds of a piece that the model makes."""
SPLINTER = RATE // 20


def main() -> None:
    """Make, measure and print."""
    options = _options()
    torch.set_num_threads(1)
    embeddings = dict(EMBEDDINGS)
    if options.vggish:
        embeddings["VGGish"] = vggish(options.vggish)
    if options.clap:
        embeddings["CLAP"] = clap(options.clap)
    random = torch.Generator().manual_seed(options.seed)
    held_out = list(_recordings(options.real, options.seconds))
    reference, aside = _in_turn(held_out, 0), _in_turn(held_out, 1)
    vocoder = load_checkpoint(options.model).vocoder.quickened()
    made: dict[str, list[Tensor]] = {
        "held-out music, other moments": aside,
        "what the model learned from": list(_recordings(options.training, options.seconds)),
        "held-out music, copied by the vocoder": [_copied(piece, vocoder, random) for piece in aside],
        "**the model's music**": list(_generated(Generator.load(options.model), options.seconds, options.seed)),
        **{
            f"music of {model.stem}": list(_generated(Generator.load(model), options.seconds, options.seed))
            for model in options.beside
        },
        **{f"other music: {folder.name}": list(_recordings(folder, options.seconds)) for folder in options.other},
        "held-out music in splinters of 50 ms": [_shuffled(piece, random) for piece in aside],
        "noise with its spectrum": [_scrambled(piece, random) for piece in aside],
        "white noise": [torch.randn(len(piece), generator=random) for piece in aside],
    }
    columns = {
        name: dict(_measured(embed, reference, made, np.random.default_rng(options.seed)))
        for name, embed in embeddings.items()
    }
    print("| | " + " | ".join(f"{name}: Fréchet | kernel x 1000" for name in columns) + " |")
    print("|---|" + "---|---|" * len(columns))
    for row in made:
        cells = (f"{column[row][0]:.3g} | {1000 * column[row][1]:.1f}" for column in columns.values())
        print(f"| {row} | " + " | ".join(cells) + " |")
    counts = ", ".join(f"{column['windows'][0]:.0f} ({name})" for name, column in columns.items())
    print(f"\nWindows in each row: {counts}.")


def _measured(
    embed: Embedding, reference: list[Tensor], made: Mapping[str, list[Tensor]], random: np.random.Generator
) -> Iterator[tuple[str, tuple[float, float]]]:
    """Both distances of every row, from equally many windows; and how many these are."""
    if empty := [row or "the reference" for row, pieces in {"": reference, **made}.items() if not pieces]:
        raise SystemExit(f"{', '.join(empty)}: no recording of {2 * STRETCH // RATE} s or more; give other folders")
    vectors = {row: _embedded(embed, pieces) for row, pieces in {"": reference, **made}.items()}
    count = min(len(found) for found in vectors.values())
    chosen = {row: found[random.permutation(len(found))[:count]] for row, found in vectors.items()}
    real = chosen.pop("")
    yield "windows", (count, count)
    for row, found in chosen.items():
        yield row, (frechet_distance(found, real), kernel_distance(found, real))


def _embedded(embed: Embedding, pieces: list[Tensor]) -> Vectors:
    return np.concatenate([embed(piece * (LEVEL / piece.square().mean().sqrt().clamp_min(1e-6))) for piece in pieces])


def _recordings(folder: Path, most: float) -> Iterator[Tensor]:
    """Recordings (N,), evenly chosen and shared between them if there is more than so many seconds.

    No more of them than get two stretches each: less would leave nothing for the row beside the reference.
    """
    files = scan(folder).recordings
    count = max(1, min(len(files), int(most * RATE) // (2 * STRETCH)))
    for path in [files[place * len(files) // count] for place in range(count)] if files else []:
        yield torch.from_numpy(load(path).resampled(RATE).mono().samples[0][: int(most / count * RATE)].copy())


def _in_turn(pieces: list[Tensor], which: int) -> list[Tensor]:
    return [torch.cat(stretches[which::2]) for piece in pieces if len(stretches := torch.split(piece, STRETCH)) > 1]


def _generated(generator: Generator, seconds: float, seed: int) -> Iterator[Tensor]:
    """Pieces in each of the model's styles in turn."""
    styles = len(generator.styles)
    for number in range(max(styles, round(seconds / PIECE))):
        style = tuple(float(place == number % styles) for place in range(styles))
        made = generator.render(GenerationRequest(frames=PIECE * RATE, seed=seed + number, style=style))
        yield torch.from_numpy(made.waveform.mono().samples[0].copy())


def _copied(piece: Tensor, vocoder: Vocoder[Any], random: torch.Generator) -> Tensor:
    with torch.no_grad():
        return vocoder.mid(log_mel(piece[None], vocoder.mel), random)[0]


def _shuffled(piece: Tensor, random: torch.Generator) -> Tensor:
    splinters = piece[: len(piece) // SPLINTER * SPLINTER].reshape(-1, SPLINTER)
    return splinters[torch.randperm(len(splinters), generator=random)].flatten()


def _scrambled(piece: Tensor, random: torch.Generator) -> Tensor:
    """The same sizes at all frequencies, with phases at random: what sounds together all the time."""
    bins = torch.fft.rfft(piece)
    turned = torch.polar(bins.abs(), 2 * np.pi * torch.rand(len(bins), generator=random))
    sound: Tensor = torch.fft.irfft(turned, len(piece))
    return sound


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How near a model's music is to real music that it has not heard.")
    parser.add_argument("--model", type=Path, required=True, help="a weights file")
    parser.add_argument("--beside", type=Path, action="append", default=[], help="another model; may be repeated")
    parser.add_argument("--real", type=Path, required=True, help="recordings that it has not learned from")
    parser.add_argument("--training", type=Path, required=True, help="recordings that it has learned from")
    parser.add_argument("--other", type=Path, action="append", default=[], help="other music; may be repeated")
    parser.add_argument("--seconds", type=float, default=600, help="of sound in each set at most (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="%(default)s")
    parser.add_argument("--vggish", type=Path, help="the state dictionary of torchvggish's network")
    parser.add_argument("--clap", type=Path, help="a folder with a CLAP model of transformers")
    return parser.parse_args()


if __name__ == "__main__":
    main()
