"""What the originality guard finds of a training recording that a model repeats, and how long it takes.

Run with ``python benchmarks/originality.py``. Known are the four performed scores of this project; repeated are fifteen
seconds of the prelude BWV 846, changed in many ways. Prints a table in Markdown. One thread.
"""

import time
from pathlib import Path

START, SECONDS = 20.04, 15.0
OFFSETS = (20.0, 20.031, 20.062)


def main() -> None:
    """Measure and print."""
    import numpy as np
    import python_stretch
    import torch

    import gen
    from gen import instruments, score
    from gen.features import log_mel
    from gen.fingerprint import Fingerprint, fingerprint
    from gen.models.phase import magnitude_from_mel, propagate_phase, refine_phase
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
        samples = refine_phase(magnitude, phase, mel.window, mel.hop, 4, (frames.shape[-1] - 1) * mel.hop)
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


if __name__ == "__main__":
    main()
