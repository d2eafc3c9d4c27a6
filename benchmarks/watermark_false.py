"""How often music that carries no mark looks as if it did, as Markdown, and as a picture (SVG).

    python benchmarks/watermark_false.py [--keys 200] [--searches 3] [--seconds 0.5] [--log FILE] [--svg FILE] FILE ...

Every window of each file is searched under many keys, of which none was used: the file as it is, and marked under yet
another key. What is drawn is how often the best pilot correlation of a window reaches a score, beside what Gaussian
noise would do over the same number of delays. A score is not a mark: what is decoded must still fit a tag of 40 bits.
So each file is also searched whole, under `--searches` keys. A run goes on from what is in the log; `--minutes` ends it
between two files.
"""

import argparse
import json
import time
from math import erfc, sqrt
from pathlib import Path

import numpy as np

from gen import audio
from gen.watermark.align import DELAYS, Alignment, soft_chips, soft_tiles
from gen.watermark.detect import BLOCK_SECONDS, THRESHOLD
from gen.watermark.mark import Watermark
from gen.watermark.patterns import Pattern
from gen.watermark.payload import PUBLIC_KEY
from gen.watermark.section import sections
from gen.waveform import Waveform

LEVELS = np.arange(2.0, 9.05, 0.1)
ROWS = (3.5, 4.0, THRESHOLD, 4.5, 5.0, 5.5, 6.0)


def best_scores(waveform: Waveform, keys: int, blocks: int) -> np.ndarray:
    """The best pilot correlation of each window of `blocks` blocks under each key, and under its opposite."""
    [section] = sections(waveform)
    chips = soft_chips(soft_tiles(section.look()))
    found = []
    for number in range(keys):
        alignment = Alignment.of(chips, Pattern.of(b"no mark has this" + number.to_bytes(4), 8).pilots)
        for first in range(0, alignment.blocks - blocks + 1, blocks):
            scores = alignment.scores(first, first + blocks)
            # The key whose pilots all have the other sign is another wrong key.
            found += [scores.max(), -scores.min()]
    return np.array(found)


def expected(score: float) -> float:
    """How often the highest of DELAYS independent Gaussian values exceeds a score (neighbours are not independent)."""
    return float(-np.expm1(DELAYS * np.log1p(-erfc(score / sqrt(2)) / 2)))


def svg(shares: list[float], windows: int) -> str:
    """Both curves, the share of windows on a logarithmic scale. shares: for each of LEVELS."""

    def line(shares: list[float], style: str) -> str:
        points = " ".join(
            f"{60 + 70 * (level - 2):.1f},{20 + 55 * -np.log10(share):.1f}"
            for level, share in zip(LEVELS, shares, strict=True)
            if share > 10**-7
        )
        return f'<polyline points="{points}" fill="none" stroke-width="2" {style}/>'

    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 580 470" font-family="sans-serif" font-size="13">',
        '<rect width="580" height="470" fill="white"/>',
        line([expected(float(level)) for level in LEVELS], 'stroke="#999" stroke-dasharray="6 4"'),
        line(shares, 'stroke="#06c"'),
        *(f'<text x="{55 + 70 * (score - 2)}" y="425">{score}</text>' for score in range(2, 10)),
        *(f'<text x="8" y="{25 + 55 * power}">1e-{power}</text>' for power in range(8)),
        '<path d="M60 20V405H550" fill="none" stroke="black"/>',
        f'<text x="120" y="450">score that the best delay of a window exceeds ({windows:,} windows)</text>',
        '<text x="330" y="40" fill="#06c">measured, unmarked and wrong key</text>',
        '<text x="330" y="60" fill="#777">Gaussian noise</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def heard(file: Path, number: int, keys: int, searches: int, blocks: int) -> dict[str, float | list[int]]:
    """What one file gives: windows, how many exceed each of LEVELS and ROWS, the highest score, seconds, marks."""
    host = audio.load(file)
    exceeding = np.zeros(len(LEVELS) + len(ROWS), np.int64)
    windows, highest, seconds, accepted = 0, 0.0, 0.0, 0
    for waveform in (host, Watermark(PUBLIC_KEY).embed(host, number.to_bytes(8))):
        if keys:
            middle = waveform.duration / 2
            scores = best_scores(waveform.excerpt(middle - 15, middle + 15), keys, blocks)
            exceeding += (scores[:, None] > np.array([*LEVELS, *ROWS])).sum(axis=0)
            windows += len(scores)
            highest = max(highest, float(scores.max()))
        for key in range(searches):
            seconds += waveform.duration
            accepted += len(Watermark(b"another wrong key" + key.to_bytes(4)).detect(waveform))
    if searches:
        seconds += host.duration
        accepted += len(Watermark(PUBLIC_KEY).detect(host))
    return {
        "windows": windows,
        "exceeding": exceeding.tolist(),
        "highest": highest,
        "seconds": seconds,
        "accepted": accepted,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--searches", type=int, default=3, help="wrong keys that each whole file is searched under")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of a window")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no file after so many")
    parser.add_argument("--log", type=Path, metavar="FILE", help="keep what each file gave here")
    parser.add_argument("--svg", type=Path)
    chosen = parser.parse_args()
    blocks = max(1, round(chosen.seconds / BLOCK_SECONDS))
    log = chosen.log.read_text().splitlines() if chosen.log and chosen.log.exists() else []
    results = [json.loads(line) for line in log]
    known = {(each["file"], each["keys"], each["searches"]) for each in results}
    end = time.monotonic() + 60 * chosen.minutes
    for number, file in enumerate(chosen.files):
        about = {"file": str(file), "keys": chosen.keys, "searches": chosen.searches}
        if tuple(about.values()) in known or time.monotonic() > end:
            continue
        results.append(about | heard(file, number, chosen.keys, chosen.searches, blocks))
        if chosen.log:
            with chosen.log.open("a") as opened:
                opened.write(json.dumps(results[-1]) + "\n")
    windows = sum(each["windows"] for each in results)
    exceeding = np.sum([each["exceeding"] for each in results], axis=0)
    if windows:
        print(f"{windows} windows of {blocks * BLOCK_SECONDS:.2f} s\n")
        print("| score above | windows | share | Gaussian noise |\n|---|---|---|---|")
        for score, count in zip(ROWS, exceeding[len(LEVELS) :].tolist(), strict=True):
            print(f"| {score:.1f} | {count} | {count / windows:.2e} | {expected(score):.2e} |")
        print(f"\nhighest score: {max(each['highest'] for each in results):.2f}")
    hours = sum(each["seconds"] for each in results) / 3600
    print(f"searched whole: {hours:.2f} h, {sum(each['accepted'] for each in results)} marks accepted")
    if chosen.svg:
        chosen.svg.write_text(svg((exceeding[: len(LEVELS)] / windows).tolist(), windows))


if __name__ == "__main__":
    main()
