"""How fast vocoders render: every kind, by every way that it can be rendered, and how far each way is from eager.

Run with ``python benchmarks/vocoder.py [seconds]``; prints a table in Markdown. One thread; what counts is processor
time, of the fastest of some rounds, since other programs disturb the caches. The networks are untrained, which takes as
long. The frames are those of noise with beats.
"""

import sys
import time

NAMES = {
    "HiFi-GAN V1": {"kind": "hifigan", "variant": "v1"},
    "HiFi-GAN V2": {"kind": "hifigan", "variant": "v2"},
    "HiFi-GAN V3": {"kind": "hifigan", "variant": "v3"},
    "istft, as in `tiny`": {"kind": "istft", "phase_refinement": 8},
    "backbone, 256 x 6": {"kind": "backbone", "channels": 256, "blocks": 6},
    "backbone, 256 x 6, stereo": {"kind": "backbone", "channels": 256, "blocks": 6, "stereo": True},
    "backbone, 384 x 8": {"kind": "backbone", "channels": 384, "blocks": 8},
    "backbone, 512 x 8": {"kind": "backbone", "channels": 512, "blocks": 8},
}
ROUNDS, ENOUGH = 5, 3.0
"""How often each is rendered at most, and after how many seconds no more."""
UNFOLDED = "weight norm not folded"


def main() -> None:
    """Measure and print."""
    import torch

    from gen.config import RATE, MelConfig
    from gen.features import log_mel
    from gen.models.config import CUES, VocoderConfig
    from gen.models.vocoders import make_vocoder
    from gen.training.initial import initialise

    torch.set_num_threads(1)
    seconds, mel = float(sys.argv[1]) if len(sys.argv) > 1 else 12.0, MelConfig()
    moment = torch.arange(int(seconds * RATE)) / RATE
    random = torch.Generator().manual_seed(1)
    frames = log_mel(0.2 * torch.randn(1, len(moment), generator=random) * torch.exp(-4 * (2 * moment % 1)), mel)

    def rendered(vocoder: object, heard: torch.Tensor) -> tuple[float, torch.Tensor]:
        best, first = float("inf"), time.process_time()
        for index in range(ROUNDS):
            began = time.process_time()
            if index > 0 and began - first > ENOUGH:
                break
            samples = vocoder.render(heard, torch.Generator().manual_seed(2))  # type: ignore[attr-defined]
            best = min(best, time.process_time() - began)
        return best, samples

    print("| vocoder | parameters | way | x real time, a core | largest difference from eager, of the peak |")
    print("|---|---|---|---|---|")
    for name, settings in NAMES.items():
        config = VocoderConfig(**settings)
        vocoder = make_vocoder(config, mel)
        initialise(vocoder, torch.Generator().manual_seed(3))
        heard = frames if not config.stereo else torch.cat([frames, frames[:, : 2 * CUES] * 0.1], dim=1)
        size = sum(parameter.numel() for parameter in vocoder.folded().parameters())
        chosen, wanted = vocoder.quickened().way, None
        ways = ["eager", *vocoder.ways[:-1], *vocoder.coarse]
        for way in [UNFOLDED, *ways] if config.kind == "hifigan" else ways:
            made = vocoder.eval() if way == UNFOLDED else vocoder.by(way)
            took, samples = rendered(made, heard)
            wanted = samples if way == "eager" else wanted
            far = "" if wanted is None else f"{float((samples - wanted).abs().max() / wanted.abs().max()):.1e}"
            mark = " (chosen)" if way == chosen else ""
            print(f"| {name} | {size / 1e6:.2f} M | {way}{mark} | {seconds / took:.1f} | {far} |", flush=True)


if __name__ == "__main__":
    main()
