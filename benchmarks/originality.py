"""What the originality guard finds of a training recording that a model repeats, and how long it takes.

Run with ``python benchmarks/originality.py``. Known are the four performed scores of this project; repeated are fifteen
seconds of the prelude BWV 846, changed in many ways. Then the music in it: half a minute of each score is performed
anew, in another key, at another tempo, on another instrument. Prints tables in Markdown. One thread; set
OMP_NUM_THREADS=1.

With ``--corpus DIR`` also how often it is wrong: every minute of each recording in DIR is compared with the recordings
of other folders there, as music that nobody copied.
"""

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any

START, SECONDS = 20.04, 15.0
OFFSETS = (20.0, 20.031, 20.062)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What the originality guard finds.")
    parser.add_argument("--corpus", type=Path, help="a folder with a folder of recordings for each composer")
    options = parser.parse_args()
    repeats()
    performed_again()
    reckoned()
    if options.corpus:
        mistaken(options.corpus)


def repeats() -> None:
    """The very sound."""
    import numpy as np
    import python_stretch
    import torch

    import gen
    from gen import instruments, score
    from gen.features import log_mel
    from gen.fingerprint import Fingerprint, fingerprint
    from gen.models.magnitude import magnitude_from_mel
    from gen.models.phase import propagate_phase, with_phase
    from gen.models.refinement import refine_phase
    from gen.originality import longest_repeat
    from gen.preset import load_preset
    from gen.waveform import Waveform

    torch.set_num_threads(1)
    paths = sorted((Path(gen.__file__).parent / "scores").rglob("*.abc"))
    known = {path.stem: fingerprint(instruments.render(score.read(path))) for path in paths}
    prelude = instruments.render(score.read(next(path for path in paths if path.stem == "prelude-bwv846")))
    mel = load_preset("tiny").mel

    def told(name: str, made: Fingerprint, others: list[Fingerprint]) -> None:
        found = longest_repeat(made, others)
        print(f"| {name} | {'none' if found is None else f'{found.seconds:.1f} s, {found.similarity:.2f} alike'} |")

    def through_mel(waveform: Waveform) -> Waveform:
        frames = log_mel(torch.from_numpy(waveform.mono().samples.copy()), mel)
        magnitude = magnitude_from_mel(frames.exp(), mel)
        phase = propagate_phase(magnitude, mel.window, mel.hop)
        bins = with_phase(magnitude, phase)
        samples = refine_phase(bins, mel.window, mel.hop, 4, (frames.shape[-1] - 1) * mel.hop)
        return Waveform(samples.numpy(), waveform.rate)

    def stretched(waveform: Waveform, tempo: float = 1.0, semitones: float = 0.0) -> Waveform:
        stretch = python_stretch.Signalsmith.Stretch()
        stretch.preset(waveform.channels, waveform.rate)
        stretch.timeFactor = tempo
        stretch.setTransposeSemitones(semitones)
        return Waveform(np.ascontiguousarray(stretch.process(waveform.samples.copy())), waveform.rate)

    everything = list(known.values())
    piece = prelude.excerpt(START, START + SECONDS)
    print(f"| {SECONDS:g} s of the prelude | longest repeat |")
    print("|---|---|")
    for offset in OFFSETS:
        cut = prelude.excerpt(offset, offset + SECONDS)
        told(f"from {offset:g} s", fingerprint(cut), everything)
        told(f"from {offset:g} s, through mel and phase reconstruction", fingerprint(through_mel(cut)), everything)
    for tempo in (1.01, 1.02, 1.03, 1.05, 1.1, 0.95, 0.9):
        told(f"tempo x {tempo:g}", fingerprint(stretched(piece, tempo)), everything)
    for semitones in (0.1, 0.25, 0.5, 1.0, 2.0):
        told(f"pitch + {semitones:g} semitones", fingerprint(stretched(piece, 1.0, semitones)), everything)
    for rate in (44200, 44500, 45000):
        faster = Waveform(piece.samples, rate).resampled(44100)
        told(f"played {rate / 441 - 100:.1f} % faster", fingerprint(faster), everything)
    for name, made in known.items():
        told(f"all of {name}, in the other scores", made, [codes for other, codes in known.items() if other != name])
    began = time.process_time()
    longest_repeat(fingerprint(piece), everything * 10)
    codes = len(fingerprint(piece).codes) * sum(len(each.codes) for each in everything) * 10
    print(
        f"\n{(time.process_time() - began) / codes * 1e9:.1f} ns for each pair of codes, with fingerprinting the piece"
    )


def performed_again() -> None:
    """The music in it."""
    import gen
    from gen import instruments, score
    from gen.fingerprint import fingerprint
    from gen.harmony import harmony
    from gen.originality import longest_repeat
    from gen.paraphrase import nearest

    scores = [score.read(path) for path in sorted((Path(gen.__file__).parent / "scores").rglob("*.abc"))]
    played = [instruments.render(each) for each in scores]
    known, sounds = [harmony(each) for each in played], [fingerprint(each) for each in played]
    print("\n| half a minute of each score, performed anew | found by its music | likeness | found by its sound |")
    print("|---|---|---|---|")
    for instrument, semitones, tempo in (
        ("harpsichord", 0, 1.0),
        ("piano", 3, 1.0),
        ("harpsichord", -5, 1.0),
        ("piano", 0, 1.1),
        ("harpsichord", 4, 0.93),
        ("piano", -2, 1.2),
    ):
        found, alike, heard = 0, [], 0
        for number, each in enumerate(scores):
            made = instruments.render(_moved(each, semitones, tempo), instrument=instrument)
            likest = nearest(harmony(made), known)
            alike.append(0.0 if likest is None else likest.likeness)
            right = likest is not None and likest.recording == number and likest.semitones == semitones
            found += right and likest is not None and likest.seconds > 0
            repeat = longest_repeat(fingerprint(made), sounds)
            heard += repeat is not None and repeat.seconds > 5
        name = f"{instrument}, {semitones:+d} semitones, tempo x {tempo:g}"
        print(
            f"| {name} | {found} of {len(scores)} | {min(alike):.2f} to {max(alike):.2f} | {heard} of {len(scores)} |"
        )


def _moved(score: Any, semitones: int, tempo: float, seconds: float = 30.0) -> Any:
    notes = tuple(
        dataclasses.replace(note, pitch=note.pitch + semitones)
        for note in score.notes
        if note.start < seconds * score.tempo / 60
    )
    return dataclasses.replace(score, notes=notes, tempo=score.tempo * tempo)


def reckoned() -> None:
    """What it costs: a minute against four hours in recordings of two minutes, of random notes."""
    import numpy as np

    from gen.config import RATE
    from gen.harmony import Harmony, harmony
    from gen.paraphrase import nearest
    from gen.waveform import Waveform

    random = np.random.default_rng(1)

    def notes(steps: int) -> Harmony:
        return Harmony(np.rint(30 * random.normal(size=(steps, 12)).clip(-4, 4)).astype(np.int8))

    known, made = [notes(240) for _ in range(120)], notes(120)
    minute = Waveform(random.normal(0, 0.1, (1, 60 * RATE)).astype(np.float32), RATE)
    times = []
    for _ in range(3):
        began = time.process_time()
        harmony(minute)
        between = time.process_time()
        nearest(made, known)
        times.append((between - began, time.process_time() - between))
    listening, comparing = (min(each) for each in zip(*times, strict=True))
    print(f"\n{listening:.3f} s to hear the harmony of a minute, {comparing:.3f} s to compare it with four hours")


def mistaken(corpus: Path) -> None:
    """Music that nobody copied."""
    import numpy as np

    from gen.audio import load
    from gen.corpus import scan
    from gen.harmony import Harmony, harmony
    from gen.paraphrase import nearest

    heard = [(path.parent, harmony(load(path).mono())) for path in scan(corpus).recordings]
    likest = []
    for folder, whole in heard:
        others = [each for other, each in heard if other != folder]
        for first in range(0, max(1, len(whole.steps) - 119), 120):
            likest.append(nearest(Harmony(whole.steps[first : first + 120]), others))
    alarms = sum(found is not None and found.seconds > 0 for found in likest)
    alike = np.percentile([0.0 if found is None else found.likeness for found in likest], [50, 90, 99, 100])
    print(f"\n{alarms} false alarms in {len(likest)} pieces of a minute; likeness, 50, 90, 99, 100 %: {alike.round(2)}")


if __name__ == "__main__":
    main()
