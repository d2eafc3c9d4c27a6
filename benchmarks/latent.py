"""How much of the music each kind of latent space keeps, at the same number of points a second.

    nice python benchmarks/latent.py [--steps 400] [--stack 8] [--size 64] [--only linear vae quantised]

Learns from one rendered score of each composer of the package and is judged by another, which it never heard. Prints a
table in Markdown: mean distance of log-mel frames (natural logarithm), decoding speed, and what was spent. One thread.
"""

import argparse
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from gen import instruments, score
from gen.config import RATE
from gen.features import log_mel
from gen.models.config import LATENTS, LatentConfig
from gen.models.quantised import QuantisedLatent
from gen.preset import Preset
from gen.training.latent import LatentTraining
from gen.training.material import Excerpt

HEARD = ("bach/prelude-bwv846", "satie/gymnopedie-1")
ASIDE = ("bach/prelude-bwv1007", "satie/gymnopedie-3")
WINDOW = 12 * RATE
LOUDNESS = 0.1


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--steps", type=int, default=400)
    asked.add_argument("--stack", type=int, nargs="+", default=[8])
    asked.add_argument("--size", type=int, nargs="+", default=[64])
    asked.add_argument("--only", nargs="+", choices=LATENTS, default=list(LATENTS))
    for name in ("divergence", "learning-rate"):
        asked.add_argument(f"--{name}", type=float)
    for name in ("levels", "channels", "blocks"):
        asked.add_argument(f"--{name}", type=int)
    given = asked.parse_args()
    others = {name: getattr(given, name) for name in ("divergence", "learning_rate", "levels", "channels", "blocks")}
    others = {name: value for name, value in others.items() if value is not None}
    torch.set_num_threads(1)
    heard, aside = (list(excerpts(names)) for names in (HEARD, ASIDE))
    print("| kind | points/s | coordinates | weights | says | heard | aside | decoding, x real time | learnt, CPU s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for stack, size in zip(given.stack, given.size, strict=True):
        for kind in given.only:
            measure(LatentConfig(kind, stack, size, steps=given.steps, **others), heard, aside)


def excerpts(names: tuple[str, ...]) -> Iterator[Excerpt]:
    """Windows of rendered scores, mono, of one loudness."""
    for style, name in enumerate(names):
        samples = torch.from_numpy(instruments.render(score.load(name)).mono().resampled(RATE).samples[0].copy())
        samples = samples * (LOUDNESS / samples.square().mean().sqrt())
        for window in samples.split(WINDOW):
            if len(window) == WINDOW:
                yield Excerpt(window, log_mel(window, Preset("benchmark").mel), style, torch.zeros(0))


def measure(config: LatentConfig, heard: list[Excerpt], aside: list[Excerpt]) -> None:
    """Let one learn, and print its row."""
    preset = Preset("benchmark", latent=config)
    began = time.process_time()
    run = LatentTraining(heard, len(HEARD), preset, torch.Generator().manual_seed(1), {"heard": heard, "aside": aside})
    for index in range(run.steps):
        run.advance(index)
    run.finish()
    learnt = time.process_time() - began
    found, rate = run.results(), RATE / preset.mel.hop / config.stack
    weights = sum(tensor.numel() for tensor in run.model.state_dict().values())
    said = f"{run.metrics['latent_divergence']:.0f} nats a point" if "latent_divergence" in run.metrics else ""
    if isinstance(run.model, QuantisedLatent):
        codes = torch.cat([run.model.codes(run.model.encode(excerpt.frames[None]))[0] for excerpt in aside])
        said = f"{bits(codes, config.levels) * rate / 1000:.1f} kbit/s, {run.model.use(codes):.0%} of the grid in use"
    points = torch.randn(1, round(60 * rate), config.size, generator=torch.Generator().manual_seed(1))
    run.model.decode(points)
    began = time.process_time()
    run.model.decode(points)
    speed = 60 / (time.process_time() - began)
    print(
        f"| {config.kind} | {rate:.1f} | {config.size} | {weights / 1e6:.2f} M | {said} "
        f"| {found['heard_reconstruction']:.3f} | {found['aside_reconstruction']:.3f} | {speed:,.0f} | {learnt:.0f} |",
        flush=True,
    )


def bits(codes: Tensor, levels: int) -> float:
    """Bits of a point whose coordinates are coded each for itself, as often as each value comes, in codes (N, size)."""
    shares = torch.nn.functional.one_hot(codes, levels).double().mean(dim=0)
    return float(-(shares * shares.clamp_min(1e-12).log2()).sum())


if __name__ == "__main__":
    main()
