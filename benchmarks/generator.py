"""What each part of the generator is worth: the same training with one setting changed at a time, from several seeds.

Run with ``python benchmarks/generator.py [--steps N] [--seeds N] [--corpus DIR]``. Learns from pieces by Bach and Satie
that come with the project, or from the first minute of each recording in DIR, whose sub-folders are styles; in one
process on one thread; and is judged by music set aside. The seed changes how weights begin, the order of the music and
all that is drawn in learning, and not which music is set aside. Prints a table in Markdown, each figure as the mean
over seeds and the standard deviation of one seed's; two rows that differ by less say nothing:

surprise: nats per step at the places of music set aside; distance: mean absolute distance of its points, in units of
a coordinate's deviation; stays: how long a free run of each style holds a place on average, against the music that was
learnt from. The row "music" compares the music set aside with that, so that the figure means something.
"""

import argparse
import dataclasses
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "untrained": {"steps": 0},
    "no discriminator": {"free_from": 1 << 30},
    "discriminator every 2nd step": {"free_every": 2},
    "discriminator with batch norm": {"discriminator_norm": "batch"},
    "discriminator without dropout": {"discriminator_dropout": 0.0},
    "no feature matching": {"matching": 0.0},
    "no noise on the past": {"noise": 0.0},
    "perturbed past, 0.1": {"perturbation": 0.1},
    "style of 128 dimensions": {"style_size": 128},
    "three layers": {"layers": 3},
    "Music Transformer, 3 layers": {"backbone": "transformer", "layers": 3, "learning_rate": 1e-3},
}
RUN = 600
"""Points of a free run of each style."""
EXCERPT = 60.0
"""Seconds that are taken of each recording of a corpus."""


def main() -> None:
    """Learn, measure and print."""
    import torch

    from gen.preset import load_preset
    from gen.repeatable import repeatable
    from gen.training.generator import GeneratorTraining
    from gen.training.latent import LatentTraining
    from gen.training.material import gather
    from gen.training.phase import MODEL

    options = _options()
    torch.set_num_threads(1)
    base = load_preset("tiny")
    base = dataclasses.replace(base, generator=dataclasses.replace(base.generator, steps=options.steps))
    with repeatable():
        material = gather(_styles(options.corpus), base, 1)
        count = len(material.styles)
        parts = {name: material.excerpts(name) for name in ("train", "validation", "test")}
        aside = {"validation": [*parts["validation"], *parts["test"]][:64]}
        latent = LatentTraining(parts["train"], count, base, torch.Generator().manual_seed(3)).networks[MODEL]
        print(f"{len(parts['train'])} windows to learn from, {len(aside['validation'])} to judge by")
        print("| | surprise | distance | stays | CPU-s a step |\n|---|---|---|---|---|", flush=True)
        for name, settings in VARIANTS.items():
            steps = settings.get("steps", base.generator.steps)
            config = dataclasses.replace(base.generator, **{**settings, "steps": max(1, steps)})
            preset = dataclasses.replace(base, generator=config)
            rows = []
            for seed in range(options.seeds):
                random = torch.Generator().manual_seed(4 + seed)
                phase = GeneratorTraining(parts["train"], count, preset, latent, random, aside, label_sizes=())
                phase.feed.seed += seed
                began = time.process_time()
                for index in range(steps):
                    phase.advance(index)
                took = (time.process_time() - began) / max(1, steps)
                phase.finish()
                found = phase.results()
                rows.append((found["validation_foresight"], found["validation_distance"], _walked(phase), took))
            print(f"| {name} | {' | '.join(map(_told, zip(*rows, strict=True)))} |", flush=True)
        music = _stays(phase, _music(phase.aside["validation"]))
        print(f"| music | | | {music:.2f} | |")


def _told(figures: Sequence[float]) -> str:
    spread = f" ± {statistics.stdev(figures):.3f}" if len(figures) > 1 else ""
    return f"{statistics.fmean(figures):.3f}{spread}"


def _styles(corpus: Path | None) -> list[Any]:
    from gen.audio import load
    from gen.corpus import scan
    from gen.instruments import render
    from gen.score import load as score
    from gen.training.material import StyleCorpus

    if corpus is None:
        pieces = {"bach": ("prelude-bwv846", "prelude-bwv1007"), "satie": ("gymnopedie-1", "gymnopedie-3")}
        return [StyleCorpus.of(name, [render(score(f"{name}/{each}")) for each in own]) for name, own in pieces.items()]
    folders = sorted(folder for folder in corpus.iterdir() if folder.is_dir())
    return [
        StyleCorpus.of(folder.name, [load(path).mono().excerpt(0, EXCERPT) for path in scan(folder).recordings])
        for folder in folders
    ]


def _music(paths: Any) -> dict[int, Any]:
    """Places (T,) of all paths, by style."""
    import torch

    styles = sorted({path.style for path in paths})
    return {style: torch.cat([path.codes for path in paths if path.style == style]) for style in styles}


def _walked(phase: Any) -> float:
    import torch

    from gen.models.style import Style
    from gen.sampling import Daring
    from gen.walk import Walk

    model, made = phase.model.eval(), {}
    for style in range(phase.styles):
        asked = Style.of(torch.nn.functional.one_hot(torch.tensor([style]), phase.styles).float())
        walk = Walk(model, asked, Daring(nucleus=model.config.nucleus), torch.Generator().manual_seed(9 + style))
        made[style] = walk.go(RUN).codes[0]
    return _stays(phase, made)


def _stays(phase: Any, made: dict[int, Any]) -> float:
    """How long places are held, against the music that was learnt from, averaged over styles."""
    real = _music(phase.atlas.paths)
    held = [
        {style: len(codes) / (1 + (codes[1:] != codes[:-1]).sum().item()) for style, codes in of.items()}
        for of in (made, real)
    ]
    return sum(held[0][style] / held[1][style] for style in made) / len(made)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What each part of the generator is worth.")
    parser.add_argument("--steps", type=int, default=400, help="of learning, for each (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="for each (%(default)s)")
    parser.add_argument("--corpus", type=Path, help="a folder with a folder of recordings for each style")
    return parser.parse_args()


if __name__ == "__main__":
    main()
