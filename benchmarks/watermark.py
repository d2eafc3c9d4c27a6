"""The watermark beside audiowmark: quality, and what either survives, as Markdown.

    python benchmarks/watermark.py [--audiowmark PROGRAM] [--peaq PROGRAM] [--mark 64:1] [--log FILE] [FILE ...]

Without files it marks the pieces that come with the package, played by gen.instruments. audiowmark
(https://github.com/swesterfeld/audiowmark) and a PEAQ program that prints "Objective Difference Grade: X" for two WAV
files of 48 kHz (GstPEAQ's `peaq`) are run if they are named. audiowmark carries 128 bits, ours 64 or 128 under a tag
of 40 more. A clip counts as read by audiowmark when the right message is among those it prints, which flatters it: a
stranger would not know which.

What is in the log is not measured again: a run that was stopped goes on, `--only` takes the rows in any order, and the
tables show all that the log has of the marks named.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from gen import audio, instruments, score
from gen.watermark import attacks
from gen.watermark.mark import Watermark
from gen.watermark.payload import PUBLIC_KEY
from gen.waveform import Waveform

MESSAGE = bytes.fromhex("0123456789abcdef0011223344556677")
OTHER_KEY = b"a key that was never used here"
QUALITY = "quality"
Attack = Callable[[Waveform], Waveform]


class Marker(Protocol):
    """Something that marks and reads."""

    name: str

    def embed(self, waveform: Waveform) -> Waveform: ...
    def overwrite(self, waveform: Waveform) -> Waveform: ...
    def reads(self, waveform: Waveform, search_speed: bool) -> bool: ...


class Ours:
    def __init__(self, bits: int, strength: float, balance: float = 0.0) -> None:
        self.name = f"stemmata, {bits} bits, strength {strength:g}, balance {balance:g}"
        self.id = MESSAGE[: bits // 8]
        self.watermark = Watermark(PUBLIC_KEY, strength=strength, balance=balance, id_bytes=bits // 8)
        self.stranger = Watermark(OTHER_KEY, strength=strength, balance=balance, id_bytes=bits // 8)

    def embed(self, waveform: Waveform) -> Waveform:
        return self.watermark.embed(waveform, self.id)

    def overwrite(self, waveform: Waveform) -> Waveform:
        return self.stranger.embed(waveform, self.id[::-1])

    def reads(self, waveform: Waveform, search_speed: bool) -> bool:
        return self.id in {found.id for found in self.watermark.detect(waveform, search_speed=search_speed)}


class BothLayers(Ours):
    """The mark under the published key, and one under another key over it."""

    def __init__(self) -> None:
        super().__init__(64, 1.0)
        self.name = "stemmata, 64 bits, public and private"

    def embed(self, waveform: Waveform) -> Waveform:
        return self.overwrite(super().embed(waveform))


class Audiowmark:
    name = "audiowmark"

    def __init__(self, program: str, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.key = folder / "other.key"
        subprocess.run([program, "-q", "gen-key", self.key], check=True)

    def _add(self, waveform: Waveform, *options: str | Path) -> Waveform:
        source, target = self.folder / "in.wav", self.folder / "out.wav"
        audio.save(source, waveform)
        subprocess.run([self.program, "-q", "add", *options, source, target, MESSAGE.hex()], check=True)
        return audio.load(target)

    def embed(self, waveform: Waveform) -> Waveform:
        return self._add(waveform)

    def overwrite(self, waveform: Waveform) -> Waveform:
        return self._add(waveform, "--key", self.key)

    def reads(self, waveform: Waveform, search_speed: bool) -> bool:
        source = self.folder / "read.wav"
        audio.save(source, Waveform(np.clip(waveform.samples, -1, 1), waveform.rate))
        options = ["--detect-speed"] if search_speed else []
        told = subprocess.run(
            [self.program, "-q", "get", *options, source], capture_output=True, text=True, check=False
        )
        return MESSAGE.hex() in told.stdout


class Results:
    """What was measured: (clip, mark, row) to figures or whether the mark was read; kept in a file if there is one."""

    def __init__(self, log: Path | None) -> None:
        self.log = log
        lines = log.read_text().splitlines() if log and log.exists() else []
        self.found = {(clip, mark, row): value for clip, mark, row, value in map(json.loads, lines)}

    def add(self, clip: str, mark: str, row: str, value: bool | list[float]) -> None:
        self.found[clip, mark, row] = value
        if self.log:
            with self.log.open("a") as file:
                file.write(json.dumps([clip, mark, row, value]) + "\n")

    def values(self, mark: str, row: str) -> list[bool | list[float]]:
        return [value for (_, by, of), value in self.found.items() if (by, of) == (mark, row)]

    def tables(self, marks: list[str]) -> None:
        print("| mark | clips | SNR dB | segmental SNR dB | PESQ | ODG: median | mean | worst |\n|" + "---|" * 8)
        for mark in marks:
            array = np.array(self.values(mark, QUALITY), float).reshape(-1, 4)
            if len(array):
                middle = np.nanmedian(array, axis=0)
                print(
                    f"| {mark} | {len(array)} | {middle[0]:.1f} | {middle[1]:.1f} | {middle[2]:.2f} | "
                    f"{middle[3]:+.3f} | {np.nanmean(array[:, 3]):+.3f} | {np.nanmin(array[:, 3]):+.3f} |"
                )
        print("\n| read / tried | " + " | ".join(marks) + " |\n|---|" + "---|" * len(marks))
        for row in dict.fromkeys(row for _, _, row in self.found if row != QUALITY):
            tried = [self.values(mark, row) for mark in marks]
            cells = [f"{sum(map(bool, each))} / {len(each)}" if each else "" for each in tried]
            print(f"| {row} | {' | '.join(cells)} |")


def hosts(files: list[Path], seconds: float) -> Iterator[tuple[str, Waveform]]:
    for file in files:
        whole = audio.load(file)
        start = max(0.0, (whole.duration - seconds) / 2)
        yield file.stem, whole.excerpt(start, start + seconds)
    for name in [] if files else score.names():
        yield name, instruments.render(score.load(name)).excerpt(20, 20 + seconds)


def table(other: Waveform) -> Iterator[tuple[str, Attack, bool]]:
    """Attacks, each with whether the reader has to search for another speed."""

    def coded(codec: str, kilobits: int, mono: bool = False) -> Attack:
        return lambda w: attacks.encode(w.mono() if mono else w, codec, kilobits)

    yield "none", lambda w: w, False
    for codec, rates in {"mp3": (128, 64, 32), "aac": (128, 64), "opus": (64, 32, 24, 16)}.items():
        for kilobits in rates:
            yield f"{codec} {kilobits}", coded(codec, kilobits), False
    yield "opus 12 mono", coded("opus", 12, mono=True), False
    for rate in (22050, 16000, 8000):
        yield f"resampled to {rate} Hz", lambda w, rate=rate: attacks.resample(w, rate), False
    yield "8 bit", attacks.round8, False
    yield "gain -20 dB, 16 bit", lambda w: attacks.round16(attacks.gain(w, -20)), False
    yield "12 dB into clipping", lambda w: attacks.clip(w, 12), False
    for hertz in (4000, 2000):
        yield f"low-pass {hertz} Hz", lambda w, hertz=hertz: attacks.low_pass(w, hertz), False
    for hertz in (500, 2000, 5000):
        yield f"high-pass {hertz} Hz", lambda w, hertz=hertz: attacks.high_pass(w, hertz), False
    yield "equaliser +-9 dB", attacks.equalise, False
    yield "echo", attacks.echo, False
    yield "reverberation", attacks.reverberate, False
    yield "compressor", attacks.compress, False
    yield "mono", lambda w: w.mono(), False
    yield "denoiser", attacks.denoise, False
    for snr in (30, 20, 10, 0):
        yield f"noise at {snr} dB", lambda w, snr=snr: attacks.noise(w, snr), False
    for decibels in (0, 6):
        yield f"mixed with music at {decibels:+d} dB", lambda w, d=decibels: attacks.mix(w, other, d), False
    for length in (15, 10, 5, 3, 2):
        yield f"piece of {length} s", lambda w, length=length: piece(w, length), False
    yield "5 s of mp3 64", lambda w: piece(attacks.encode(w, "mp3", 64), 5), False
    yield "5 s of opus 32", lambda w: piece(attacks.encode(w, "opus", 32), 5), False
    yield "5 s of noise at 20 dB", lambda w: piece(attacks.noise(w, 20), 5), False
    yield "splices every second", attacks.splice, False
    yield "jitter of 1 ms", attacks.jitter, False
    for decibels, distance in {0: "", -6: "half ", -12: "a quarter of "}.items():
        air = f"loudspeaker, room, telephone at {distance}the critical distance"
        yield air, lambda w, d=decibels: attacks.over_the_air(w, decibels=d), False
    for percent in (0.3, 1, -1, 2, -2, 5, -5, 10, -10):
        yield f"speed {percent:+g} %", lambda w, p=percent: attacks.faster(w, 1 + p / 100), True
    for semitones in (1, -1):
        yield f"pitch {semitones:+d} semitone", lambda w, s=semitones: attacks.stretched(w, 1, 2 ** (s / 12)), True
    for tempo in (0.9, 1.1):
        yield f"tempo {tempo:g}", lambda w, t=tempo: attacks.stretched(w, t), True


def piece(waveform: Waveform, seconds: float) -> Waveform:
    """A piece from a place that no pattern begins at."""
    start = 0.37 * (waveform.duration - seconds)
    return waveform.excerpt(start, start + seconds)


def segmental_snr(host: Waveform, marked: Waveform) -> float:
    """Mean over frames of 20 ms, each limited to -10 .. 35 dB, in decibels; frames below -60 dBFS left out."""
    length = host.rate // 50
    pieces = [w.mono().samples[0][: host.frames // length * length].reshape(-1, length) for w in (host, marked)]
    signal, difference = np.square(pieces[0]).mean(axis=1), np.square(pieces[1] - pieces[0]).mean(axis=1)
    heard = signal > 1e-6
    return float(np.clip(10 * np.log10(signal[heard] / (difference[heard] + 1e-12)), -10, 35).mean())


def quality(host: Waveform, marked: Waveform, peaq: str | None, folder: Path) -> list[float]:
    """SNR and segmental SNR in decibels, PESQ if that package is there (else nan), ODG if a program is (else nan)."""
    difference = np.square(marked.samples - host.samples, dtype=np.float64).sum()
    figures = [10 * np.log10(np.square(host.samples, dtype=np.float64).sum() / difference), segmental_snr(host, marked)]
    try:
        from pesq import PesqError, pesq

        first, second = (w.mono().resampled(16000).samples[0][: 16000 * 20] for w in (host, marked))
        # Music without pauses or onsets that PESQ takes for speech has no figure: -1.
        found = float(pesq(16000, first, second, "wb", on_error=PesqError.RETURN_VALUES))
        figures.append(found if found > 0 else np.nan)
    except ModuleNotFoundError:
        figures.append(np.nan)
    if peaq is None:
        return [*figures, np.nan]
    paths = [folder / "reference.wav", folder / "test.wav"]
    for path, waveform in zip(paths, (host, marked), strict=True):
        audio.save(path, waveform.resampled(48000))
    told = subprocess.run([peaq, *paths], capture_output=True, text=True, check=False).stdout
    grade = re.search(r"Objective Difference Grade:\s*(-?[0-9.]+)", told)
    return [*figures, float(grade[1]) if grade else np.nan]


def measure(
    music: dict[str, Waveform], markers: list[Marker], chosen: argparse.Namespace, results: Results, folder: Path
) -> None:
    """Fill in what is missing from the results, clip by clip."""
    names = list(music)
    for number, (clip, host) in enumerate(music.items()):
        other = music[names[(number + 1) % len(names)]]
        for marker in markers:
            wanted = [
                row
                for row in [(QUALITY, None, False), *table(other), ("overwritten by another key", None, False)]
                if re.search(chosen.only, row[0]) and (clip, marker.name, row[0]) not in results.found
            ]
            if not wanted:
                continue
            marked = attacks.round16(marker.embed(host))
            for attack, change, search in wanted:
                if attack == QUALITY:
                    results.add(clip, marker.name, attack, quality(host, marked, chosen.peaq, folder))
                    continue
                begun = time.process_time()
                attacked = marker.overwrite(marked) if change is None else change(marked)
                results.add(clip, marker.name, attack, marker.reads(attacked, search))
                print(f"{clip} {marker.name} {attack}: {time.process_time() - begun:.1f} s", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--audiowmark", metavar="PROGRAM")
    parser.add_argument("--peaq", metavar="PROGRAM")
    parser.add_argument("--seconds", type=float, default=20.0, help="how much of each piece (default: 20)")
    parser.add_argument(
        "--mark",
        action="append",
        metavar="BITS:STRENGTH[:BALANCE]",
        help="ours, as often as wanted (default: 64:1 and 128:1)",
    )
    parser.add_argument("--both-layers", action="store_true", help="a public and a private mark in one file too")
    parser.add_argument("--only", default="", metavar="TEXT", help="only rows whose name matches this expression")
    parser.add_argument("--log", type=Path, metavar="FILE", help="keep what was measured here, a line each")
    chosen = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wanted = ["64:1", "128:1"] if chosen.mark is None else [mark for mark in chosen.mark if mark]
        pairs = [mark.split(":") for mark in wanted]
        markers: list[Marker] = [Ours(int(bits), *map(float, gains)) for bits, *gains in pairs]
        if chosen.both_layers:
            markers.append(BothLayers())
        if chosen.audiowmark:
            markers.append(Audiowmark(chosen.audiowmark, folder))
        music = dict(hosts(chosen.files, chosen.seconds))
        results = Results(chosen.log)
        measure(music, markers, chosen, results, folder)
        results.tables([marker.name for marker in markers])


if __name__ == "__main__":
    main()
