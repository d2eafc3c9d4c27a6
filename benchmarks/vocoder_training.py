"""How fast a HiFi-GAN learns, beside the code of its paper, in turns, on the same batch, as Markdown.

    python benchmarks/vocoder_training.py --reference FOLDER [--device cuda] [--batch 16] [--steps 20]

FOLDER is a checkout of https://github.com/jik876/hifi-gan, of which nothing is here; it needs matplotlib. Both learn
the same generator from the same samples with the paper's discriminators, losses and settings. A step is everything from
samples to new weights: of ours as `stemmata train` takes it (`gen.training.vocoder`), with checks, average of weights
and limited gradients, by algorithms that give the same sums each time; of theirs what its train.py does, and by
whichever algorithms cuDNN finds fastest, with our spectrogram, since current torch refuses its own. Figures are medians
of all steps but the first five of each round: seconds of the processor, or on a GPU of the clock.
"""

import argparse
import contextlib
import importlib
import json
import statistics
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Step = Callable[[], object]
UNCOUNTED = 5
"""Steps at the beginning of a round: on a GPU ours are recorded in them."""


def main() -> None:
    """Measure and print."""
    import torch

    from gen.repeatable import repeatable

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--variant", choices=("v1", "v2", "v3"), default="v1")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--segment", type=int, default=8192, help="samples of an example (default: 8192)")
    parser.add_argument("--steps", type=int, default=20, help="in a round, after some that are not counted")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    if chosen.device == "cpu":
        torch.set_num_threads(1)
    ways: dict[str, Step] = {
        "theirs": theirs(chosen),
        "ours, float32": ours(chosen, mixed=False),
        "ours, bfloat16 where it may be": ours(chosen, mixed=True),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(chosen.rounds):
        for name, step in ways.items():
            strict = chosen.device == "cpu"
            with fastest() if name == "theirs" else repeatable(strict):
                for _ in range(1 if strict else UNCOUNTED):
                    step()
                took[name] += [seconds_of(step, chosen.device) for _ in range(chosen.steps)]
            if not strict:
                torch.cuda.empty_cache()  # cuDNN's places to try things out in take half of a GPU
    plain = statistics.median(took["theirs"])
    what = f"HiFi-GAN {chosen.variant.upper()}, {chosen.batch} x {chosen.segment} samples"
    print(f"| {what} | steps/s | ratio |\n|---|---|---|")
    for name, times in took.items():
        middle = statistics.median(times)
        print(f"| {name} | {1 / middle:.3g} | {plain / middle:.2f} |")


@contextlib.contextmanager
def fastest() -> Iterator[None]:
    """As the paper's code sets it for itself."""
    import torch

    with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=True):
        yield


def seconds_of(step: Step, device: str) -> float:
    """What a step takes."""
    import torch

    if device == "cpu":
        begun = time.process_time()
        step()
        return time.process_time() - begun
    torch.cuda.synchronize(device)
    begun = time.perf_counter()
    step()
    torch.cuda.synchronize(device)
    return time.perf_counter() - begun


def mel_of() -> Any:
    """The paper's frames: it counts in samples, of whatever rate."""
    from gen.config import MelConfig

    return MelConfig(window=1024, hop=256, bands=80, lowest=0.0, highest=8000.0)


def ours(chosen: argparse.Namespace, *, mixed: bool) -> Step:
    """A step of this project's training."""
    import dataclasses

    import torch

    from gen.features import log_mel
    from gen.models.config import VocoderConfig
    from gen.preset import load_preset
    from gen.training.material import Excerpt
    from gen.training.team import Team
    from gen.training.vocoder import VocoderTraining

    base, mel = load_preset("base"), mel_of()
    vocoder = VocoderConfig(
        kind="hifigan",
        variant=chosen.variant,
        objective="hifigan",
        discriminators=("period", "scale"),
        discriminator_channels=32,
        adversarial=1.0,
        batch=chosen.batch,
        segment=chosen.segment,
        steps=1 << 30,
        learning_rate=2e-4,
    )
    training = dataclasses.replace(base.training, mixed=mixed)
    heard = [
        Excerpt(samples, log_mel(samples[None], mel)[0], 0, torch.zeros(0, dtype=torch.long))
        for samples in batch_of(chosen)
    ]
    preset = dataclasses.replace(base, mel=mel, vocoder=vocoder, training=training)
    team = Team(device=chosen.device, mixed=mixed)
    run = VocoderTraining(heard, preset, torch.Generator().manual_seed(1), team=team)
    taken = iter(range(vocoder.steps))
    return lambda: run.advance(next(taken))


def theirs(chosen: argparse.Namespace) -> Step:
    """A step of the paper's own code, in the order of its train.py."""
    import torch

    from gen.features import log_mel

    sys.path.insert(0, str(chosen.reference))
    models = importlib.import_module("models")
    settings = json.loads((chosen.reference / f"config_{chosen.variant}.json").read_text("utf-8"))
    mel, device = mel_of(), chosen.device
    generator = models.Generator(types.SimpleNamespace(**settings)).to(device)
    judges = [made().to(device) for made in (models.MultiPeriodDiscriminator, models.MultiScaleDiscriminator)]
    rate, betas = settings["learning_rate"], (settings["adam_b1"], settings["adam_b2"])
    makes = torch.optim.AdamW(generator.parameters(), rate, betas)
    judge_learns = torch.optim.AdamW([part for judge in judges for part in judge.parameters()], rate, betas)
    whole = batch_of(chosen)

    def step() -> None:
        real = whole.to(device)
        frames = log_mel(real, mel)[..., : chosen.segment // mel.hop]
        real = real[:, None]
        made = generator(frames)
        judged = 0
        judge_learns.zero_grad()
        for judge in judges:
            of_real, of_made, _, _ = judge(real, made.detach())
            judged = judged + models.discriminator_loss(of_real, of_made)[0]
        judged.backward()
        judge_learns.step()
        makes.zero_grad()
        loss = 45 * torch.nn.functional.l1_loss(log_mel(made[:, 0], mel)[..., : frames.shape[-1]], frames)
        for judge in judges:
            _, of_made, wanted, inner = judge(real, made)
            loss = loss + models.feature_loss(wanted, inner) + models.generator_loss(of_made)[0]
        loss.backward()
        makes.step()

    return step


def batch_of(chosen: argparse.Namespace) -> Any:
    """Noise with beats, (batch, segment)."""
    import torch

    noise = torch.randn(chosen.batch, chosen.segment, generator=torch.Generator().manual_seed(2))
    return 0.2 * noise * torch.exp(-4 * (torch.arange(chosen.segment) / 2048 % 1))


if __name__ == "__main__":
    main()
