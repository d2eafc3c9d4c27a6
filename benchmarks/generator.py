"""What each part of the generator is worth: the same training with one setting changed at a time.

Run with ``python benchmarks/generator.py [steps]``. Learns from pieces by Bach and Satie that come with the project, in
one process on one thread, and is judged by bars set aside. Prints a table in Markdown:

surprise: nats per step at the places of music set aside; distance: mean absolute distance of its points, in units of
a coordinate's deviation; stays: how long a free run of each style holds a place on average, against the music that was
learnt from. The row "music" compares the music set aside with that, so that the figure means something.
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
        print("| | surprise | distance | stays | CPU-s a step |\n|---|---|---|---|---|")
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
            print(f"| {name} | {surprise:.3f} | {distance:.3f} | {_walked(phase):.2f} | {took:.2f} |", flush=True)
        print(f"| music | | | {_stays(phase, _music(phase.aside['validation'])):.2f} | |")


def _music(paths: Any) -> dict[int, Any]:
    """Places (T,) of all paths, by style."""
    import torch

    return {style: torch.cat([path.codes for path in paths if path.style == style]) for style in (0, 1)}


def _walked(phase: Any) -> float:
    import torch

    from gen.models.style import Style
    from gen.sampling import Daring
    from gen.walk import Walk

    model, made = phase.model.eval(), {}
    for style in (0, 1):
        asked = Style.of(torch.nn.functional.one_hot(torch.tensor([style]), 2).float())
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


if __name__ == "__main__":
    main()
