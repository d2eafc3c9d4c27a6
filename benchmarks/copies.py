"""How well a vocoder copies music: to mel frames and back, judged by mel L1 and by wide-band PESQ.

Run with ``python benchmarks/copies.py --weights FILE FOLDER [FOLDER ...]``: six seconds around a quarter, the middle
and three quarters of each recording in each folder, at half of full scale, mono. Where the vocoder is of the kind
`istft`, beside it stand the same with a network that adds nothing, and both with the phases of tones alone. Prints a
table in Markdown: means, of PESQ also the median, since it jumps; speed is processor time on one thread.
PESQ needs ``pip install 'stemmata[pesq]'``; a window in which it hears nothing is left out of its column, and counted.
"""

import argparse
import copy
import dataclasses
import statistics
import time
from pathlib import Path

SECONDS = 6.0
PLACES = (0.25, 0.5, 0.75)


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
        if vocoder.config.phase != "peaks":
            for name, each in list(judged.items()):
                judged[f"{name}, phases of tones alone"] = plain = copy.deepcopy(each)
                plain.config = dataclasses.replace(plain.config, phase="peaks")
    print("| music | vocoder | windows | mel L1 | PESQ (windows) | its median | x real time |")
    print("|---|---|---|---|---|---|---|")
    for folder in chosen.folders:
        windows = [window for path in sorted(folder.iterdir())[: chosen.most] for window in _windows(path)]
        for name, each in judged.items():
            print(f"| {folder.name} | {name} | {len(windows)} | {_judge(each, windows)} |", flush=True)


def _windows(path: Path):  # type: ignore[no-untyped-def]
    """Samples (N,) from the places of a recording; none of what is no audio or too short."""
    import torch

    from gen.audio import load
    from gen.errors import AudioError

    try:
        wave = load(path)
    except AudioError:
        return
    if wave.duration < 2 * SECONDS:
        return
    # Windows of short recordings would overlap: these have one.
    for place in PLACES if wave.duration >= SECONDS / min(PLACES) else (0.5,):
        begin = place * wave.duration - SECONDS / 2
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
    mean = f"{statistics.mean(heard):.2f} ({len(heard)}) | {statistics.median(heard):.2f}" if heard else "none | none"
    return f"{sum(near) / len(near):.3f} | {mean} | {len(windows) * SECONDS / took:.0f}"


if __name__ == "__main__":
    main()
