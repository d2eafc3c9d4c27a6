"""How surely defects are found, how often they are reported where there are none, and how fast; as Markdown.

    python benchmarks/defects.py [--seconds 15] [FILE ...]

Hosts are the pieces that come with the package, played by gen.instruments, the same with drums of noise over them, and
noise whose spectrum falls by 3 to 12 dB an octave; FILEs, which must be free of these defects, are added to them. Every
host is damaged in each way and rounded to 16 bits, as a WAV file would be. Speeds are processor time, beside
scipy.signal.stft of the same audio.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from gen import audio, instruments, score
from gen.cleaning import clean
from gen.config import CleaningConfig
from gen.defects import find_defects
from gen.loudness import loudness
from gen.watermark import attacks
from gen.waveform import Waveform

RATE = 44100
Damage = Callable[[Waveform], Waveform]


def falling(slope: float, seconds: float) -> Waveform:
    pick = np.random.default_rng(int(-slope))
    length = int(seconds * RATE)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(length, 1 / RATE), 50) / 50)
    samples = np.fft.irfft(np.fft.rfft(pick.standard_normal((2, length))) * 10 ** (slope * octaves / 20), length)
    samples -= samples.mean(axis=1, keepdims=True)
    return Waveform(0.5 * samples / np.abs(samples).max(), RATE)


def drummed(music: Waveform) -> Waveform:
    pick = np.random.default_rng(1)
    samples = music.samples.copy()
    beat = RATE // 4
    fade = np.exp(-np.arange(beat) / 2000)
    for start in range(0, music.frames - beat, beat):
        stroke = np.diff(pick.standard_normal((2, beat)), axis=1, prepend=0)
        samples[:, start : start + beat] += (0.05 * fade * stroke).astype(np.float32)
    return Waveform(samples, music.rate)


def hosts(files: list[Path], seconds: float) -> Iterator[tuple[str, Waveform]]:
    for name in score.names():
        piece = instruments.render(score.load(name)).excerpt(20, 20 + seconds)
        yield name, piece
        yield f"{name} with drums", drummed(piece)
    for slope in (-3, -6, -9, -12):
        yield f"noise, {slope} dB an octave", falling(slope, seconds)
    for file in files:
        whole = audio.load(file)
        start = max(0.0, (whole.duration - seconds) / 2)
        yield file.stem, whole.excerpt(start, start + seconds)


def through(codec: str, kilobits: int) -> Damage:
    return lambda music: attacks.encode(music, codec, kilobits).resampled(RATE)


def up_from(rate: int) -> Damage:
    return lambda music: music.resampled(rate).resampled(RATE)


def loud(music: Waveform, over: float) -> Waveform:
    return attacks.clip(Waveform(music.samples / np.abs(music.samples).max(), music.rate), over)


def between_silences(music: Waveform) -> Waveform:
    return Waveform(np.pad(music.samples, ((0, 0), (2 * RATE, 4 * RATE))), RATE)


def delayed(music: Waveform, delay: int, frame: int) -> Waveform:
    """As a decoder leaves it that does not know the encoder's delay; the music begins at once, as after a cut."""
    samples = np.pad(music.samples[:, RATE:], ((0, 0), (delay, 0)))
    return Waveform(np.ascontiguousarray(samples[:, : samples.shape[1] // frame * frame]), RATE)


def one_channel(music: Waveform, sign: int) -> Waveform:
    return Waveform(np.stack([music.samples[0], sign * music.samples[0]]), RATE)


DAMAGES: dict[str, tuple[Damage, str]] = {
    **{f"MP3 {rate} kbit/s": (through("mp3", rate), "lossy-origin") for rate in (64, 96, 128, 192, 256, 320)},
    **{f"AAC {rate} kbit/s": (through("aac", rate), "lossy-origin") for rate in (96, 128, 192, 256)},
    **{f"Opus {rate} kbit/s": (through("opus", rate), "lossy-origin") for rate in (64, 128)},
    **{f"Vorbis, quality {q}": ((lambda m, q=q: attacks.vorbis(m, q)), "lossy-origin") for q in (0.3, 0.6, 0.9)},
    "MP3 128 kbit/s, then 6 dB louder": (lambda m: attacks.gain(through("mp3", 128)(m), 6), "lossy-origin"),
    "MP3 128 kbit/s, then noise at -90 dB": (lambda m: attacks.noise(through("mp3", 128)(m), 70), "lossy-origin"),
    **{f"up from {rate} Hz": (up_from(rate), "upsampled") for rate in (11025, 16000, 22050, 24000, 32000)},
    **{f"clipped by {over} dB": ((lambda m, over=over: loud(m, over)), "clipping") for over in (0.5, 1, 3, 6)},
    "clipped by 3 dB, then MP3 320 kbit/s": (lambda m: through("mp3", 320)(loud(m, 3)), "clipping"),
    "one channel twice": (lambda m: one_channel(m, 1), "equal-channels"),
    "one channel twice, one inverted": (lambda m: one_channel(m, -1), "equal-channels"),
    "one channel twice, then MP3 128 kbit/s": (lambda m: through("mp3", 128)(one_channel(m, 1)), "equal-channels"),
    "2 s of silence before, 4 s behind": (between_silences, "silence"),
    "offset 0.01": (lambda m: Waveform(m.samples + np.float32(0.01), RATE), "offset"),
    "MP3's delay": (lambda m: delayed(m, 1105, 1152), "encoder-padding"),
    "AAC's delay": (lambda m: delayed(m, 2112, 1024), "encoder-padding"),
}


def names(music: Waveform) -> set[str]:
    return {defect.name for defect in find_defects(attacks.round16(music))}


def processor_seconds(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def speeds(music: Waveform) -> None:
    from scipy.signal import stft

    config = CleaningConfig()
    rows = {
        "scipy.signal.stft": processor_seconds(lambda: stft(music.samples, RATE, nperseg=2048, noverlap=1024)),
        "loudness and true peak": processor_seconds(lambda: loudness(music)),
        "defects": processor_seconds(lambda: find_defects(music)),
        "cleaning": processor_seconds(lambda: clean(music, config)),
    }
    rows["all three"] = sum(list(rows.values())[1:])
    print(f"\n| {music.duration:.0f} s of stereo | x real time | x stft |\n|---|---|---|")
    for name, seconds in rows.items():
        print(f"| {name} | {music.duration / seconds:.0f} | {seconds / rows['scipy.signal.stft']:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--seconds", type=float, default=15.0, help="how much of each piece (default: 15)")
    chosen = parser.parse_args()
    music = dict(hosts(chosen.files, chosen.seconds))

    kinds = sorted({kind for _, kind in DAMAGES.values()})
    clean_hosts = {name: names(host) for name, host in music.items()}
    print(f"| {len(music)} good recordings | falsely reported |\n|---|---|")
    for kind in kinds:
        wrong = [name for name, found in clean_hosts.items() if kind in found]
        print(f"| {kind} | {len(wrong)}{': ' + ', '.join(wrong) if wrong else ''} |")
    print("\n| damage | found / tried | called something else |\n|---|---|---|")
    for damage, (apply, kind) in DAMAGES.items():
        found = [names(apply(host)) for host in music.values()]
        others = sorted({name for one in found for name in one - {kind}})
        print(f"| {damage} | {sum(kind in one for one in found)} / {len(found)} | {', '.join(others)} |", flush=True)

    first = next(iter(music.values()))
    repeats = int(np.ceil(180 / first.duration))
    speeds(Waveform(np.tile(first.samples, repeats)[:, : 180 * RATE], RATE))


if __name__ == "__main__":
    main()
