"""Music that every test can make again, sample for sample: chords and a tune out of sines, from a seed."""

import numpy as np

from gen.audio import Waveform


def chords(
    seconds: float, seed: int = 1, *, rate: int = 44100, channels: int = 2, beat: float = 0.5, noise: float = 0.0
) -> Waveform:
    """A progression of triads under a wandering tune, each note with four partials and a soft attack; white noise."""
    pick = np.random.default_rng(seed)
    time = np.arange(int(beat * rate)) / rate
    envelope = np.minimum(1.0, time / 0.02) * np.exp(-time * 1.5)
    degrees = [0, 2, 4, 5, 7, 9, 11]
    left, right = [], []
    for _ in range(int(np.ceil(seconds / beat))):
        root = int(pick.integers(0, 7))
        triad = [48 + degrees[(root + step) % 7] + 12 * ((root + step) // 7) for step in (0, 2, 4)]
        notes = [*triad, int(60 + 12 * pick.integers(0, 2) + degrees[pick.integers(0, 7)])]
        sound = np.zeros((len(notes), len(time)))
        for voice, note in enumerate(notes):
            hertz = 440.0 * 2 ** ((note - 69) / 12)
            for partial in (1, 2, 3, 4):
                sound[voice] += envelope * np.sin(2 * np.pi * hertz * partial * time) / partial**2
        left.append(0.12 * (sound[:3].sum(axis=0) + 0.6 * sound[3]))
        right.append(0.12 * (sound[:3].sum(axis=0) + 1.2 * sound[3]))
    both = np.stack([np.concatenate(left), np.concatenate(right)])[:, : int(seconds * rate)]
    if noise:
        both = both + noise * pick.standard_normal(both.shape)
    return Waveform(both if channels == 2 else both[:1], rate)
