"""How fast an LSTM of three layers of 256 units runs free, as the preset `base` has it, against other ways to run it.

Run with ``python benchmarks/lstm_loop.py``. All ways run in one process on one thread, turn by turn; the table shows
the median of the rounds, in seconds of that thread, which on a machine at rest are those of the clock. A frame is a
frame of the mel picture: a step of the generator writes a point, which stands for latent.stack of them. The weights are
drawn, not learnt, which takes as long.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable

STEPS = 200
ROUNDS = 5


def main() -> None:
    """Measure and print."""
    import torch
    from threadpoolctl import threadpool_limits
    from torch import nn

    from gen.chance import draw_chance
    from gen.lstm_loop import LstmLoop
    from gen.models.backbone import backbone_of
    from gen.models.latent import latent_of
    from gen.models.style import Style
    from gen.preset import load_preset
    from gen.primer import hear
    from gen.sampling import Daring, free_run
    from gen.training.initial import initialise

    torch.set_num_threads(1)
    preset = load_preset("base")
    config, stack = preset.generator, preset.latent.stack
    model = backbone_of(config, latent_of(preset.latent, preset.rows), 5, config.codes).eval()
    random = torch.Generator().manual_seed(1)
    initialise(model, random)
    with torch.no_grad():
        model.places.normal_(generator=random)
        model.embedding.normal_(generator=random)
        model.leave.bias.fill_(-1.0)  # leaves a place after some steps, as music does
    attentive = backbone_of(dataclasses.replace(config, backbone="transformer"), model.latent, 5, config.codes).eval()
    initialise(attentive, random)
    with torch.no_grad():
        heard = hear(attentive, Style.of(torch.full((1, 5), 0.2)), torch.zeros(1, config.window, model.latent.size))
    style, daring = Style.of(torch.full((1, 5), 0.2)), Daring(nucleus=config.nucleus)
    chance = draw_chance(random, 1, STEPS, config.codes, config.noise_size)
    loop = LstmLoop(model, style, daring)

    bare = nn.LSTM(config.hidden, config.hidden, config.layers, batch_first=True)

    def alone() -> None:
        """The LSTM without heads, style and drawing."""
        heard, state = torch.zeros(1, 1, config.hidden), None
        for _ in range(STEPS):
            heard, state = bare(heard, state)

    ways: dict[str, Callable[[], object]] = {
        "eager `nn.LSTM` alone, fed its own output": alone,
        "eager, the whole generator (`gen.sampling.free_run`)": lambda: free_run(model, style, daring, chance),
        "eager, the whole Music Transformer, its window full": lambda: free_run(
            attentive, style, daring, chance, heard
        ),
        "fused, the whole generator (`gen.lstm_loop`)": lambda: loop.go(chance),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    with torch.no_grad(), threadpool_limits(1):
        for _ in range(ROUNDS):
            for name, way in ways.items():
                began = time.thread_time()
                way()
                took[name].append(time.thread_time() - began)
        apart = (free_run(model, style, daring, chance).points - LstmLoop(model, style, daring).go(chance).points).abs()

    slowest = statistics.median(took["eager `nn.LSTM` alone, fed its own output"])
    print("| one row, one thread, per CPU-second | steps | mel frames | x eager `nn.LSTM` alone |")
    print("|---|---|---|---|")
    for name, times in took.items():
        median = statistics.median(times)
        print(f"| {name} | {STEPS / median:,.0f} | {STEPS * stack / median:,.0f} | {slowest / median:.1f} |")
    print(f"\nThe points of both ways differ by {apart.max().item():.1e} at most in {STEPS} steps.")


if __name__ == "__main__":
    main()
