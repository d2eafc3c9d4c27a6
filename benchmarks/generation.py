"""How fast music is made from end to end, against the plain way: nn.LSTM step by step, then HiFi-GAN V2.

Run with ``python benchmarks/generation.py [--preset base] [--weights FILE] [--seconds 60]``; without weights the
networks of the preset are measured untrained, which takes as long. Prints a table in Markdown. One thread; what counts
is processor time, the median of the rounds, and each round does everything once. The plain way stops after some seconds
of music and is reckoned up.

With ``--device cuda`` only the whole is measured, by the clock, after a first piece that is not counted: by one
process, and by ``--processes`` of them that share the GPU, since where music goes is reckoned on processors
(`gen.generate`).
"""

import argparse
import copy
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path

PLAIN = 6.0
"""Seconds of music that the plain way makes."""
PATIENCE = 240.0
"""Seconds that one process waits for another."""


def main() -> None:
    """Measure and print."""
    import torch
    from threadpoolctl import threadpool_limits

    from gen.chance import draw_chance
    from gen.config import RATE
    from gen.course import Course, style_of
    from gen.generate import GenerationRequest
    from gen.models.config import VocoderConfig
    from gen.models.vocoders import make_vocoder
    from gen.sampling import Daring, free_run
    from gen.training.initial import initialise

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="base")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.device != "cpu":
        by_the_clock(chosen)
        return
    generator = loaded(chosen.preset, chosen.weights)
    model, vocoder, preset = generator._generator, generator._vocoder, generator.preset
    single = copy.deepcopy(model).float()
    request = GenerationRequest(round(chosen.seconds * RATE), 1)
    steps = request.frames // (preset.mel.hop * model.latent.stack) + 2
    plain = make_vocoder(VocoderConfig(kind="hifigan", variant="v2"), preset.mel).eval()
    initialise(plain, torch.Generator().manual_seed(1))
    points = torch.cat(list(Course(model, request, steps)), dim=1)
    frames = torch.cat(list(model.latent.stream(iter([points]))), dim=2).float()
    few = round(steps * PLAIN / chosen.seconds)

    def walk() -> None:
        list(Course(model, request, steps))

    def draw() -> None:
        list(model.latent.stream(iter([points])))

    def sound() -> None:
        stream = vocoder.stream(torch.Generator().manual_seed(1))
        stream.push(frames)
        stream.finish()

    def naive() -> None:
        random = torch.Generator().manual_seed(1)
        style = style_of(single, None, None)
        config = preset.generator
        chance = draw_chance(random, 1, few, len(single.places), config.noise_size)
        made = single.latent.decode(free_run(single, style, Daring(nucleus=config.nucleus), chance).points)
        plain(made[:, : preset.mel.bands])

    parts: dict[str, Callable[[], object]] = {
        "points (the generator, and drawing)": walk,
        "frames (the latent space)": draw,
        "samples (the vocoder)": sound,
        "all of it, levelled": lambda: generator.render(request),
        f"plain: eager `nn.LSTM`, HiFi-GAN V2, {PLAIN:.0f} s reckoned up": naive,
    }
    took: dict[str, list[float]] = {name: [] for name in parts}
    with torch.no_grad(), threadpool_limits(1):
        for part in parts.values():
            part()
        for _ in range(chosen.rounds):
            for name, part in parts.items():
                began = time.process_time()
                part()
                scale = chosen.seconds / PLAIN if part is naive else 1.0
                took[name].append(scale * (time.process_time() - began))
    print(f"| {chosen.seconds:.0f} s of music, preset `{preset.name}` | processor s | x real time | x the plain way |")
    print("|---|---|---|---|")
    for name, times in took.items():
        median = statistics.median(times)
        ratio = statistics.median(slow / own for slow, own in zip(list(took.values())[-1], times, strict=True))
        print(f"| {name} | {median:.2f} | {chosen.seconds / median:.0f} | {ratio:.1f} |")


def by_the_clock(chosen: argparse.Namespace) -> None:
    """Measure the whole on a GPU and print."""
    import torch

    print(f"{torch.cuda.get_device_name(chosen.device)}, {os.cpu_count()} processors\n")
    print(f"| {chosen.seconds:.0f} s of music, preset `{chosen.preset}` | s | x real time |\n|---|---|---|")
    context = multiprocessing.get_context("spawn")
    for count in (1, chosen.processes):
        begin, ends = context.Barrier(count + 1), context.Queue()
        makers = [context.Process(target=make, args=(chosen, number, begin, ends)) for number in range(count)]
        for maker in makers:
            maker.start()
        begin.wait(PATIENCE)  # a process that dies, of no memory say, ends it all
        began = time.perf_counter()
        for _ in makers:
            ends.get(timeout=PATIENCE)
        took = time.perf_counter() - began
        for maker in makers:
            maker.join()
        made = count * chosen.rounds * chosen.seconds
        print(f"| {count} at once, {chosen.rounds} each | {took:.2f} | {made / took:.0f} |")


def make(chosen: argparse.Namespace, number: int, begin: Barrier, ends: "multiprocessing.Queue[int]") -> None:
    """One process: a piece to begin with, and when all are ready those that count."""
    from gen.config import RATE
    from gen.generate import GenerationRequest

    generator = loaded(chosen.preset, chosen.weights, chosen.device)
    for index in range(chosen.rounds + 1):
        if index == 1:
            begin.wait(PATIENCE)
        generator.render(GenerationRequest(round(chosen.seconds * RATE), 1 + number + index * chosen.processes))
    ends.put(number)


def loaded(name: str, weights: Path | None, device: str = "cpu"):  # type: ignore[no-untyped-def]
    """A generator with learnt weights, or with drawn ones."""
    import torch

    from gen.generate import Generator
    from gen.models.backbone import backbone_of
    from gen.models.latent import latent_of
    from gen.models.vocoders import make_vocoder
    from gen.preset import load_preset
    from gen.training.initial import initialise

    if weights is not None:
        return Generator.load(weights, device)
    preset, random = load_preset(name), torch.Generator().manual_seed(1)
    model = backbone_of(preset.generator, latent_of(preset.latent, preset.rows), 5, preset.generator.codes)
    vocoder = make_vocoder(preset.vocoder, preset.mel)
    initialise(model, random)
    initialise(vocoder, random)
    with torch.no_grad():
        model.places.normal_(generator=random)
        model.embedding.normal_(generator=random)
        model.leave.bias.fill_(-1.0)  # leaves a place after some steps, as music does
    return Generator(preset, tuple("abcde"), model.eval(), vocoder.eval(), device)


if __name__ == "__main__":
    main()
