"""How well a vocoder copies music: to mel frames and back, judged by mel L1 and by wide-band PESQ.

Run with ``python benchmarks/copies.py --weights FILE FOLDER [FOLDER ...]``: six seconds from the middle of each
recording in each folder, at half of full scale, mono. Beside the vocoder stands the same with a network that adds
nothing, where it is of the kind `istft`. Prints a table in Markdown; speed is processor time on one thread.
PESQ needs ``pip install 'stemmata[pesq]'``; a window in which it hears nothing is left out of its column, and counted.
"""

import argparse
import copy
import time
from pathlib import Path

SECONDS = 6.0


def main() -> None:
    """Measure and print."""
    import torch

    from gen.models.istft_vocoder import IstftVocoder
    from gen.training.checkpoint import load_checkpoint

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--most", type=int, default=12, help="recordings of each folder (%(default)s)")
    parser.add_argument("folders", type=Path, nargs="+")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    vocoder = load_checkpoint(chosen.weights).vocoder.eval()
    judged = {"as trained": vocoder}
    if isinstance(vocoder, IstftVocoder):
        still = copy.deepcopy(vocoder)
        torch.nn.init.zeros_(still.head.weight)
        torch.nn.init.zeros_(still.head.bias)
        judged["its classical ground alone"] = still
    print("| music | vocoder | windows | mel L1 | PESQ (windows) | x real time |")
    print("|---|---|---|---|---|---|")
    for folder in chosen.folders:
        windows = [window for path in sorted(folder.iterdir())[: chosen.most] for window in _window(path)]
        for name, each in judged.items():
            print(f"| {folder.name} | {name} | {len(windows)} | {_judge(each, windows)} |", flush=True)


def _window(path: Path):  # type: ignore[no-untyped-def]
    """Samples (N,) from the middle of a recording; none of what is no audio or too short."""
    import torch

    from gen.audio import load
    from gen.errors import AudioError

    try:
        wave = load(path)
    except AudioError:
        return
    if wave.duration < 2 * SECONDS:
        return
    begin = (wave.duration - SECONDS) / 2
    samples = torch.from_numpy(wave.excerpt(begin, begin + SECONDS).samples.mean(axis=0)).float()
    if samples.abs().max() > 0.01:
        yield samples * (0.5 / samples.abs().max())


def _judge(vocoder, windows) -> str:  # type: ignore[no-untyped-def]
    import torch

    from gen.errors import MetricError
    from gen.features import log_mel
    from gen.metrics import mel_distance, pesq

    random, near, heard, took = torch.Generator().manual_seed(1), [], [], 0.0
    for played in windows:
        window = played[: len(played) // vocoder.mel.hop * vocoder.mel.hop]
        began = time.process_time()
        made = vocoder.mid(log_mel(window[None], vocoder.mel), random)[0]
        took += time.process_time() - began
        near.append(mel_distance(window, made, vocoder.mel))
        try:
            heard.append(pesq(window, made))
        except MetricError:
            continue
    mean = f"{sum(heard) / len(heard):.2f} ({len(heard)})" if heard else "none"
    return f"{sum(near) / len(near):.3f} | {mean} | {len(windows) * SECONDS / took:.0f}"


if __name__ == "__main__":
    main()
