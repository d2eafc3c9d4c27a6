"""What each part of the generator is worth: the same training with one setting changed at a time.

Run with ``python benchmarks/generator.py [steps]``. Learns from pieces by Bach and Satie that come with the project, in
one process on one thread, and is judged by bars set aside. Prints a table in Markdown:

surprise: nats per step at the places of music set aside; distance: mean absolute distance of its points, in units of
a coordinate's deviation; visits: Jensen-Shannon divergence (bits, 0 to 1) of how often a free run of each style is at
each place from how often the music is; stays: how long a place is held on average, against the music; frames: distance
of the means of log-mel frames, in deviations of the music's. The row "music" compares the music set aside with that
learnt from, so that the figures mean something; the row "untrained" is the other end.
"""

import dataclasses
import sys
import time
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


def main() -> None:
    """Learn, measure and print."""
    import torch

    from gen.instruments import render
    from gen.preset import load_preset
    from gen.repeatable import repeatable
    from gen.score import load
    from gen.training.generator import GeneratorTraining
    from gen.training.latent import LatentTraining
    from gen.training.material import StyleCorpus, gather
    from gen.training.phase import MODEL

    styles = [
        StyleCorpus.of("bach", [render(load(name)) for name in ("bach/prelude-bwv846", "bach/prelude-bwv1007")]),
        StyleCorpus.of("satie", [render(load(name)) for name in ("satie/gymnopedie-1", "satie/gymnopedie-3")]),
    ]
    base = load_preset("tiny")
    if len(sys.argv) > 1:
        base = dataclasses.replace(base, generator=dataclasses.replace(base.generator, steps=int(sys.argv[1])))
    with repeatable():
        material = gather(styles, base, 1)
        parts = {name: material.excerpts(name) for name in ("train", "validation", "test")}
        aside = {"validation": [*parts["validation"], *parts["test"]]}
        random = torch.Generator().manual_seed(3)
        latent = LatentTraining(parts["train"], 2, base, random).networks[MODEL]
        print("| | surprise | distance | visits | stays | frames | CPU-s a step |\n|---|---|---|---|---|---|---|")
        for name, settings in VARIANTS.items():
            steps = settings.get("steps", base.generator.steps)
            config = dataclasses.replace(base.generator, **{**settings, "steps": max(1, steps)})
            preset = dataclasses.replace(base, generator=config)
            phase = GeneratorTraining(
                parts["train"], 2, preset, latent, torch.Generator().manual_seed(4), aside, label_sizes=()
            )
            began = time.process_time()
            for index in range(steps):
                phase.step(index)
            took = (time.process_time() - began) / max(1, steps)
            found = phase.results()
            surprise, distance = found["validation_foresight"], found["validation_distance"]
            visits, stays, frames = _walked(phase, latent)
            figures = f"{surprise:.3f} | {distance:.3f} | {visits:.2f} | {stays:.2f} | {frames:.2f}"
            print(f"| {name} | {figures} | {took:.2f} |", flush=True)
        visits, stays, frames = _compared(phase, latent, _music(phase.aside["validation"]))
        print(f"| music | | | {visits:.2f} | {stays:.2f} | {frames:.2f} | |")


def _music(paths: Any) -> dict[int, tuple[Any, Any]]:
    """Points (T, size) and places (T,) of all paths, by style."""
    import torch

    found = {}
    for style in {path.style for path in paths}:
        own = [path for path in paths if path.style == style]
        found[style] = torch.cat([path.points for path in own]), torch.cat([path.codes for path in own])
    return found


def _walked(phase: Any, latent: Any) -> tuple[float, float, float]:
    import torch

    from gen.models.style import Style
    from gen.sampling import Daring
    from gen.walk import Walk

    model, made = phase.model.eval(), {}
    for style in (0, 1):
        asked = Style.of(torch.nn.functional.one_hot(torch.tensor([style]), 2).float())
        walk = Walk(model, asked, Daring(nucleus=model.config.nucleus), torch.Generator().manual_seed(9 + style))
        run = walk.go(RUN)
        made[style] = run.points[0], run.codes[0]
    return _compared(phase, latent, made)


def _compared(phase: Any, latent: Any, made: dict[int, tuple[Any, Any]]) -> tuple[float, float, float]:
    """Visits, stays and frames of what was made, against what was learnt from, averaged over styles."""
    import torch

    real, found = _music(phase.atlas.paths), []
    for style, (points, codes) in made.items():
        shares = [
            torch.bincount(c, minlength=len(phase.model.places)).double() / len(c) for c in (codes, real[style][1])
        ]
        between = sum(shares) / 2
        visits = sum((p * (p / between).log2()).nansum() for p in shares) / 2
        held = [len(c) / (1 + (c[1:] != c[:-1]).sum().item()) for c in (codes, real[style][1])]
        frames = [latent.decode(p[None])[0] for p in (points, real[style][0])]
        away = (frames[0].mean(dim=1) - frames[1].mean(dim=1)).abs() / frames[1].std(dim=1)
        found.append((float(visits), held[0] / held[1], float(away.mean())))
    visits, stays, frames = (sum(part) / len(part) for part in zip(*found, strict=True))
    return visits, stays, frames


if __name__ == "__main__":
    main()
