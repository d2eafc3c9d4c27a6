"""From recordings to what is known of them: speed against a plain librosa script, the cache, memory, the loader.

    python benchmarks/corpus.py [--minutes 10] [--hours 1 20] [--only ingest memory loader]

`ingest` measures processor seconds of one core for decoding, checks, loudness, fingerprint, description and mel frames,
beside a script that does the same steps with librosa, pyloudnorm, scipy and the same fingerprint, as their
documentation shows them: one call after the other, each on the samples. It looks for fewer defects. Then the
project's part runs again, from the cache. `memory` is the most that a process holds while it works through so many
hours of synthetic recordings of five minutes each. `loader` is windows a second, beside the rates at which the models
could learn on a data-centre GPU. Needs the packages of the extras `studio` and `dev`.
"""

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from gen import instruments, score
from gen.cache import Cache
from gen.config import RATE, AugmentConfig, MelConfig, SegmentConfig
from gen.features import log_mel
from gen.fingerprint import fingerprint
from gen.loader import Source, Windows, endless
from gen.portrait import portray
from gen.preset import load_preset
from gen.stamps import Stamps
from gen.training.generator import GeneratorTraining
from gen.training.latent import LatentTraining
from gen.training.material import Excerpt
from gen.training.vocoder import VocoderTraining
from gen.waveform import Waveform

MEL = MelConfig()
PIECE_SECONDS = 300
HUGE = 1 << 40
# NVIDIA's data sheet for the H100 SXM: dense TF32, FLOP a second; and what starting one kernel costs at least.
GPU_FLOPS, GPU_LAUNCH = 494e12, 4e-6


def processor_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def recordings(folder: Path, minutes: float) -> list[Path]:
    """Performed scores in stereo, as WAV, FLAC and MP3, of five minutes at most each."""
    found = []
    seconds = min(minutes * 60 / 3, PIECE_SECONDS)
    count = max(1, round(minutes * 60 / 3 / seconds))
    names = score.names()
    for number in range(count):
        sound = instruments.render(score.load(names[number % len(names)])).samples
        sound = np.tile(sound, (1, int(np.ceil(seconds * RATE / sound.shape[1]))))[:, : int(seconds * RATE)].T
        for suffix in ("wav", "flac", "mp3"):
            path = folder / f"{number}.{suffix}"
            soundfile.write(path, sound, RATE, **({"subtype": "PCM_16"} if suffix != "mp3" else {}))
            found.append(path)
    return found


def with_librosa(path: Path) -> dict[str, object]:
    """What a script does that asks librosa for one thing after the other."""
    import librosa
    import pyloudnorm
    import scipy.signal

    samples, rate = librosa.load(path, sr=None, mono=False)
    found: dict[str, object] = {"rate": rate, "peak": np.abs(samples).max(), "mean": samples.mean(axis=-1)}
    found["finite"] = bool(np.isfinite(samples).all())
    found["clipped"] = int((np.abs(samples) >= 0.999).sum())
    found["true_peak"] = max(np.abs(scipy.signal.resample_poly(channel, 4, 1)).max() for channel in samples)
    found["loudness"] = pyloudnorm.Meter(rate).integrated_loudness(samples.T)
    mono = librosa.to_mono(samples)
    found["silence"] = librosa.effects.split(mono)
    sizes = np.abs(librosa.stft(mono))
    found["cutoff"] = librosa.amplitude_to_db(sizes.mean(axis=1))
    found["fingerprint"] = fingerprint(Waveform(samples, rate))
    found["duration"] = librosa.get_duration(y=mono, sr=rate)
    found["tempo"] = librosa.feature.tempo(y=mono, sr=rate)
    found["chroma"] = librosa.feature.chroma_stft(y=mono, sr=rate).mean(axis=1)
    found["centroid"] = librosa.feature.spectral_centroid(y=mono, sr=rate).mean()
    found["bandwidth"] = librosa.feature.spectral_bandwidth(y=mono, sr=rate).mean()
    found["rolloff"] = librosa.feature.spectral_rolloff(y=mono, sr=rate).mean()
    found["flatness"] = librosa.feature.spectral_flatness(y=mono).mean()
    found["crossings"] = librosa.feature.zero_crossing_rate(y=mono).mean()
    found["mel"] = np.log(
        np.maximum(
            librosa.feature.melspectrogram(y=mono, sr=rate, n_mels=128, fmin=30.0, fmax=16000.0, power=1.0), 3e-4
        )
    )
    return found


def ingest(paths: list[Path], folder: Path) -> None:
    seconds = sum(soundfile.info(path).duration for path in paths)
    with_librosa(paths[0])
    portray(paths[0], Cache(folder / "warm", HUGE, free=0), Stamps(folder / "warm" / "stamps"), MEL)
    cache, stamps = Cache(folder / "cache", HUGE, free=0), Stamps(folder / "cache" / "stamps")
    theirs = ours = 0.0
    # One file after the other, so that both meet the same weather.
    for path in paths:
        theirs += processor_seconds(lambda path=path: with_librosa(path))
        ours += processor_seconds(lambda path=path: portray(path, cache, stamps, MEL))
    time.sleep(2.1)
    for path in paths:
        stamps.sha256(path)
    again = processor_seconds(lambda: [portray(path, cache, stamps, MEL) for path in paths])
    print(f"| {seconds / 60:.0f} min, {len(paths)} files | processor s | x real time | x the script |")
    print("|---|---|---|---|")
    for name, spent in (("librosa script", theirs), ("portray", ours), ("portray, second run", again)):
        print(f"| {name} | {spent:.3f} | {seconds / spent:.0f} | {theirs / spent:.1f} |")
    print(
        f"\n100 hours: {100 * ours / seconds:.2f} core-hours. Second run: {ours / again:.0f} x as fast as the first.\n"
    )


def memory(hours: list[float]) -> None:
    print("| hours of recordings | most memory, MiB | processor s |")
    print("|---|---|---|")
    for amount in hours:
        result = subprocess.run(
            [sys.executable, __file__, "--child", str(amount)], capture_output=True, text=True, check=True
        )
        said = json.loads(result.stdout)
        print(f"| {amount:g} | {said['mebibytes']:.0f} | {said['seconds']:.0f} |", flush=True)
    print()


def child(hours: float) -> None:
    """Work through so many hours; every recording differs, and lies on the disk only while it is looked at."""
    folder = Path(tempfile.mkdtemp())
    try:
        cache, stamps = Cache(folder / "cache", 1 << 30, free=0), Stamps(folder / "cache" / "stamps")
        sound = instruments.render(score.load("satie/gymnopedie-1")).samples
        sound = np.tile(sound, (1, 2))[:, : PIECE_SECONDS * RATE].T
        for number in range(round(hours * 3600 / PIECE_SECONDS)):
            path = folder / f"{number}.wav"
            soundfile.write(path, np.roll(sound, number * 4410, axis=0), RATE, subtype="PCM_16")
            portray(path, cache, stamps, MEL)
            path.unlink()
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({"mebibytes": used.ru_maxrss / 1024, "seconds": used.ru_utime + used.ru_stime}))
    finally:
        shutil.rmtree(folder)


class Noise:
    """Noise in place of a recording: the loader does not care what it loads."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self) -> Waveform:
        return Waveform(0.1 * np.random.default_rng(self.seed).standard_normal((1, 1200 * RATE), np.float32), RATE)


def loader(folder: Path, workers: list[int]) -> None:
    cache, cut = Cache(folder / "windows", HUGE, free=0), SegmentConfig(7.5)
    sources = [Source(bytes([number]), 0, Noise(number)) for number in range(1)]
    varied = AugmentConfig(share=0.5, shift=2.0, stretch=0.1, gain=6.0, invert=True, noise=-70.0)
    kinds = {
        "mel frames": {},
        "samples": {"samples": True, "frames": False},
        "samples, as many as a segment": {"samples": True, "frames": False},
        "mel frames, varied, in 2 copies": {"augment": replace(varied, copies=2)},
        "mel frames, varied anew in every epoch": {"augment": varied},
    }
    known = appetites()
    print("| 7.5 s windows, batches of 32 | workers | windows a second | a processor second |")
    print("|---|---|---|---|")
    for name, options in kinds.items():
        windows = Windows(sources, cache, cut, MEL, **options)
        if name.endswith("segment"):
            windows = windows.giving(samples=True, frames=False, stretch=load_preset("base").vocoder.segment)
        if windows.augment is None or windows.augment.copies:
            windows.__getitems__([(epoch, index) for epoch in range(2) for index in range(len(windows))])
        for count in workers:
            batches = iter(endless(windows, 32, 1, workers=count))
            for _ in range(2 + 8 * count):
                next(batches)
            start, spent, given = time.perf_counter(), time.process_time(), 0
            while time.perf_counter() - start < 5:
                given += len(next(batches).styles)
            rate, own = given / (time.perf_counter() - start), given / (time.process_time() - spent)
            del batches
            print(f"| {name} | {count} | {rate:.0f} | {'' if count else f'{own:.0f}'} |", flush=True)
    print()
    for name, rate in known.items():
        print(f"On an H100, the {name} learns from less than {rate:.0f} windows a second.")


# What moves no data starts no kernel.
VIEWS = re.compile(
    r"view|t|transpose|expand|slice|select|unsqueeze|squeeze|permute|detach|alias|as_strided|split|split_with_sizes"
    r"|unbind|_unsafe_view|_reshape_alias|lift_fresh|real|imag|view_as_real|view_as_complex|unfold|_local_scalar_dense"
)


class Kernels(TorchDispatchMode):
    """Counts what a GPU would have to start."""

    started = 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        self.started += VIEWS.fullmatch(function._schema.name.partition("::")[2]) is None
        return function(*arguments, **(options or {}))


def appetites() -> dict[str, float]:
    """Windows of 7.5 s that each network of the preset base could learn from in a second on an H100, at the very most.

    One step is counted on the processor. On the GPU it takes at least as long as its floating-point operations at the
    peak, and at least as long as starting its kernels one after the other; real steps take longer than both, so this is
    more than any GPU asks for. A vocoder's segment is taken from a window of its own.
    """
    seconds, small = 7.5, 2
    base = load_preset("base")
    base = replace(
        base,
        latent=replace(base.latent, batch=small),
        generator=replace(base.generator, batch=small),
        vocoder=replace(base.vocoder, batch=small),
    )
    random = torch.Generator().manual_seed(1)
    noise = [0.1 * torch.randn(int(seconds * RATE), generator=random) for _ in range(8)]
    excerpts = [Excerpt(samples, log_mel(samples, MEL), 0, torch.zeros(0, dtype=torch.long)) for samples in noise]

    def least(step: Callable[[], object], batch: int, more: float) -> float:
        with FlopCounterMode(display=False) as operations:
            step()
        with Kernels() as kernels:
            step()
        return max((operations.get_total_flops() + more) * batch / small / GPU_FLOPS, kernels.started * GPU_LAUNCH)

    latent = LatentTraining(excerpts, 1, base, random)
    coded = least(lambda: latent.step(1), 32, 0.0)
    latent.finish()
    generator = GeneratorTraining(excerpts, 1, base, latent.model, random)
    vocoder = VocoderTraining(excerpts, base, random)
    shape = base.generator
    # The counter does not know LSTMs: 8 h (in + h) for a step of a layer, and twice that on the way back.
    recurrent = 3 * small * shape.length * shape.layers * 8 * shape.hidden * 2 * shape.hidden

    play, foresee = (least(lambda n=n: generator.step(n), 32, recurrent) for n in (shape.free_from, 1))
    return {
        "latent (batch 32)": 32 / coded,
        f"generator ({shape.layers} x {shape.hidden}, batch 32)": 32
        / ((play + (shape.free_every - 1) * foresee) / shape.free_every),
        "vocoder (batch 16 of 65536 samples, one from a window)": 16 / least(lambda: vocoder.step(1), 16, 0.0),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="of recordings to work through (default: 10)")
    parser.add_argument("--hours", type=float, nargs="+", default=[1.0], help="for `memory` (default: 1; slow: 1 20)")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=["ingest", "memory", "loader"], default=["ingest", "loader"])
    parser.add_argument("--child", type=float, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.child is not None:
        child(chosen.child)
        return
    folder = Path(tempfile.mkdtemp())
    try:
        if "ingest" in chosen.only:
            ingest(recordings(folder, chosen.minutes), folder)
        if "memory" in chosen.only:
            memory(chosen.hours)
        if "loader" in chosen.only:
            loader(folder, chosen.workers)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
