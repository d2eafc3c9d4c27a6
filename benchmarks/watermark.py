"""Speed, quality and robustness of the watermark, as Markdown.

    python benchmarks/watermark.py [--seconds 40] [--pesq] [FILE ...]

Without files it marks the pieces that come with the package, played by gen.instruments, and two hard cases made here:
noise, and one low voice without treble. Speed is processor time, beside scipy.signal.stft and istft of the same audio.
PESQ needs the package `pesq`; it is a measure for speech, so take it as a comparison, not as a verdict about music.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from gen import audio, instruments, score
from gen.watermark import attacks
from gen.watermark.mark import Watermark
from gen.watermark.payload import PUBLIC_KEY
from gen.waveform import Waveform

IDENTITY = bytes.fromhex("0123456789abcdef")
WATERMARK = Watermark(PUBLIC_KEY)
WRONG = Watermark(b"a key that was never used here")
STARTS = (0.0, 0.29, 0.61, 1.0)


def noise(seconds: float) -> Waveform:
    samples = 0.1 * np.random.default_rng(1).standard_normal((2, int(seconds * 44100)), np.float32)
    return Waveform(samples, 44100)


def low_voice(seconds: float) -> Waveform:
    pick = np.random.default_rng(2)
    time_ = np.arange(22050) / 44100
    edges = np.minimum(1, np.minimum(time_, 0.5 - time_) * 30)
    notes = []
    for _ in range(int(np.ceil(seconds * 2))):
        hertz = 440 * 2 ** ((pick.integers(33, 50) - 69) / 12)
        partials = [k for k in range(1, 40) if k * hertz < 3000]
        notes.append(edges * sum(0.2 / k * np.sin(2 * np.pi * k * hertz * time_) for k in partials))
    return Waveform(np.concatenate(notes)[None, : int(seconds * 44100)].astype(np.float32), 44100)


def hosts(files: list[Path], seconds: float) -> Iterator[tuple[str, Waveform]]:
    if files:
        for file in files:
            whole = audio.load(file)
            start = max(0.0, (whole.duration - seconds) / 2)
            yield file.stem, whole.excerpt(start, start + seconds)
        return
    for name in score.names():
        yield name, instruments.render(score.load(name)).excerpt(20, 20 + seconds)
    yield "noise", noise(seconds)
    yield "low voice", low_voice(seconds)


def cuts(waveform: Waveform, length: float) -> list[Waveform]:
    room = waveform.duration - length
    return [waveform.excerpt(place * room, place * room + length) for place in STARTS]


def attacked(marked: Waveform) -> Iterator[tuple[str, list[Waveform]]]:
    mp3 = attacks.encode(marked, "mp3", 128)
    yield "nothing", [marked]
    yield "MP3 128", [mp3]
    for codec, kilobits in (("mp3", 64), ("aac", 128), ("aac", 64), ("opus", 64), ("opus", 32)):
        yield f"{codec.upper()} {kilobits}", [attacks.encode(marked, codec, kilobits)]
    yield "Vorbis, quality 0.2", [attacks.vorbis(marked, 0.2)]
    for rate in (22050, 16000, 8000):
        yield f"resampled to {rate} Hz", [attacks.resample(marked, rate)]
    for snr in (30, 20, 10):
        yield f"white noise {snr} dB", [attacks.noise(marked, snr)]
    yield "gain -20 dB, 16 bits", [attacks.round16(attacks.gain(marked, -20))]
    yield "12 dB into clipping", [attacks.clip(marked, 12)]
    yield "mono downmix", [marked.mono()]
    for length in (15, 10, 5, 3):
        yield f"{length} s cut", cuts(marked, length)
        yield f"{length} s cut of MP3 128", cuts(mp3, length)
    yield "5 s cut of noise 20 dB", cuts(attacks.noise(marked, 20), 5)


def changed(marked: Waveform) -> Iterator[tuple[str, Waveform]]:
    for factor in (0.95, 1.003, 1.04):
        yield f"played {factor} x as fast, speed search", attacks.faster(marked, factor)


def reads(waveform: Waveform, search_speed: bool = False) -> bool:
    return [found.id for found in WATERMARK.detect(waveform, search_speed=search_speed)] == [IDENTITY]


def segmental_snr(host: Waveform, marked: Waveform) -> float:
    """Mean over frames of 20 ms, each limited to -10 .. 35 dB, in decibels; frames below -60 dBFS left out."""
    length = host.rate // 50
    pieces = [w.mono().samples[0][: host.frames // length * length].reshape(-1, length) for w in (host, marked)]
    signal, difference = np.square(pieces[0]).mean(axis=1), np.square(pieces[1] - pieces[0]).mean(axis=1)
    heard = signal > 1e-6
    return float(np.clip(10 * np.log10(signal[heard] / (difference[heard] + 1e-12)), -10, 35).mean())


def quality(host: Waveform, marked: Waveform, with_pesq: bool) -> list[str]:
    difference = marked.samples - host.samples
    snr = 10 * np.log10(np.square(host.samples).sum() / np.square(difference).sum())
    figures = [f"{snr:.1f}", f"{segmental_snr(host, marked):.1f}"]
    if with_pesq:
        from pesq import PesqError, pesq

        first, second = (w.mono().resampled(16000).samples[0][: 16000 * 20] for w in (host, marked))
        # Music without pauses or onsets that PESQ takes for speech has no figure: -1.
        found = pesq(16000, first, second, "wb", on_error=PesqError.RETURN_VALUES)
        figures.append(f"{found:.2f}" if found > 0 else "none")
    return figures


def processor_seconds(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def speed(music: Waveform) -> None:
    from scipy.signal import istft, stft

    def reference() -> None:
        istft(stft(music.samples, music.rate, nperseg=2048, noverlap=1024)[2], music.rate, nperseg=2048, noverlap=1024)

    marked = WATERMARK.embed(music, IDENTITY)
    rows = {
        "scipy stft + istft": processor_seconds(reference),
        "embed": processor_seconds(lambda: WATERMARK.embed(music, IDENTITY)),
        "detect, marked": processor_seconds(lambda: WATERMARK.detect(marked)),
        "detect, unmarked": processor_seconds(lambda: WATERMARK.detect(music)),
        "detect, unmarked, speed search": processor_seconds(lambda: WATERMARK.detect(music, search_speed=True)),
    }
    base = rows["scipy stft + istft"]
    print(f"| {music.duration:.0f} s, {music.channels} channels | processor s | x real time | x reference |")
    print("|---|---|---|---|")
    for name, seconds in rows.items():
        print(f"| {name} | {seconds:.2f} | {music.duration / seconds:.0f} | {seconds / base:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--seconds", type=float, default=40.0, help="how much of each piece (default: 40)")
    parser.add_argument("--pesq", action="store_true", help="also PESQ (needs the package pesq)")
    chosen = parser.parse_args()

    music = dict(hosts(chosen.files, chosen.seconds))
    print("| audio | SNR dB | segmental SNR dB |" + (" PESQ |" if chosen.pesq else "") + " unmarked | wrong key |")
    print("|---|---|---|" + ("---|" if chosen.pesq else "") + "---|---|")
    table: dict[str, list[bool]] = {}
    for name, host in music.items():
        marked = WATERMARK.embed(host, IDENTITY)
        silent = [f"{len(found)} found" for found in (WATERMARK.detect(host), WRONG.detect(marked))]
        print("| " + " | ".join([name, *quality(host, marked, chosen.pesq), *silent]) + " |", flush=True)
        for attack, results in attacked(marked):
            table.setdefault(attack, []).extend(reads(result) for result in results)
        for attack, result in changed(marked):
            table.setdefault(attack, []).append(reads(result, search_speed=True))
    print("\n| attack | read / tried |\n|---|---|")
    for attack, outcomes in table.items():
        print(f"| {attack} | {sum(outcomes)} / {len(outcomes)} |")
    print()
    first = next(iter(music.values()))
    for seconds in (15, 180):
        repeats = int(np.ceil(seconds / first.duration))
        speed(Waveform(np.tile(first.samples, repeats)[:, : seconds * first.rate], first.rate))
        print()


if __name__ == "__main__":
    main()
