"""What somebody can do who wants the mark gone, or on something else, as Markdown.

    python benchmarks/watermark_security.py [--vocoder WEIGHTS] [--questions 1500] [--only TEXT] FILE FILE ...

The first file is attacked; the others are what the attacker has beside it. Each row says what was read afterwards under
the holder's key, and what the attack cost: SNR against the marked file. WEIGHTS is a weights file of ours, whose
vocoder makes the music again from its mel spectrogram.
"""

import argparse
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from gen import audio
from gen.watermark import attacks
from gen.watermark.align import CHIP_STEPS, Alignment, soft_chips, soft_tiles
from gen.watermark.embed import Embedder
from gen.watermark.mark import Watermark
from gen.watermark.patterns import PERIOD, Pattern
from gen.watermark.payload import PUBLIC_KEY, beginning, encode
from gen.watermark.tiles import STEPS, Analysis, level
from gen.waveform import Waveform

KEY = b"the holder's key, unknown to others"
ID, SECOND = bytes(range(8)), bytes(range(8, 16))
HOLDER = Watermark(KEY)


def alignment(waveform: Waveform) -> Alignment:
    analysis = Analysis(waveform.rate)
    gain = level(waveform.samples, waveform.rate) ** 2
    rows = np.concatenate([analysis.decibels(power, gain) for power in analysis.powers(waveform.samples)])
    return Alignment.of(soft_chips(soft_tiles(rows)), Pattern.of(KEY, 8).pilots)


def guessed(waveform: Waveform, begin: int) -> np.ndarray:
    """The chips of a track folded as somebody would who knows where its pattern begins: float32 (PERIOD, BANDS)."""
    aligned = alignment(waveform)
    # Tiles begin half a frame before the audio: one step counter less than a chip.
    delay = (-begin * CHIP_STEPS - STEPS) % (PERIOD * CHIP_STEPS)
    return aligned.fold(np.full(aligned.blocks, delay), 0)


def rewritten(waveform: Waveform, signs: np.ndarray, begin: int, strength: float) -> Waveform:
    embedder = Embedder(waveform.rate, waveform.channels, signs.astype(np.float32), begin, strength)
    return Waveform(np.concatenate([embedder.push(waveform.samples), embedder.finish()], axis=1), waveform.rate)


def averaged(marked: Waveform, others: list[Waveform], tracks: int, ids: bool) -> Waveform:
    """Estimate the pattern from many marked tracks and write its opposite. ids: each track has its own."""
    total = np.zeros_like(guessed(marked, 0))
    for number in range(tracks):
        host = others[number % len(others)]
        start = 0.7 * (number // len(others))
        host = host.excerpt(start, start + 10)
        identity = number.to_bytes(8) if ids else ID
        # With one id, all patterns begin at the same place: the attacker need not know it.
        total += guessed(HOLDER.embed(host, identity), 0)
    return rewritten(marked, -np.sign(total), 0, 1.0)


def disliked(marked: Waveform, questions: int) -> np.ndarray:
    """What to write to lower the score that the holder's detector tells, learnt by asking it: (PERIOD, BANDS).

    Random signs are written, each time others, and added up by how much the score moved (evolution strategies, as in
    black-box attacks on classifiers; Ilyas and others 2018). The detector does not tell a score when it finds nothing.
    """
    pick = np.random.default_rng(7)
    shape = Pattern.of(KEY, 8).signs.shape
    total = np.zeros(shape)
    [found] = HOLDER.detect(marked)
    for _ in range(questions):
        signs = pick.choice([-1.0, 1.0], shape)
        told = HOLDER.detect(rewritten(marked, signs, 0, 0.7))
        total += signs * (found.score - (told[0].score if told else 0.0))
    return np.sign(total)


def trials(
    host: Waveform, others: list[Waveform], vocoder: Path | None, questions: int
) -> Iterator[tuple[str, Callable[[], Waveform], Waveform]]:
    """Name, attack, and the marked audio it begins with."""
    marked = HOLDER.embed(host, ID)
    yield "nothing", lambda: marked, marked
    for ids in (False, True):
        kind = "each its own id" if ids else "one id for all"
        name = f"averaged over 100 tracks, {kind}, and the opposite written"
        yield name, lambda ids=ids: averaged(marked, others, 100, ids), marked
    copied = np.sign(guessed(marked, beginning(KEY, ID, PERIOD)))
    name = "copied: signs seen in the marked file written into another"
    yield name, lambda: rewritten(others[0], copied, 0, 1.0), marked
    written = marked
    for count in range(1, 6):
        written = Watermark(b"one of the other keys" + bytes([count])).embed(written, SECOND)
        if count in (1, 3, 5):
            yield f"overwritten under {count} other keys", lambda written=written: written, marked
    for strength in (2.0, 3.0, 4.0, 6.0):
        random = np.sign(np.random.default_rng(int(strength)).standard_normal(copied.shape))
        name = f"random signs at strength {strength:g}"
        yield name, lambda random=random, strength=strength: rewritten(marked, random, 0, strength), marked
    short = HOLDER.embed(host.mono().excerpt(8, 12), ID)
    learnt: list[np.ndarray] = []
    for strength in (0.7, 1.0, 1.5, 2.0, 3.0, 4.0):

        def asked(strength: float = strength) -> Waveform:
            if not learnt:
                learnt.append(disliked(short, questions))
            return rewritten(short, learnt[0], 0, strength)

        yield f"4 s: {questions} questions to the detector, the answer written at strength {strength:g}", asked, short
    both = Watermark(PUBLIC_KEY).embed(marked, SECOND)
    yield "the public layer written too", lambda: both, marked
    known = Pattern.of(PUBLIC_KEY, 8).write(encode(PUBLIC_KEY, SECOND))
    begin = beginning(PUBLIC_KEY, SECOND, PERIOD)
    yield "the public layer written too, and its opposite", lambda: rewritten(both, -known, begin, 1.0), marked
    yield "the same id written twice", lambda: HOLDER.embed(marked, ID), marked
    collusion = (marked.samples + HOLDER.embed(host, SECOND).samples) / 2
    yield "mean of two copies with different ids", lambda: Waveform(collusion, host.rate), marked
    for milliseconds in (1.0, 3.0, 10.0):
        yield f"jitter of {milliseconds:g} ms", lambda ms=milliseconds: attacks.jitter(marked, ms), marked
    yield "denoiser, 12 dB", lambda: attacks.denoise(marked), marked
    yield "denoiser, 24 dB", lambda: attacks.denoise(marked, 24), marked
    yield "made again from its mel spectrogram (128 bands, Griffin-Lim)", lambda: vocoded(marked), marked
    if vocoder:
        yield "made again by our own vocoder", lambda: performed(marked, vocoder), marked


def vocoded(waveform: Waveform) -> Waveform:
    import librosa

    channel = waveform.mono().samples[0]
    mel = librosa.feature.melspectrogram(y=channel, sr=waveform.rate, n_fft=2048, hop_length=512, n_mels=128)
    made = librosa.feature.inverse.mel_to_audio(mel, sr=waveform.rate, n_fft=2048, hop_length=512, n_iter=16)
    return Waveform(np.asarray(made, np.float32)[None], waveform.rate)


def performed(waveform: Waveform, weights: Path) -> Waveform:
    """Mono, at 44.1 kHz, by the vocoder of a weights file from its own mel frames."""
    import torch

    from gen.features import log_mel
    from gen.training.checkpoint import load_checkpoint

    vocoder = load_checkpoint(weights).vocoder
    mono = waveform.mono().resampled(44100)
    samples = torch.from_numpy(np.array(mono.samples[:, : mono.frames // vocoder.mel.hop * vocoder.mel.hop]))
    with torch.no_grad():
        made = vocoder.mid(log_mel(samples, vocoder.mel), torch.Generator().manual_seed(0))
    return Waveform(made.numpy(), 44100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--vocoder", type=Path, metavar="WEIGHTS")
    parser.add_argument("--questions", type=int, default=1500)
    parser.add_argument("--only", default="", metavar="TEXT", help="only attacks whose name matches this expression")
    chosen = parser.parse_args()
    host, *others = [audio.load(file) for file in chosen.files]
    print("| attack | read | score | SNR dB |\n|---|---|---|---|")
    for name, attack, before in trials(host, others, chosen.vocoder, chosen.questions):
        if not re.search(chosen.only, name):
            continue
        result = attack()
        found = HOLDER.detect(result)
        names = " and ".join("its id" if each == ID else "the second id" for each in sorted({f.id for f in found}))
        score = max((each.score for each in found), default=0.0)
        snr = ""
        if (result.rate, result.channels, result.frames) == (before.rate, before.channels, before.frames):
            changed = np.square(result.samples - before.samples, dtype=np.float64).sum()
            whole = np.square(before.samples, dtype=np.float64).sum()
            snr = f"{10 * np.log10(whole / changed):.1f}" if changed else ""
        print(f"| {name} | {names or 'nothing'} | {score:.1f} | {snr} |", flush=True)


if __name__ == "__main__":
    main()
