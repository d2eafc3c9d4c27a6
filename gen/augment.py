"""Variations of a window of music: pitch, length, level, sign, noise; the same for the same seed, epoch and window.

Pitch and length are changed in one pass by Signalsmith Stretch (python-stretch, MIT), which keeps what sounds together
together; librosa's phase vocoder would need a pass for each.
"""

import numpy as np
import numpy.typing as npt

from gen.config import RATE, AugmentConfig

VERSION = 1
"""Goes up whenever the same window, settings and seed give other samples."""


def augment(
    samples: npt.NDArray[np.float32], config: AugmentConfig, seed: int, epoch: int, window: int
) -> npt.NDArray[np.float32]:
    """A varied copy of samples at 44.1 kHz, float32 (N,), or (2, N) for stereo, of the same length.

    Of music that became longer the middle is kept, and music that became shorter is repeated from its start. seed,
    epoch and window (all >= 0) decide everything: nothing depends on what was augmented before, or by which process.
    """
    random = np.random.default_rng([seed, epoch, window])
    # Every number is drawn whether it is used or not, so that one setting does not change what another one does.
    chance, semitones, stretch, gain, sign = random.uniform(-1, 1, 5)
    varied = samples
    if (chance + 1) / 2 < config.share:
        varied = _stretched(samples, semitones * config.shift, 1 + stretch * config.stretch)
    if config.gain > 0:
        varied = varied * np.float32(10 ** (gain * config.gain / 20))
    if config.invert and sign < 0:
        varied = -varied
    if config.noise < 0:
        hiss = random.standard_normal(samples.shape[-1], dtype=np.float32)
        varied = varied + hiss * np.float32(10 ** (config.noise / 20))
    return samples.copy() if varied is samples else varied


def _stretched(samples: npt.NDArray[np.float32], semitones: float, factor: float) -> npt.NDArray[np.float32]:
    from python_stretch import Signalsmith

    sound = np.atleast_2d(samples)
    channels, length = sound.shape
    machine = Signalsmith.Stretch()
    machine.preset(channels, RATE, True)
    machine.setTransposeSemitones(semitones)
    machine.setTimeFactor(1 / factor)
    made = machine.process(np.array(sound))
    found = made.shape[1]
    if found < length:
        made = np.tile(made, (1, -(-length // max(1, found))))[:, :length] if found else sound
    first = (made.shape[1] - length) // 2
    return np.asarray(made[:, first : first + length], dtype=np.float32).reshape(samples.shape)
