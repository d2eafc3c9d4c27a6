"""What somebody can do who wants the mark gone, or on something else, as Markdown.

    python benchmarks/watermark_security.py FILE FILE ...

The first file is attacked; the others are what the attacker has beside it. Each row says what was read afterwards under
the holder's key, and what the attack cost: SNR against the marked file.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gen import audio
from gen.watermark import attacks
from gen.watermark.align import CHIP_STEPS, Alignment, soft_chips, soft_tiles
from gen.watermark.embed import Embedder
from gen.watermark.mark import Watermark
from gen.watermark.patterns import PERIOD, Pattern
from gen.watermark.payload import beginning
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


def trials(host: Waveform, marked: Waveform, others: list[Waveform]) -> Iterator[tuple[str, Waveform]]:
    yield "nothing", marked
    for ids in (False, True):
        kind = "each its own id" if ids else "one id for all"
        yield f"averaged over 100 tracks, {kind}, and the opposite written", averaged(marked, others, 100, ids)
    copied = np.sign(guessed(marked, beginning(KEY, ID, PERIOD)))
    yield "copied: signs seen in the marked file written into another", rewritten(others[0], copied, 0, 1.0)
    written = marked
    for count in range(1, 6):
        written = Watermark(b"one of the other keys" + bytes([count])).embed(written, SECOND)
        if count in (1, 3, 5):
            yield f"overwritten under {count} other keys", written
    for strength in (2.0, 3.0, 4.0, 6.0):
        random = np.sign(np.random.default_rng(int(strength)).standard_normal(copied.shape))
        yield (
            f"random signs at strength {strength:g}, as an oracle would be asked with",
            rewritten(marked, random, 0, strength),
        )
    yield "the same id written twice", HOLDER.embed(marked, ID)
    collusion = (marked.samples + HOLDER.embed(host, SECOND).samples) / 2
    yield "mean of two copies with different ids", Waveform(collusion, host.rate)
    for milliseconds in (1.0, 3.0, 10.0):
        yield f"jitter of {milliseconds:g} ms", attacks.jitter(marked, milliseconds)
    yield "denoiser, 12 dB", attacks.denoise(marked)
    yield "denoiser, 24 dB", attacks.denoise(marked, 24)
    yield "made again from its mel spectrogram (128 bands, Griffin-Lim)", vocoded(marked)


def vocoded(waveform: Waveform) -> Waveform:
    import librosa

    channel = waveform.mono().samples[0]
    mel = librosa.feature.melspectrogram(y=channel, sr=waveform.rate, n_fft=2048, hop_length=512, n_mels=128)
    made = librosa.feature.inverse.mel_to_audio(mel, sr=waveform.rate, n_fft=2048, hop_length=512, n_iter=16)
    return Waveform(np.asarray(made, np.float32)[None], waveform.rate)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    host, *others = [audio.load(file) for file in parser.parse_args().files]
    marked = HOLDER.embed(host, ID)
    print("| attack | read | score | SNR dB |\n|---|---|---|---|")
    for attack, result in trials(host, marked, others):
        found = HOLDER.detect(result)
        names = " and ".join("its id" if each == ID else "the second id" for each in sorted({f.id for f in found}))
        score = max((each.score for each in found), default=0.0)
        snr = ""
        if (result.rate, result.channels, result.frames) == (marked.rate, marked.channels, marked.frames):
            changed = np.square(result.samples - marked.samples, dtype=np.float64).sum()
            snr = f"{10 * np.log10(np.square(marked.samples, dtype=np.float64).sum() / (changed + 1e-12)):.1f}"
        print(f"| {attack} | {names or 'nothing'} | {score:.1f} | {snr} |", flush=True)


if __name__ == "__main__":
    main()
