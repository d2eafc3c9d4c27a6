"""How fast marks are written and read, beside audiowmark, in turns, as Markdown.

    python benchmarks/watermark_speed.py --audiowmark PROGRAM [--rounds 5] [--only TEXT] FILE

FILE is a WAV file. Figures are seconds of audio per second of processor time, the best and the median of all rounds;
the two take turns, so that a busy machine is as busy for one as for the other. Ours is timed inside Python, imports and
what numba compiles not counted, audiowmark as a process with its reading and writing of files; the rows "file to file"
count ours too.
Set OMP_NUM_THREADS=1, or threads of the linear algebra are counted that only wait.
"""

import argparse
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

import numpy as np

from gen import audio
from gen.watermark import files
from gen.watermark.mark import Watermark
from gen.watermark.payload import PUBLIC_KEY

MESSAGE = bytes.fromhex("0123456789abcdef0011223344556677")
OURS = Watermark(PUBLIC_KEY, id_bytes=16)
COMPILED = Watermark(PUBLIC_KEY, id_bytes=16, compiled=True)
Work = Callable[[], object]


def seconds_of(work: Work) -> float:
    """Processor seconds, children included."""

    def spent() -> float:
        used = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
        return sum(each.ru_utime + each.ru_stime for each in used)

    before = spent()
    work()
    return spent() - before


def rows(program: str, source: Path, folder: Path) -> dict[str, tuple[Work, Work]]:
    """What is timed: ours and theirs."""
    music = audio.load(source)
    marked = OURS.embed(music, MESSAGE)
    COMPILED.embed(music, MESSAGE)
    theirs = folder / "theirs.wav"

    def run(*words: str | Path) -> Work:
        return lambda: subprocess.run([program, "-q", *words], stdout=subprocess.DEVNULL, check=False)

    def from_file_to_file(ours: Watermark) -> Work:
        return lambda: files.embed(ours, source, folder / "ours.wav", MESSAGE)

    write = run("add", source, theirs, MESSAGE.hex())
    write()
    return {
        "mark": (lambda: OURS.embed(music, MESSAGE), write),
        "mark, compiled": (lambda: COMPILED.embed(music, MESSAGE), write),
        "mark, file to file": (from_file_to_file(OURS), write),
        "mark, compiled, file to file": (from_file_to_file(COMPILED), write),
        "read, marked": (lambda: OURS.detect(marked), run("get", theirs)),
        "read, unmarked": (lambda: OURS.detect(music), run("get", source)),
        "read, unmarked, speed search": (
            lambda: OURS.detect(music, search_speed=True),
            run("get", "--detect-speed", source),
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--audiowmark", required=True, metavar="PROGRAM")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", metavar="TEXT", help="only rows whose name matches this expression")
    chosen = parser.parse_args()
    duration = audio.load(chosen.file).duration
    with tempfile.TemporaryDirectory() as name:
        print(f"| {duration:.0f} s, x real time: best (median) | ours | audiowmark | ratio of the best |")
        print("|---|---|---|---|")
        for row, works in rows(chosen.audiowmark, chosen.file, Path(name)).items():
            if not re.search(chosen.only, row):
                continue
            spent = np.array([[seconds_of(work) for work in works] for _ in range(chosen.rounds)])
            best, middle = duration / spent.min(axis=0), duration / np.median(spent, axis=0)
            cells = [f"{fast:.3g} ({usual:.3g})" for fast, usual in zip(best, middle, strict=True)]
            print(f"| {row} | {' | '.join(cells)} | {best[0] / best[1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
