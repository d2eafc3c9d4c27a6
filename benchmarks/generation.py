"""How fast music is made: 30 s of it, against librosa's Griffin-Lim on the very same mel frames.

Run with ``python benchmarks/generation.py [weights.safetensors]``; without weights, the networks of the preset `tiny`
are measured untrained, which takes as long. Prints a table in Markdown. One thread for both.
"""

import sys
import time
from pathlib import Path

SECONDS = 30


def main() -> None:
    """Measure and print."""
    import librosa
    import numpy as np
    import torch

    from gen.config import RATE
    from gen.features import log_mel
    from gen.generate import GenerationRequest, Generator
    from gen.models.latent import latent_of
    from gen.models.lstm_gan import LstmGenerator
    from gen.models.vocoder import Vocoder
    from gen.preset import load_preset
    from gen.training.initial import initialise

    torch.set_num_threads(1)
    if len(sys.argv) > 1:
        generator = Generator.load(Path(sys.argv[1]))
    else:
        preset = load_preset("tiny")
        model = LstmGenerator(preset.generator, latent_of(preset.latent, preset.mel), 2, preset.generator.codes)
        vocoder = Vocoder(preset.vocoder, preset.mel)
        random = torch.Generator().manual_seed(1)
        initialise(model, random)
        initialise(vocoder, random)
        with torch.no_grad():
            model.latent.mean.fill_(-4)
            model.latent.basis.normal_(0, 0.1, generator=random)
        generator = Generator(preset, ("a", "b"), model.eval(), vocoder.eval())
    generator.render(GenerationRequest(RATE, 1))
    began = time.perf_counter()
    waveform = generator.render(GenerationRequest(SECONDS * RATE, 1)).waveform
    ours = time.perf_counter() - began

    mel = generator.preset.mel
    frames = log_mel(torch.from_numpy(waveform.samples[0].copy()), mel).exp().numpy()
    began = time.perf_counter()
    magnitude = librosa.feature.inverse.mel_to_stft(
        frames, sr=RATE, n_fft=mel.window, power=1.0, fmin=mel.lowest, fmax=mel.highest
    )
    inverted = time.perf_counter() - began
    began = time.perf_counter()
    librosa.griffinlim(np.asarray(magnitude), n_iter=32, hop_length=mel.hop, n_fft=mel.window)
    griffin_lim = time.perf_counter() - began

    print(f"| {SECONDS} s at 44.1 kHz, one thread | seconds | x real time |")
    print("|---|---|---|")
    for name, took in (
        ("generate (LSTM and vocoder)", ours),
        ("librosa.griffinlim, 32 iterations, magnitude given", griffin_lim),
        ("librosa mel_to_stft and griffinlim", inverted + griffin_lim),
    ):
        print(f"| {name} | {took:.2f} | {SECONDS / took:.1f} |")
    print(f"\nFaster than librosa.griffinlim alone {griffin_lim / ours:.2f} times,")
    print(f"than librosa from mel {(inverted + griffin_lim) / ours:.2f} times.")


if __name__ == "__main__":
    main()
