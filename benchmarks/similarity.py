"""How surely copies of a take are found, how often other music is taken for one, and how long it takes for an archive.

    python benchmarks/similarity.py [--tunes 20] [--hours 100]

Tunes are drawn at random, in all keys and at several speeds, and performed by the project's piano and harpsichord; to
these come its scores. Each piano piece is copied in the ways that the first table names, and every copy is looked for
among all originals. The archive is made of fingerprints: of bars of those pieces in random order, each a little
disturbed, which is harder than music is, since all of it shares bars.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import scipy.signal
import soxr

from gen import instruments, score
from gen.audio import encode, load
from gen.fingerprint import STEP, Fingerprint, align, fingerprint, iscc_distance
from gen.similarity import alike, alike_to, same_take
from gen.waveform import Waveform

RATE = 44100
SHEET = "%abc-2.1\nX:1\nT:Tune\nC:Nobody\nM:4/4\nL:1/8\nQ:1/4={}\nK:{}\n[V:1] {} |]\n"
KEYS = ("C", "G", "D", "A", "E", "F", "Bb", "Eb", "Ab")
NOTES = ("C", "D", "E", "F", "G", "A", "B", "c", "d", "e", "f", "g", "a", "b")
LONGEST = 90


def tune(folder: Path, seed: int) -> score.Score:
    """About 45 s: steps and leaps of a melody, four voices' worth of range."""
    random = np.random.default_rng(seed)
    place, bars = int(random.integers(4, 10)), []
    for _ in range(24):
        notes = []
        for _ in range(8):
            place = int(np.clip(place + random.choice([-4, -2, -1, 1, 2, 4]), 0, len(NOTES) - 1))
            notes.append(NOTES[place])
        bars.append("".join(notes))
    path = folder / "tune.abc"
    path.write_text(SHEET.format(int(random.integers(90, 150)), KEYS[seed % len(KEYS)], " | ".join(bars)))
    return score.read(path)


def performed(folder: Path, tunes: int) -> dict[tuple[str, str], Waveform]:
    """By name and instrument."""
    sheets = {f"tune {seed}": tune(folder, seed) for seed in range(tunes)}
    sheets |= {name: score.load(name) for name in score.names()}
    found = {}
    for name, sheet in sheets.items():
        for instrument in ("piano", "harpsichord"):
            sound = instruments.render(sheet, instrument=instrument)
            found[name, instrument] = Waveform(sound.samples[:, : LONGEST * RATE], RATE)
    return found


def copies(folder: Path, original: Waveform) -> Iterator[tuple[str, Fingerprint]]:
    sound, length = original.samples, original.frames
    cut = Waveform(sound[:, length // 10 : -length // 10], RATE)
    for name, wave, suffix, kbps in (
        ("MP3 at 64 kbit/s", original, ".mp3", 64),
        ("Opus at 48 kbit/s", original, ".opus", 48),
        ("a tenth cut off at both ends, MP3 at 96 kbit/s", cut, ".mp3", 96),
    ):
        encode(folder / f"copy{suffix}", wave, kbps)
        yield name, fingerprint(load(folder / f"copy{suffix}"))
    low, high = (
        scipy.signal.lfilter(*scipy.signal.butter(1, f, k, fs=RATE), sound) for f, k in ((300, "low"), (3000, "high"))
    )
    yield "6 dB more bass", changed(0.5 * (sound + low))
    yield "6 dB more treble", changed(0.5 * (sound + high))
    yield "driven 12 dB into a limiter", changed(0.8 * np.tanh(4 * sound))
    yield "12 dB softer", changed(0.25 * sound)
    yield "2 % cut off at the beginning", changed(sound[:, length // 50 + 777 :])
    yield "30 % cut off at the beginning", changed(sound[:, 3 * length // 10 + 777 :])
    yield "a fifth cut out of the middle", changed(np.delete(sound, slice(2 * length // 5, 3 * length // 5), axis=1))
    for percent in (0.5, 1, 2, 4, -0.5, -1):
        way = "faster, and so higher" if percent > 0 else "slower, and so lower"
        yield f"{abs(percent)} % {way}", changed(soxr.resample(sound.T, RATE, RATE / (1 + percent / 100)).T)


def changed(samples: np.ndarray) -> Fingerprint:
    return fingerprint(Waveform(np.ascontiguousarray(samples, dtype=np.float32), RATE))


def archive(prints: list[Fingerprint], hours: float, planted: int) -> list[Fingerprint]:
    """Recordings of 2 to 6 minutes, and at the end copies of the first ones, cut and disturbed."""
    random = np.random.default_rng(1)
    made: list[Fingerprint] = []
    while sum(len(one.codes) for one in made) * STEP < hours * 3600:
        wanted, bars = int(random.integers(1000, 2900)), []
        while sum(len(bar) for bar in bars) < wanted:
            codes = prints[random.integers(len(prints))].codes
            start = int(random.integers(0, len(codes) - 40))
            bars.append(codes[start : start + int(random.integers(8, 40))])
        made.append(disturbed(np.concatenate(bars), 0.03, random))
    return made + [disturbed(one.codes[50:], 0.05, random) for one in made[:planted]]


def disturbed(codes: np.ndarray, rate: float, random: np.random.Generator) -> Fingerprint:
    flips = (random.random((len(codes), 32)) < rate) @ (np.uint64(1) << np.arange(32, dtype=np.uint64))
    return Fingerprint(codes ^ flips.astype(np.uint32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tunes", type=int, default=20)
    parser.add_argument("--hours", type=float, default=100.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        music = performed(folder, options.tunes)
        began = time.process_time()
        prints = {key: fingerprint(wave) for key, wave in music.items()}
        spent = time.process_time() - began
        hours = sum(wave.duration for wave in music.values()) / 3600
        keys, known = list(prints), list(prints.values())
        print(f"fingerprint: {spent / hours:.1f} processor seconds an hour of sound\n")
        counts: dict[str, list[int]] = {}
        for key, wave in music.items():
            if key[1] != "piano":
                continue
            made = dict(copies(folder, wave))
            pairs = alike_to(list(made.values()), known)
            for place, (kind, print_) in enumerate(made.items()):
                row = counts.setdefault(kind, [0, 0, 0, 0])
                found = {keys[pair.other] for pair in pairs if pair.one == place}
                row[0] += 1
                row[1] += key in found
                row[2] += len(found - {key})
                row[3] += iscc_distance(print_.iscc, prints[key].iscc) <= 3
    print("| copy | found | other music taken for it | ISCC within 3 bits |\n|---|---|---|---|")
    for kind, (tried, right, wrong, near) in counts.items():
        print(f"| {kind} | {right} of {tried} | {wrong} | {near} of {tried} |")
    others = [(a, b) for i, a in enumerate(keys) for b in keys[:i] if a[0] != b[0]]
    again = [(a, b) for i, a in enumerate(keys) for b in keys[:i] if a[0] == b[0]]
    print("\n| pairs | taken for one take | highest similarity of `align` | ISCC within 3 bits |\n|---|---|---|---|")
    for what, pairs_ in (("other music", others), ("the same notes on the other instrument", again)):
        wrong = sum(same_take(prints[a], prints[b]) is not None for a, b in pairs_)
        highest = max(align(prints[a], prints[b]).similarity for a, b in pairs_)
        near = sum(iscc_distance(prints[a].iscc, prints[b].iscc) <= 3 for a, b in pairs_)
        print(f"| {len(pairs_)} of {what} | {wrong} | {highest:.2f} | {near} |")
    many = archive(known, options.hours, 20)
    began = time.process_time()
    found = alike(many)
    spent = time.process_time() - began
    one = time.process_time()
    for place in range(50):
        same_take(many[place % len(many)], many[(place + 7) % len(many)])
    one = (time.process_time() - one) / 50
    total = len(many) * (len(many) - 1) / 2 * one
    originals = len(many) - min(20, len(many) // 2)
    right = sum(pair.other - pair.one == originals for pair in found)
    length = sum(len(one.codes) for one in many) * STEP / 3600
    print(f"\n{len(many)} recordings, {length:.0f} hours: {spent:.0f} processor seconds; each with each {total:.0f}")
    print(f"{right} of {len(many) - originals} copies found, {len(found) - right} other pairs")


if __name__ == "__main__":
    main()
